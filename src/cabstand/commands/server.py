"""What `up` and `serve` share: a listening socket, and the web server that answers on it until it is told to stop."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from cabstand.app import Exchange, Role, create_app
from cabstand.commands.errors import UserError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
DATABASE_WATCH_SECONDS = 0.5
GRACE_SECONDS = 10  # for requests under way when the exchange stops


def listen(host: str, port: int) -> socket.socket:
    """The socket, before anything slow starts: a port in use is told at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise UserError(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another port with --port.") from None
    listening.set_inheritable(True)
    return listening


def base_url_of(host: str, listening: socket.socket) -> str:
    """How somebody on this machine reaches it."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{listening.getsockname()[1]}"


async def answer(
    exchange: Exchange,
    roles: frozenset[Role],
    listening: socket.socket,
    ready: Callable[[], None],
    *,
    alive: Callable[[], bool] = lambda: True,
) -> None:
    """Answer requests until SIGINT or SIGTERM comes, or `alive` says no; `ready` is called when it begins."""
    config = uvicorn.Config(
        create_app(exchange, roles),
        loop="none",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=64 * 1024,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )

    server = _Server(config, ready, exchange.stopping)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    watching = asyncio.create_task(_watch(alive, server))
    await server.serve(sockets=[listening])
    watching.cancel()


async def _watch(alive: Callable[[], bool], server: uvicorn.Server) -> None:
    """Stop when our database server is gone: whoever started us starts us again, and we go on where it was."""
    while alive():  # noqa: ASYNC110 - the end of a process sets no event
        await asyncio.sleep(DATABASE_WATCH_SECONDS)
    server.should_exit = True


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: it would end the process before our workers have finished."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._ready = ready
        self._stopping = stopping

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What the program itself is made of stays: a full collection that walks over it takes 35 ms, all at once.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)  # what requests leave behind rarely goes in circles: 4 % of a ride's time
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()  # or requests that wait for news would be waited for
        await super().shutdown(sockets)
