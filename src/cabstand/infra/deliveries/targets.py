"""The target guard: webhooks go to public addresses only, and the address that was checked is the one we connect to.

Three places: `check_url` when an address is set and before every request (literal addresses never meet a resolver),
`Guard.resolve` for names, and `Guard.socket` for every connection, whatever led to it.
"""

import asyncio
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

LONGEST_URL: Final = 2048
_Address = IPv4Address | IPv6Address

# IANA's special-purpose registries. Our own list: the standard library's differs from one patch release to the next.
_REFUSED_4: Final = tuple(
    (ip_network(network), words)
    for network, words in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "private (shared by carriers)"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved for documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "reserved for benchmarks"),
        ("198.51.100.0/24", "reserved for documentation"),
        ("203.0.113.0/24", "reserved for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_REFUSED_6: Final = tuple(
    (ip_network(network), words)
    for network, words in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private (unique-local)"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"),  # Teredo and other tunnels are in here
        ("2001:db8::/32", "reserved for documentation"),
        ("3fff::/20", "reserved for documentation"),
    )
)
_GLOBAL_6: Final = ip_network("2000::/3")
_NAT64: Final = ip_network("64:ff9b::/96")
_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)


class TargetRefused(Exception):
    """Webhooks cannot go to this address; the message says why, in words for the tenant."""


class _RefusedConnection(TargetRefused, OSError):
    """The HTTP client carries on only errors of the operating system."""


def check_url(url: str | URL, *, allow_loopback: bool = False) -> URL:
    """The URL if webhooks may go there, as far as it can be told without asking the name service.

    Raises TargetRefused: only http and https, no user or password, no private address in any spelling.
    """
    parsed = _parsed(url)
    if parsed.scheme not in ("http", "https"):
        raise TargetRefused("only http and https addresses can be called")
    if parsed.raw_user is not None or parsed.raw_password is not None:
        raise TargetRefused("the address must not contain a user name or password")
    if not (host := parsed.raw_host) or parsed.port == 0:
        raise TargetRefused("the address names no host")
    if (address := _literal(host)) is not None:
        if words := why_refused(address, allow_loopback=allow_loopback):
            raise TargetRefused(f"the address is {words}")
    elif _is_localhost(host):
        if not allow_loopback:
            raise TargetRefused("the address is loopback")
    elif _is_odd_number(host):
        raise TargetRefused("an IP address must be written in its usual form")
    elif not all(_NAME.fullmatch(label) for label in host.removesuffix(".").split(".")):
        raise TargetRefused("the host name is not valid")
    return parsed


def why_refused(address: _Address, *, allow_loopback: bool = False) -> str | None:
    """What an address is, if that forbids to call it: private, loopback, link-local …; None for a public one.

    An IPv6 address that carries an IPv4 address (mapped, 6to4, NAT64) is judged by that.
    """
    if allow_loopback and address in _LOOPBACKS[address.version]:
        return None
    if isinstance(address, IPv4Address):
        return next((words for network, words in _REFUSED_4 if address in network), None)
    inner = address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return why_refused(inner)
    if words := next((words for network, words in _REFUSED_6 if address in network), None):
        return words
    return None if address in _GLOBAL_6 else "reserved"


_LOOPBACKS: Final = {4: ip_network("127.0.0.0/8"), 6: ip_network("::1/128")}


class Guard(AbstractResolver):
    """Resolver and socket factory of an HTTP client: names that lead to refused addresses cannot be called.

    With `allow_loopback`, literal loopback addresses and the name localhost may be called; no other name may lead
    there.
    """

    def __init__(self, *, allow_loopback: bool = False) -> None:
        self.allow_loopback = allow_loopback
        # Our own threads: a name service that hangs must not hold up everybody else's work in the default executor.
        self._threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="resolve")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The allowed addresses of a name. Raises TargetRefused if it has only others."""
        ask = partial(
            socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        except UnicodeError:
            raise OSError("not a host name") from None
        loopback = self.allow_loopback and _is_localhost(host)
        allowed, refused = [], "unknown"
        for kind, _, proto, _, address in found:
            if words := _why_refused_text(str(address[0]), loopback):
                refused = words
                continue
            allowed.append(
                ResolveResult(
                    hostname=host,
                    host=str(address[0]),
                    port=port,
                    family=kind,
                    proto=proto,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        if not allowed:
            raise _RefusedConnection(f"the host name leads to an address that is {refused}")
        return allowed

    def socket(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for one connection, made only if its address may be called. Raises TargetRefused."""
        family, kind, proto, _, address = info
        if words := _why_refused_text(str(address[0]), self.allow_loopback):
            raise _RefusedConnection(f"the address is {words}")
        return socket.socket(family, kind, proto)

    def is_public(self, url: URL) -> bool:
        """Whether what this URL answers may be kept. Ask after `check_url` has passed it.

        Without `allow_loopback` nothing but a public address can be reached; with it, only the literal loopback
        addresses and localhost are not.
        """
        host = url.raw_host or ""
        address = _literal(host)
        return not _is_localhost(host) if address is None else why_refused(address) is None

    async def close(self) -> None:
        """Let the threads go, without waiting for a name service that hangs."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _parsed(url: str | URL) -> URL:
    text = str(url)
    if len(text) > LONGEST_URL:
        raise TargetRefused(f"the address is longer than {LONGEST_URL} characters")
    if isinstance(url, str) and (not url.isprintable() or " " in url):
        raise TargetRefused("the address contains spaces or control characters")
    try:
        return URL(url) if isinstance(url, str) else url
    except ValueError:
        raise TargetRefused("the address is not a valid URL") from None


def _literal(host: str) -> _Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_localhost(host: str) -> bool:
    name = host.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def _is_odd_number(host: str) -> bool:
    """Whether the C library would take the name for an IPv4 address: 0x7f.1, 2130706433, 127.1."""
    try:
        socket.inet_aton(host.removesuffix("."))
    except OSError:
        return False
    return True


def _why_refused_text(address: str, allow_loopback: bool) -> str | None:
    parsed = _literal(address)
    return "not an IP address" if parsed is None else why_refused(parsed, allow_loopback=allow_loopback)
