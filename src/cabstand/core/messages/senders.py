"""How an operator says where mails and text messages are handed in: an address each."""

from email.headerregistry import Address
from email.utils import parseaddr
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from cabstand.core.messages.model import MailServer, TextGateway

_MAIL: Final = (
    "must be an address such as smtp://user:password@mail.example.org:587?from=rides@example.org "
    "(or smtps://…), with characters of a password that mean something there percent-encoded"
)
_GATEWAY: Final = "must be an https address such as https://sms.example.org/send; http only on this machine"
_PORTS: Final = {"smtp": 587, "smtps": 465}


def mail_server(text: str) -> MailServer:
    """A mail server from `smtp://user:password@host:port?from=Name <address>`. Raises ValueError.

    `smtps` is TLS from the first byte. With `smtp`, TLS begins by STARTTLS: always before a password is sent, else if
    the server offers it. To a server on this machine there is none.
    """
    parts, local = _parts(text, _MAIL)
    try:
        unspaced = parts.query.replace("+", "%2B")  # a plus belongs to an address here
        query = parse_qs(unspaced, strict_parsing=True, keep_blank_values=True)
        [said] = query.pop("from")
        name, address = parseaddr(said)
        sender = Address(display_name=name, addr_spec=address)
    except (ValueError, KeyError, LookupError) as error:
        raise ValueError(_MAIL) from error
    usable = parts.scheme in _PORTS and sender.username and sender.domain and said.isprintable()
    if not usable or query or parts.path not in ("", "/") or parts.fragment:
        raise ValueError(_MAIL)
    user, password = (None if each is None else unquote(each) for each in (parts.username, parts.password))
    if (user is None) != (password is None):
        raise ValueError(_MAIL)
    return MailServer(
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        tls=parts.scheme == "smtps",
        start_tls=False if local or parts.scheme == "smtps" else True if user else None,
        user=user,
        password=password,
        sender=sender.addr_spec,
        sender_name=sender.display_name,
        local=local,
    )


def text_gateway(text: str) -> TextGateway:
    """The address of what takes text messages. Raises ValueError."""
    parts, local = _parts(text, _GATEWAY)
    if not (parts.scheme == "https" or (local and parts.scheme == "http")) or "@" in parts.netloc or "#" in text:
        raise ValueError(_GATEWAY)
    return TextGateway(url=text, local=local)


def _parts(text: str, wanted: str) -> tuple[SplitResult, bool]:
    """The parts of an address, and whether it is on this machine."""
    try:
        parts = urlsplit(text)
        host = parts.hostname
        usable = bool(host) and parts.port != 0 and text.isprintable() and " " not in parts.netloc
    except ValueError as error:
        raise ValueError(wanted) from error
    if not usable or host is None:
        raise ValueError(wanted)
    return parts, _is_local(host)


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
