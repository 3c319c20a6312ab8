"""A bare ASGI application that answers every request with its own body, on uvicorn as the exchange runs it.

What it costs is what HTTP itself costs here: `python -m benchmarks.echo PORT`.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator

import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

from benchmarks.support import ROOT, START_SECONDS, NotStarted, free_port, reachable


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """The body back, with its length."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def an_echo() -> Iterator[tuple[int, int]]:
    """One in a process of its own: its process id and its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.echo", str(port)], cwd=ROOT)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not reachable(f"http://127.0.0.1:{port}/"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotStarted("the echo")
            time.sleep(0.02)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    config = uvicorn.Config(
        echo, port=int(sys.argv[1]), loop="none", http="httptools", ws="none", lifespan="off", log_config=None
    )
    uvloop.run(uvicorn.Server(config).serve())
