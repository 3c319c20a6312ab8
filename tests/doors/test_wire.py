"""What every door refuses before it looks at the meaning (sizes, depths, characters, numbers), and how it answers."""

import asyncio
import io
import json
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import aiohttp
import msgspec
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cabstand.doors import wire
from cabstand.doors.wire import Shape, WireError


class Mood(StrEnum):
    WILD = "wild"


class Trip(msgspec.Struct, rename="camel"):
    passenger_count: int = 1
    requested_date: datetime | None = None
    note: str | None = None
    limit: int | None = None
    meta: dict[str, object] = {}


STRICT = Shape(Trip)
LAX = Shape(Trip, strict=False)


# --- limits


def nested(levels: int) -> bytes:
    return b'{"meta":' + b'{"a":' * (levels - 2) + b"[]" + b"}" * (levels - 1)


@pytest.mark.parametrize("levels", [3, 31, 32])
def test_thirty_two_levels_are_read(levels: int) -> None:
    assert wire.parse(nested(levels))


@pytest.mark.parametrize("levels", [33, 34, 500, 990])
def test_a_thirty_third_level_is_refused(levels: int) -> None:
    with pytest.raises(wire.TooDeep):
        wire.parse(nested(levels))


@pytest.mark.parametrize("body", [b"[" * 5000 + b"]" * 5000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b"[" * 5000])
def test_five_thousand_brackets_are_refused(body: bytes) -> None:
    with pytest.raises(wire.TooDeep):
        wire.parse(body)
    with pytest.raises(wire.TooDeep):
        wire.decode(body, STRICT)


def test_depth_counts_where_levels_have_shallow_neighbours_too() -> None:
    assert wire.parse(b"[[]," * 31 + b"1" + b"]" * 31)
    with pytest.raises(wire.TooDeep):
        wire.parse(b"[[]," * 32 + b"[]" + b"]" * 32)


def test_many_brackets_side_by_side_or_in_strings_are_no_depth() -> None:
    assert wire.parse(json.dumps([{"a": [1]}] * 500).encode()) == [{"a": [1]}] * 500
    assert wire.parse(json.dumps(["[" * 100, "{" * 100, '"' + "[" * 100]).encode())


def test_more_than_20000_values_are_refused() -> None:
    with pytest.raises(wire.TooManyValues):
        wire.parse(b"[" + b"[]," * 20_000 + b"1]")
    assert len(wire.parse(b"[" + b"0," * 19_000 + b"1]")) == 19_001


@pytest.mark.parametrize("text", [r"\u0000", r"a\u0000b", r"\\\u0000"])
@pytest.mark.parametrize("shape", [STRICT, LAX])
def test_an_escaped_nul_is_refused_in_strings_and_keys_known_or_not(text: str, shape: Shape[Trip]) -> None:
    for body in (f'{{"note":"{text}"}}', f'{{"unknown":["{text}"]}}', f'{{"meta":{{"{text}":1}}}}'):
        with pytest.raises(wire.NulCharacter):
            wire.decode(body.encode(), shape)


def test_a_raw_nul_is_malformed() -> None:
    with pytest.raises(wire.MalformedJson):
        wire.parse(b'{"a":"\x00"}')


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert wire.parse(rb'"\\u0000"') == "\\u0000"


@pytest.mark.parametrize("number", [2**53, -(2**53), 0, 0.1, 1e300, 12345678901.123456])
def test_exact_integers_and_finite_fractions_are_read(number: float) -> None:
    assert wire.parse(json.dumps({"a": number}).encode()) == {"a": number}


@pytest.mark.parametrize("number", [str(2**53 + 1), str(-(2**53) - 1), "9" * 30, "9" * 5000, "1e400", "-1e400"])
def test_numbers_that_are_not_exact_or_not_finite_are_refused(number: str) -> None:
    with pytest.raises(wire.NumberOutOfRange):
        wire.parse(f'{{"a":[{number}]}}'.encode())
    with pytest.raises(wire.NumberOutOfRange):
        wire.decode(f'{{"limit":{number}}}'.encode(), STRICT)


@pytest.mark.parametrize(
    "body", [b"NaN", b"[Infinity]", b"-Infinity", b"", b"{", b'{"a":1,}', b'"\xff"', b'"\\ud800"', b"{} x"]
)
def test_what_is_not_json_is_malformed_and_the_parser_says_why(body: bytes) -> None:
    for read in (lambda: wire.parse(body), lambda: wire.decode(body, STRICT), lambda: wire.decode(body, LAX)):
        with pytest.raises(wire.MalformedJson) as caught:
            read()
        assert str(caught.value) != wire.MalformedJson.__doc__


def test_a_trailing_comma_is_told_with_its_place() -> None:
    with pytest.raises(wire.MalformedJson, match=r"trailing comma in object \(byte 7\)"):
        wire.parse(b'{"a":1,}')


@pytest.mark.parametrize("letter", ["x", "é", "\\n", '\\"'])
def test_strings_have_at_most_10000_characters(letter: str) -> None:
    assert wire.parse(f'"{letter * 10_000}"'.encode())
    for body in (f'"{letter * 10_001}"', f'{{"{letter * 10_001}":1}}', f'["a","{letter * 10_001}"]'):
        with pytest.raises(wire.StringTooLong):
            wire.parse(body.encode())


def test_a_long_body_of_short_strings_is_read() -> None:
    assert len(wire.parse(json.dumps(["x" * 9_000] * 100).encode())) == 100


@pytest.mark.parametrize("body", [b"[]", b"1", b'"{}"', b"null", b"true", b"[{}]"])
@pytest.mark.parametrize("shape", [STRICT, LAX])
def test_a_message_is_an_object(body: bytes, shape: Shape[Trip]) -> None:
    with pytest.raises(wire.NotAnObject):
        wire.decode(body, shape)
    with pytest.raises(wire.NotAnObject):
        wire.decode_with_raw(body, shape)


def test_of_equal_keys_the_last_wins() -> None:
    body = b'{"passengerCount":2,"passengerCount":3}'
    assert wire.decode(body, STRICT).passenger_count == wire.decode(body, LAX).passenger_count == 3


# --- answers and headers


def test_instants_are_written_in_utc_with_milliseconds() -> None:
    moment = datetime(2018, 2, 6, 14, 26, 12, 89999, timezone(timedelta(hours=1)))
    assert wire.iso(moment) == "2018-02-06T13:26:12.089Z"
    assert wire.iso(datetime(2018, 2, 6, tzinfo=UTC)) == "2018-02-06T00:00:00.000Z"
    with pytest.raises(ValueError, match="zone"):
        wire.iso(datetime(2018, 2, 6))  # noqa: DTZ001 - that is what is refused


def test_answers_are_json_with_their_instants_at_any_depth_and_no_escapes() -> None:
    moment = datetime(2018, 2, 6, tzinfo=UTC)
    trip = Trip(requested_date=moment)
    value = {"a": moment, "b": [{"c": (moment,)}], "d": "Köln", "trip": trip, "mood": Mood.WILD, "n": [1, 2.5, None]}
    response = wire.json_response(value, 201, {"x-total": "1"})
    assert (response.status_code, response.headers["x-total"]) == (201, "1")
    assert response.headers["content-type"] == "application/json"
    read = json.loads(bytes(response.body))
    written = "2018-02-06T00:00:00.000Z"
    assert (read["a"], read["b"], read["d"], read["mood"], read["n"]) == (
        written, [{"c": [written]}], "Köln", "wild", [1, 2.5, None]
    )  # fmt: skip
    assert read["trip"]["requestedDate"] == written
    assert "Köln".encode() in bytes(response.body)


def a_request(*headers: tuple[str, str]) -> Request:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return Request({"type": "http", "headers": raw})


@pytest.mark.parametrize("key", ["a", "x" * 255, "8e03978e-40d5-43dd-bc93-6894a57f9324", "with space ~"])
def test_an_idempotency_key_is_taken_as_it_is(key: str) -> None:
    assert wire.idempotency_key(a_request(("idempotency-key", key))) == key


def test_a_request_may_have_no_idempotency_key() -> None:
    assert wire.idempotency_key(a_request()) is None


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb", "a\x7f", "\x00"])
def test_an_idempotency_key_that_cannot_be_kept_is_refused(key: str) -> None:
    with pytest.raises(wire.BadIdempotencyKey):
        wire.idempotency_key(a_request(("idempotency-key", key)))


def test_two_idempotency_keys_are_refused() -> None:
    with pytest.raises(wire.BadIdempotencyKey):
        wire.idempotency_key(a_request(("idempotency-key", "a"), ("idempotency-key", "a")))


@pytest.mark.parametrize("error", WireError.__subclasses__())
def test_every_wire_error_says_in_a_sentence_what_is_wrong(error: type[WireError]) -> None:
    assert str(error()) == error.__doc__
    assert str(error()).endswith(".")
    assert str(error("as told")) == "as told"


# --- bodies over real sockets

Refused = asyncio.Queue[type[WireError]]


def an_app(refused: Refused) -> Starlette:
    async def echo_size(request: Request) -> Response:
        try:
            body = await wire.read_body(request)
        except WireError as error:
            refused.put_nowait(type(error))
            return PlainTextResponse(str(error), 413)
        return PlainTextResponse(str(len(body)))

    return Starlette(routes=[Route("/", echo_size, methods=["POST"])])


def served(client: Callable[[int, Refused], Awaitable[None]]) -> None:
    """Run the client against a real server; it gets the port, and what the server refused."""

    async def both() -> None:
        refused: Refused = asyncio.Queue()
        config = uvicorn.Config(
            an_app(refused), lifespan="off", log_level="error", ws="none", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            serving = asyncio.create_task(server.serve([listening]))
            try:
                await asyncio.wait_for(client(listening.getsockname()[1], refused), 8)
            finally:
                server.should_exit = True
                await serving

    asyncio.run(both())


def test_a_body_of_a_million_bytes_is_read_and_ten_million_are_refused() -> None:
    async def client(port: int, refused: Refused) -> None:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            for size, status, text in [
                (0, 200, "0"),
                (1_000_000, 200, "1000000"),
                (1_000_001, 413, ""),
                (10**7, 413, ""),
            ]:
                async with session.post("/", data=io.BytesIO(b"x" * size)) as reply:
                    assert reply.status == status
                    assert (await reply.text()).startswith(text)

    served(client)


async def first_line(port: int, *parts: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    line = await reader.readline()
    writer.close()
    return line


def test_a_body_announced_too_large_is_refused_before_it_is_sent() -> None:
    async def client(port: int, refused: Refused) -> None:
        line = await first_line(port, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\n\r\n")
        assert line.startswith(b"HTTP/1.1 413")

    served(client)


def test_a_body_without_announced_size_is_refused_as_soon_as_it_passes_the_limit() -> None:
    async def client(port: int, refused: Refused) -> None:
        chunk = b"%x\r\n%b\r\n" % (500_000, b"x" * 500_000)
        # The last chunk is never sent, so that only a server that counts can answer.
        head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        line = await first_line(port, head, chunk, chunk, b"1\r\nx\r\n")
        assert line.startswith(b"HTTP/1.1 413")
        assert (await first_line(port, head, chunk, chunk, b"0\r\n\r\n")).startswith(b"HTTP/1.1 200")

    served(client)


def test_a_client_that_goes_away_in_its_body_is_no_fault_of_ours() -> None:
    async def client(port: int, refused: Refused) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        await writer.drain()
        writer.close()
        assert await refused.get() is wire.BodyCutShort

    served(client)
