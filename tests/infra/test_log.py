"""Logging: the form of a line, what is left out of it, and the standard library's logging in the same form."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars

from cabstand.infra.log import configure, logger, mark_logged, plain_lines
from cabstand.settings import Settings
from tests.infra.asgi import lines, log_in_memory


@pytest.fixture
def out() -> Iterator[io.BytesIO]:
    with log_in_memory() as stream:
        yield stream


def test_a_json_line_has_time_level_event_area_and_context(out: io.BytesIO) -> None:
    configure("info", "json", stream=out)
    with bound_contextvars(request_id="abc12345"):
        logger("deliveries").info("delivered", door="gett", ms=1.5)
    (line,) = lines(out)
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() == timedelta(0)
    assert line == {
        "level": "info",
        "event": "delivered",
        "area": "deliveries",
        "request_id": "abc12345",
        "door": "gett",
        "ms": 1.5,
    }


def test_what_is_below_the_level_is_not_written(out: io.BytesIO) -> None:
    configure("warning", "json", stream=out)
    log = logger("x")
    log.info("quiet")
    log.warning("loud")
    assert [line["event"] for line in lines(out)] == ["loud"]


def test_without_a_format_a_stream_that_is_no_terminal_gets_json(out: io.BytesIO) -> None:
    configure("info", None, stream=out)
    logger("x").info("hello")
    assert lines(out)[0]["event"] == "hello"


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_secrets_are_never_written(out: io.BytesIO, fmt: Any) -> None:
    configure("info", fmt, stream=out)
    names = ["authorization", "key", "secret", "password", "access_token", "x-api-key", "X-API-Key", "Authorization"]
    logger("x").info(
        "call",
        **dict.fromkeys(names, "hunter2"),
        headers={"Authorization": "hunter2", "accept": "json"},
        listed=[{"password": "hunter2"}],
        settings=Settings(metrics_key="hunter2hunter2hunter2", secret_key=b"hunter2"),
    )
    text = out.getvalue().decode()
    assert "hunter2" not in text
    assert "json" in text


def test_any_value_can_be_logged(out: io.BytesIO) -> None:
    configure("info", "json", stream=out)
    circle: list[object] = []
    circle.append(circle)
    logger("x").info("odd", surrogate="\udc80", big=2**80, raw=b"\xff", circle=circle, kind=object, pair=(1, "a"))
    (line,) = lines(out)
    assert line["surrogate"] == "\udc80"
    assert line["big"] == 2**80
    assert line["raw"] == "b'\\xff'"
    assert line["pair"] == [1, "a"]


def test_an_exception_is_written_with_its_traceback_and_without_local_variables(out: io.BytesIO) -> None:
    configure("info", "json", stream=out)
    hunter = "hunter" + "2"
    try:
        raise ValueError(len(hunter))
    except ValueError as error:
        logger("x").error("failed", exc_info=error)
    (line,) = lines(out)
    assert "Traceback" in line["exception"]
    assert "ValueError: 7" in line["exception"]
    assert "hunter2" not in line["exception"]


def test_the_console_form_is_one_readable_line_even_for_hostile_values(out: io.BytesIO) -> None:
    configure("info", "console", stream=out)
    logger("web").info("request", path="/a\n2026 [error] forged\x1b[2J", status=200)
    (line,) = out.getvalue().decode().splitlines()
    assert "\x1b" not in line
    assert "status=200" in line
    assert "\\n2026" in line


def test_the_console_form_shows_a_traceback(out: io.BytesIO) -> None:
    configure("info", "console", stream=out)
    try:
        raise ValueError("no")
    except ValueError:
        logger("x").exception("failed")
    text = out.getvalue().decode()
    assert "[error" in text
    assert "ValueError: no" in text


def test_the_standard_library_logs_in_the_same_form_from_warning_on(out: io.BytesIO) -> None:
    configure("info", "json", stream=out)
    configure("info", "json", stream=out)  # a second time does not double the lines
    logging.getLogger("aiohttp.client").info("quiet")
    logging.getLogger("aiohttp.client").warning("%s is slow", "it")
    logging.getLogger("uvicorn.access").warning("GET / 200")
    logging.getLogger("other").log(35, "between two levels")
    found = [(line["level"], line["event"], line["logger"]) for line in lines(out)]
    assert found == [("warning", "it is slow", "aiohttp.client"), ("warning", "between two levels", "other")]


def test_a_traceback_that_was_written_is_not_written_again_by_the_server(out: io.BytesIO) -> None:
    configure("info", "json", stream=out)
    known, new = ValueError("known"), ValueError("new")
    mark_logged(known)
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=known)
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=new)
    (line,) = lines(out)
    assert line["event"] == "Exception in ASGI application"
    assert "ValueError: new" in line["exception"]


def test_plain_lines_read_as_others_and_keep_to_the_level(out: io.BytesIO) -> None:
    configure("info", "json", stream=out)
    log = logger("web").bind()
    plain_lines(log)("request", path="/\ud800", status=200)
    log.info("request", path="/\ud800", status=200)
    plain, usual = lines(out)
    assert list(plain) == list(usual)
    assert {**plain, "timestamp": ""} == {**usual, "timestamp": ""}
    configure("warning", "json", stream=out)
    plain_lines(logger("web").bind())("request", status=200)
    assert len(lines(out)) == 2


def test_plain_lines_for_people_are_for_people(out: io.BytesIO) -> None:
    configure("info", "console", stream=out)
    plain_lines(logger("web").bind())("request", path="/a\nb", status=200)
    (line,) = out.getvalue().decode().splitlines()
    assert "status=200" in line


def test_a_stream_that_fails_costs_the_line_and_nothing_else(out: io.BytesIO) -> None:
    configure("info", "json", stream=out)
    log = logger("x")
    log.info("one")
    kept = out.getvalue()
    out.close()
    log.info("two")
    assert b"one" in kept


def test_standard_error_is_the_default_stream(out: io.BytesIO, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    configure("info", "json")
    logger("x").info("hello")
    sys.stderr.flush()
    assert json.loads(capfdbinary.readouterr().err)["event"] == "hello"
