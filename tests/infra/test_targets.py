"""The target guard: what may be called, in every spelling, by name and by number."""

import socket
from ipaddress import ip_address

import aiohttp
import pytest
from yarl import URL

from cabstand.infra.deliveries.http import Client
from cabstand.infra.deliveries.targets import Guard, TargetRefused, check_url, why_refused
from tests.infra.outbox import Receiver, a_delivery, a_speaker


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    "address",
    [
        *(
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
        ),
        *("172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1"),
        *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1"),
        *("::ffff:127.0.0.1", "::ffff:10.1.2.3", "::127.0.0.1", "2002:7f00:1::", "2002:a00:1::", "2002:c0a8:101::1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2001::1", "2001:db8::1", "3fff::1", "5f00::1"),
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert why_refused(ip_address(address))
    assert why_refused(ip_address(address), allow_loopback=True) or address in ("127.0.0.1", "127.9.9.9", "::1")


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "223.255.255.255"),
        *("2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:1.1.1.1", "2002:101:101::1", "64:ff9b::101:101"),
    ],
)
def test_a_public_address_is_allowed(address: str) -> None:
    assert why_refused(ip_address(address)) is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://partner.example/", "only http"),
        ("file:///etc/passwd", "only http"),
        ("//partner.example/", "only http"),
        ("partner.example", "only http"),
        ("", "only http"),
        ("http://", "no host"),
        ("http:///hooks", "no host"),
        ("http://partner.example:0/", "no host"),
        ("http://partner.example:99999/", "not a valid URL"),
        ("http://user@partner.example/", "user name"),
        ("http://user:word@partner.example/", "user name"),
        ("http://:word@partner.example/", "user name"),
        ("http://partner.example\\@127.0.0.1/", "not a valid URL"),
        ("http://part ner.example/", "spaces"),
        ("http://partner.example/\n", "spaces"),
        ("http://partner.example/\x00", "spaces"),
        ("http://partner..example/", "host name is not valid"),
        ("http://127.0.0.1%00.example/", "host name is not valid"),
        ("http://127.0.0.1/", "loopback"),
        ("http://127.0.0.1:8080/x", "loopback"),
        ("http://[::1]/", "loopback"),
        ("http://[::ffff:127.0.0.1]/", "loopback"),
        ("http://[::ffff:7f00:1]/", "loopback"),
        ("http://127。0。0。1/", "loopback"),
        ("http://①②⑦.0.0.1/", "loopback"),
        ("http://localhost/", "loopback"),
        ("http://LOCALHOST./", "loopback"),
        ("http://a.localhost/", "loopback"),
        ("http://10.0.0.1/", "private"),
        ("http://169.254.169.254/latest/meta-data", "link-local"),
        ("http://0x7f.1/", "usual form"),
        ("http://0x7f000001/", "usual form"),
        ("http://2130706433/", "usual form"),
        ("http://127.1/", "usual form"),
        ("http://0177.0.0.1/", "usual form"),
        ("http://127.0.0.1./", "usual form"),
        ("http://partner.example/" + "x" * 2048, "longer"),
    ],
)
def test_a_url_that_may_not_be_called_is_refused_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(TargetRefused, match=why):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        *("https://partner.example/hooks?key=a%20b", "http://partner.example:8080", "https://xn--bcher-kva.example/"),
        *("https://bücher.example/", "https://93.184.216.34/hooks", "https://[2606:4700:4700::1111]:8443/"),
        *("https://under_score.partner.example/", "https://partner.example./hooks"),
    ],
)
def test_a_public_url_is_accepted(url: str) -> None:
    assert check_url(url)


def test_loopback_alone_can_be_allowed() -> None:
    for url in (
        "http://127.0.0.1:80/",
        "http://127.8.0.1/",
        "http://[::1]/",
        "http://localhost:9/",
        "http://a.localhost/",
    ):
        assert check_url(url, allow_loopback=True)
    for url in (
        "http://10.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://0x7f.1/",
        "http://0.0.0.0/",
        "http://[fe80::1]/",
    ):
        with pytest.raises(TargetRefused):
            check_url(url, allow_loopback=True)


async def resolved(host: str, *, allow_loopback: bool) -> list[str]:
    guard = Guard(allow_loopback=allow_loopback)
    try:
        return [result["host"] for result in await guard.resolve(host, 80, socket.AF_UNSPEC)]
    finally:
        await guard.close()


@pytest.mark.anyio
async def test_a_name_that_leads_to_a_private_address_is_refused() -> None:
    with pytest.raises(TargetRefused, match="leads to an address that is loopback"):
        await resolved("localhost", allow_loopback=False)
    assert "127.0.0.1" in await resolved("localhost", allow_loopback=True)


@pytest.mark.anyio
@pytest.mark.parametrize("spelling", ["0x7f.1", "127.1", "2130706433", "127.0.0.1"])
async def test_no_name_but_localhost_may_lead_to_loopback_even_if_loopback_is_allowed(spelling: str) -> None:
    with pytest.raises(TargetRefused, match="loopback"):
        await resolved(spelling, allow_loopback=True)


@pytest.mark.anyio
async def test_a_name_that_is_no_host_name_is_an_error_of_the_network() -> None:
    with pytest.raises(OSError, match="not a host name"):
        await resolved("x" * 80 + ".example", allow_loopback=False)


def info(address: str) -> tuple[int, int, int, str, tuple[str, int]]:
    return (socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 80))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "2130706433", "partner.example"])
def test_no_socket_is_made_for_an_address_that_was_not_allowed(address: str) -> None:
    with pytest.raises(TargetRefused):
        Guard().socket(info(address))


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"])
async def test_the_connection_itself_is_guarded_should_a_check_before_it_be_passed_by(host: str) -> None:
    guard = Guard()
    async with Receiver() as receiver:
        connector = aiohttp.TCPConnector(resolver=guard, socket_factory=guard.socket)
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.post(URL(f"http://{host}:{receiver.port}/hooks"), data=b"{}")
            assert isinstance(caught.value.os_error, TargetRefused)
        await guard.close()
        assert receiver.hits == []


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"])
async def test_a_delivery_to_a_private_target_sends_nothing_and_says_why(host: str) -> None:
    async with Receiver() as receiver, Client() as client:
        outcome = await client.deliver(f"http://{host}:{receiver.port}/hooks", a_delivery(), a_speaker(), None)
        assert receiver.hits == []
    assert outcome.status is None
    assert (outcome.error or "").startswith("not called: ")


@pytest.mark.anyio
async def test_only_what_a_public_target_answers_may_be_kept() -> None:
    guard = Guard(allow_loopback=True)
    public = ["https://partner.example/", "https://93.184.216.34/", "https://[2606:4700:4700::1111]/"]
    inside = ["http://127.0.0.1/", "http://localhost/", "http://a.localhost/", "http://[::1]/"]
    assert [guard.is_public(URL(url)) for url in public] == [True, True, True]
    assert [guard.is_public(URL(url)) for url in inside] == [False, False, False, False]
    await guard.close()
