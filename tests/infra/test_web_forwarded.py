"""X-Forwarded headers: who is believed, what is taken from them, and that nothing of them is left."""

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tests.infra.asgi import called, wrapped


def seen_by_the_application(*headers: tuple[str, str], trusted: str, peer: str | None, kind: str = "http") -> Scope:
    seen: Scope = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.update(scope)
        if kind == "http":
            await PlainTextResponse("ok")(scope, receive, send)

    called(wrapped(app, trusted), *headers, peer=peer, kind=kind)
    return seen


@pytest.mark.parametrize(
    ("peer", "hops", "client"),
    [
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "9" * 5000, "10.0.0.1"),
        ("198.51.100.9", "198.51.100.7", "198.51.100.9"),
    ],
)
def test_the_client_is_the_rightmost_hop_that_no_trusted_proxy_is(peer: str, hops: str, client: str) -> None:
    scope = seen_by_the_application(("x-forwarded-for", hops), trusted="10.0.0.0/8", peer=peer)
    assert scope["client"][0] == client
    assert [name for name, _ in scope["headers"]] == [b"host"]


def test_several_forwarded_headers_are_one_list() -> None:
    headers = ("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "198.51.100.7")
    assert seen_by_the_application(*headers, trusted="10.0.0.1", peer="10.0.0.1")["client"] == ("198.51.100.7", 0)


FORWARDED_HEADERS = (
    ("x-forwarded-for", "198.51.100.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "rides.example.org"),
    ("forwarded", "for=6.6.6.6"),
    ("accept", "*/*"),
)


def test_scheme_and_host_come_from_a_trusted_proxy() -> None:
    scope = seen_by_the_application(*FORWARDED_HEADERS, trusted="10.0.0.1", peer="10.0.0.1")
    assert scope["scheme"] == "https"
    assert sorted(scope["headers"]) == [(b"accept", b"*/*"), (b"host", b"rides.example.org")]
    websocket = seen_by_the_application(*FORWARDED_HEADERS, trusted="10.0.0.1", peer="10.0.0.1", kind="websocket")
    assert websocket["scheme"] == "wss"


@pytest.mark.parametrize("peer", ["10.0.0.2", "localhost", None])
def test_anybody_else_is_not_believed(peer: str | None) -> None:
    scope = seen_by_the_application(*FORWARDED_HEADERS, trusted="10.0.0.1", peer=peer)
    assert scope["scheme"] == "http"
    assert scope["client"] == (peer and (peer, 50000))
    assert scope["headers"] == [(b"host", b"inside:8080"), (b"accept", b"*/*")]


def test_nonsense_from_a_trusted_proxy_changes_nothing() -> None:
    headers = ("x-forwarded-proto", "gopher"), ("x-forwarded-host", "a/b@c"), ("x-forwarded-for", "")
    scope = seen_by_the_application(*headers, trusted="10.0.0.1", peer="10.0.0.1")
    assert (scope["scheme"], scope["client"][0]) == ("http", "10.0.0.1")
    assert scope["headers"] == [(b"host", b"inside:8080")]
