"""Logging: one line per event to standard error, as JSON for machines or as text for people, never with a secret."""

import json
import logging
import sys
from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from datetime import date
from functools import lru_cache
from typing import Any, BinaryIO, Final, Literal, cast

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from cabstand.core.clock import utcnow

HIDDEN: Final = "***"
SECRET_NAMES: Final = frozenset(
    {"authorization", "key", "secret", "password", "access_token", "x_api_key", "api_key", "token", "refresh_token"}
    | {"client_secret", "secret_key", "cookie"}
)
REQUEST: Final[ContextVar[str | None]] = ContextVar("request", default=None)
"""The id of the request that is answered; it stands in every line that is logged meanwhile."""
DEEPEST: Final = 6  # levels of a nested value that are written
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_LEVELS: Final = {"warn": "warning", "exception": "error", "fatal": "critical"}
_ENCODER: Final = msgspec.json.Encoder(enc_hook=repr)


def configure(
    level: Literal["debug", "info", "warning", "error"],
    fmt: Literal["json", "console"] | None = None,
    *,
    stream: BinaryIO | None = None,
) -> None:
    """Set up structlog and the standard library's logging for this process; a later call replaces an earlier one.

    Without `fmt`: console if the stream is a terminal, else JSON. `stream` is standard error unless told.
    Give uvicorn `log_config=None, access_log=False`: its own configuration would undo this one.
    """
    out = stream if stream is not None else sys.stderr.buffer
    terminal = out.isatty()
    render = _console(terminal) if fmt == "console" or (fmt is None and terminal) else [_json]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _of_request,
            _stamp,
            structlog.processors.format_exc_info,
            hide_secrets,
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(cast(BinaryIO, _Tolerant(out))),
        cache_logger_on_first_use=True,
    )
    _bridge_standard_logging()


def logger(area: str) -> FilteringBoundLogger:
    """A logger for one part of the program; `area` stands in each of its lines."""
    return cast(FilteringBoundLogger, structlog.get_logger(area=area))


def plain_lines(log: FilteringBoundLogger) -> Callable[..., None]:
    """A quicker `log.info(event, **values)`, for lines that are written for every request.

    The values must be numbers or strings, and no secrets: nothing looks at them. Of the context only that of `log` is
    added, not that of the task. As logging is configured now; for people the lines are written as all others.
    """
    config = structlog.get_config()
    if config["processors"][-1] is not _json or not log.is_enabled_for(logging.INFO):
        return log.info
    out, context = config["logger_factory"](), structlog.get_context(log)

    def write(event: str, **values: str | float) -> None:
        out.msg(_json(None, "info", {"timestamp": utcnow(), "level": "info", "event": event, **context, **values}))

    return write


def mark_logged(error: BaseException) -> None:
    """Say that this exception's traceback has been written, so that the server's own report of it is dropped."""
    error.__dict__["cabstand_logged"] = True


def hide_secrets(_log: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cover values whose names say secret, at every depth, and reduce other objects to their repr.

    The second half matters as much: a dataclass or struct would be written field by field, past its own repr.
    """
    for name, value in event.items():
        if _is_secret(name):
            event[name] = HIDDEN
        elif type(value) not in _PLAIN:
            event[name] = _safe(value)
    return event


@lru_cache(1024)
def _is_secret(name: str) -> bool:
    return name.lower().replace("-", "_") in SECRET_NAMES


def _safe(value: object, depth: int = 0) -> object:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, str | int | float | date):
        return value
    if depth == DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {str(name): HIDDEN if _is_secret(str(name)) else _safe(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(item, depth + 1) for item in value]
    return repr(value)


def _of_request(_log: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    request_id = REQUEST.get()
    return event if request_id is None else {"request_id": request_id, **event}


def _stamp(_log: WrappedLogger, method: str, event: MutableMapping[str, Any]) -> EventDict:
    """Time, level and event lead the line."""
    head = {"timestamp": utcnow(), "level": _LEVELS.get(method, method), "event": event.pop("event", None)}
    return {**head, **event}


def _json(_log: WrappedLogger, _method: str, event: EventDict) -> bytes:
    try:
        return _ENCODER.encode(event)
    except (ValueError, OverflowError):  # lone surrogates, integers beyond 64 bits: JSON's own escapes carry them
        return json.dumps(event, default=str).encode()


def _console(terminal: bool) -> list[Processor]:
    # The plain traceback: the richer ones print local variables, and those hold secrets.
    renderer = structlog.dev.ConsoleRenderer(
        colors=terminal, exception_formatter=structlog.dev.plain_traceback, pad_event_to=24
    )

    def render(log: WrappedLogger, method: str, event: EventDict) -> bytes:
        return renderer(log, method, event).encode(errors="backslashreplace")

    return [_one_line, render]


def _one_line(_log: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape control characters: a path with a line break must not look like a line of the log."""
    for name, value in event.items():
        if name == "timestamp":
            event[name] = value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        elif name != "exception":
            text = value if isinstance(value, str) else str(value)
            event[name] = text if text.isprintable() else text.encode("unicode_escape").decode()
    return event


class _Tolerant:
    """A stream that loses a line instead of failing: a full disk or a closed terminal must not fail a request."""

    def __init__(self, stream: BinaryIO) -> None:
        self._write = stream.write
        self._flush = stream.flush
        self.lost = 0

    def write(self, line: bytes) -> None:
        try:
            self._write(line)
            self._flush()
        except (OSError, ValueError):  # ValueError: the stream was closed
            self.lost += 1

    def flush(self) -> None:
        """Nothing is left to flush."""


class _Bridge(logging.Handler):
    """Hands what libraries say through `logging` to structlog, so that it gets the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and "cabstand_logged" in error.__dict__:
            return
        try:
            extra = {"exc_info": error} if error is not None else {}
            level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)  # libraries may have their own
            structlog.get_logger().log(level, record.getMessage().strip(), logger=record.name, **extra)
        except Exception:  # as every handler of the standard library does: a bad format string is reported, not raised
            self.handleError(record)


def _bridge_standard_logging() -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Bridge)]:
        root.removeHandler(handler)
    root.addHandler(_Bridge())
    root.setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        server = logging.getLogger(name)
        server.handlers.clear()
        server.propagate = True
        server.setLevel(logging.NOTSET)
    logging.getLogger("uvicorn.access").disabled = True  # ours says the same, with the operation
