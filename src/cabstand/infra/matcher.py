"""The matcher: a child process that solves batches, because the solver holds the interpreter for its whole run.

Batches and answers go over a pair of sockets as frames: eight bytes of length, then MessagePack with columns as bytes.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any, Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from cabstand.core.dispatch.matching.problem import Cars, Pairs, Problem, Rides, Weights

_LENGTH: Final = struct.Struct("<Q")
_PR_SET_PDEATHSIG: Final = 1
_GOOD_ENOUGH: Final = 1.0
"""Seconds after which a batch is not compared with still farther cars: an answer in this window beats a better one."""
_ROOM: Final = 1 << 20  # bytes that the socket takes at once, so that a batch is handed over in few steps


class MatcherError(Exception):
    """A batch was not solved. The next one may be."""


class MatcherTimeout(MatcherError):
    """A batch took longer than it may. The child was ended."""


class MatcherDied(MatcherError):
    """The child ended while a batch was with it, or could not be started."""


class Column(msgspec.Struct, frozen=True):
    """An array on its way."""

    dtype: str
    shape: tuple[int, ...]
    data: memoryview


class Batch(msgspec.Struct, frozen=True):
    """A problem on its way."""

    rides: dict[str, Column]
    cars: dict[str, Column]
    linked: Column
    forbidden: Column
    hour: int
    pace: float
    weights: dict[str, float]


class Answer(msgspec.Struct, frozen=True):
    """Pairs on their way, or what went wrong. The first answer of a child holds neither: it is ready."""

    pairs: dict[str, Column] = {}
    optimal: bool = True
    error: str = ""


class Matcher:
    """Starts the child and asks it, one batch at a time; several may call `match` at once.

    A child that dies or takes longer than `time_limit` seconds for a batch is ended; that batch raises, and the next
    one finds a new child. It dies with the thread that runs the event loop.
    """

    def __init__(self, *, time_limit: float = 5.0, start_limit: float = 60.0) -> None:
        self._time_limit, self._start_limit = time_limit, start_limit
        self._turn = asyncio.Lock()
        self._child: _Child | None = None

    @property
    def pid(self) -> int | None:
        """Of the child, if there is one."""
        return self._child.pid if self._child else None

    async def __aenter__(self) -> Self:
        async with self._turn:
            await self._ready_child()
        return self

    async def __aexit__(self, *_: object) -> None:
        async with self._turn:
            await self._end()

    async def match(self, problem: Problem) -> Pairs:
        """The pairs, as `core.dispatch.matching.batch.match` finds them. Raises MatcherError."""
        async with self._turn:
            child = await self._ready_child()
            try:
                async with asyncio.timeout(self._time_limit):
                    answer = await child.ask(msgspec.msgpack.encode(_batch(problem)))
            except TimeoutError:
                await self._end()
                raise MatcherTimeout(f"a batch of {len(problem.rides)} rides took over {self._time_limit} s") from None
            except (OSError, EOFError) as error:
                await self._end()
                raise MatcherDied("the matcher died with a batch") from error
            except BaseException:  # cancelled in the middle: the next batch must not read this one's answer
                await self._end()
                raise
        if answer.error:
            raise MatcherError(answer.error)
        return Pairs(**_arrays(answer.pairs), optimal=answer.optimal)

    async def _ready_child(self) -> "_Child":
        """The child; a new one, ready to be asked, if there is none or it has died."""
        if self._child and self._child.running:
            return self._child
        await self._end()
        self._child = await _Child.start()
        try:
            async with asyncio.timeout(self._start_limit):
                await self._child.hear()
        except (TimeoutError, OSError, EOFError) as error:
            await self._end()
            raise MatcherDied("the matcher could not be started") from error
        except BaseException:
            await self._end()
            raise
        return self._child

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child:
            await child.end()


class _Child:
    """The process and our end of the sockets."""

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process, self._reader, self._writer = process, reader, writer

    @classmethod
    async def start(cls) -> Self:
        process, ours = _launch()
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None and not self._reader.at_eof()

    async def ask(self, message: bytes) -> Answer:
        self._writer.write(_LENGTH.pack(len(message)))
        self._writer.write(message)
        await self._writer.drain()
        return await self.hear()

    async def hear(self) -> Answer:
        """The next answer. Raises EOFError when the child has ended."""
        (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
        return msgspec.msgpack.decode(await self._reader.readexactly(length), type=Answer)

    async def end(self) -> None:
        """At once: it keeps nothing that could be lost. A second call does nothing."""
        self._process.kill()
        self._writer.transport.abort()
        await asyncio.to_thread(self._process.wait)


def _launch() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """The process, and our end. A new interpreter and no fork: a process with threads must not be forked."""
    ours, theirs = socket.socketpair()
    with theirs:
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cabstand.infra.matcher", str(theirs.fileno()), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,  # Ctrl-C at the terminal is for us; we end the child
        )
    return process, ours


def _columns(table: object) -> dict[str, Column]:
    """The columns of a dataclass of arrays, other values left out."""
    values = {each.name: getattr(table, each.name) for each in fields(table)}  # type: ignore[arg-type]
    return {name: _column(value) for name, value in values.items() if isinstance(value, np.ndarray)}


def _column(array: NDArray[Any]) -> Column:
    whole = np.ascontiguousarray(array)
    return Column(dtype=whole.dtype.str, shape=whole.shape, data=whole.reshape(-1).view(np.uint8).data)


def _array(column: Column) -> NDArray[Any]:
    """A view of the frame, which is not copied and cannot be written."""
    return np.frombuffer(column.data, column.dtype).reshape(column.shape)


def _arrays(columns: dict[str, Column]) -> dict[str, NDArray[Any]]:
    return {name: _array(column) for name, column in columns.items()}


def _batch(problem: Problem) -> Batch:
    return Batch(
        rides=_columns(problem.rides),
        cars=_columns(problem.cars),
        linked=_column(problem.linked),
        forbidden=_column(problem.forbidden),
        hour=problem.hour,
        pace=problem.pace,
        weights=asdict(problem.weights),
    )


def _problem(batch: Batch) -> Problem:
    return Problem(
        rides=Rides(**_arrays(batch.rides)),
        cars=Cars(**_arrays(batch.cars)),
        linked=_array(batch.linked),
        forbidden=_array(batch.forbidden),
        hour=batch.hour,
        pace=batch.pace,
        weights=Weights(**batch.weights),
    )


def serve(connection: socket.socket, solve: Callable[[Problem], Pairs]) -> None:
    """Answer batches until the other end is closed, be it in the middle. This is the child's whole life."""
    with contextlib.suppress(ConnectionError), connection, connection.makefile("rwb") as stream:
        _tell(stream, Answer())
        while len(head := stream.read(_LENGTH.size)) == _LENGTH.size:
            (length,) = _LENGTH.unpack(head)
            if len(frame := stream.read(length)) < length:
                return
            _tell(stream, _solved(frame, solve))


def _solved(frame: bytes, solve: Callable[[Problem], Pairs]) -> Answer:
    """A batch that makes the solver raise costs this batch, not the child."""
    try:
        pairs = solve(_problem(msgspec.msgpack.decode(frame, type=Batch)))
    except Exception as error:
        return Answer(error=f"{type(error).__name__}: {error}")
    return Answer(pairs=_columns(pairs), optimal=pairs.optimal)


def _tell(stream: Any, answer: Answer) -> None:
    message = msgspec.msgpack.encode(answer)
    stream.write(_LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def _die_with(parent: int) -> None:
    """Ask the kernel to be killed when the thread that started us ends, as in the middle of a batch nothing is read.

    Only Linux can; elsewhere the child ends with the batch that it is at, when it finds the socket closed.
    """
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "the parent's death cannot be watched")
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)


def main(arguments: list[str]) -> None:
    """Number of the socket, process id of the parent."""
    descriptor, parent = map(int, arguments)
    _die_with(parent)
    from cabstand.core.dispatch.matching.batch import match  # brings SciPy, which the parent does not need

    def in_time(problem: Problem) -> Pairs:
        until = time.monotonic() + _GOOD_ENOUGH
        return match(problem, enough=lambda: time.monotonic() > until)

    serve(socket.socket(fileno=descriptor), in_time)


if __name__ == "__main__":
    main(sys.argv[1:])
