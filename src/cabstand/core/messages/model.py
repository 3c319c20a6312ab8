"""What is sent to people, and by what: plain values."""

from dataclasses import dataclass, field
from enum import StrEnum


class Medium(StrEnum):
    """How a message reaches a person."""

    SMS = "sms"
    MAIL = "mail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """A mail without its recipient. `text` says the same as `html`, for those who read no HTML."""

    subject: str  # one line
    text: str
    html: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MailServer:
    """Where mails are handed in, and in whose name."""

    host: str
    port: int
    tls: bool  # from the first byte
    start_tls: bool | None  # with the command of that name; None: if the server offers it
    user: str | None
    password: str | None = field(repr=False)
    sender: str  # an address
    sender_name: str
    local: bool  # it is on this machine


@dataclass(frozen=True, kw_only=True, slots=True)
class TextGateway:
    """Where text messages are handed in, by a POST."""

    url: str = field(repr=False)
    local: bool  # it is on this machine
