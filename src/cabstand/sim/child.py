"""What simulated partners and drivers have in common as processes: a log, and an end together with their parent."""

import asyncio
import logging
import os
import signal
import sys

import structlog

log = structlog.get_logger()


def over(*, watch_stdin: bool) -> asyncio.Event:
    """Set when we are to end: on SIGTERM, SIGINT, and with the end of our standard input if that is watched."""
    event, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)
    if watch_stdin:

        def read() -> None:
            if not os.read(sys.stdin.fileno(), 4096):
                loop.remove_reader(sys.stdin.fileno())
                event.set()

        try:
            loop.add_reader(sys.stdin.fileno(), read)
        except (OSError, ValueError):  # a plain file, as in `< /dev/null`: nobody is at its other end
            log.debug("standard input cannot be watched")
    return event


def log_to_standard_error() -> None:
    """As the exchange does whose child we are: for people on a terminal, else a JSON object a line."""
    people = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.add_log_level,
            *([] if people else [structlog.processors.format_exc_info]),
            structlog.dev.ConsoleRenderer() if people else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
