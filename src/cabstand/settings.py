"""The settings of one process, read from the environment once. Nothing else reads the environment."""

import base64
import binascii
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final, Literal, get_args
from urllib.parse import urlsplit

from cabstand.core.messages.model import MailServer, TextGateway
from cabstand.core.messages.senders import mail_server, text_gateway

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["json", "console"]
Network = IPv4Network | IPv6Network

PREFIX: Final = "CABSTAND_"
SECRET_KEY_BYTES: Final = 32
METRICS_KEY_CHARACTERS: Final = 16


class SettingsError(Exception):
    """The environment holds settings that cannot be used.

    `problems` has one sentence for each of them, all found in one pass. No sentence repeats a secret's value.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One environment variable: how it is called, what it means, and how its text becomes a field of `Settings`.

    `parse` gets the stripped text, never empty, and raises ValueError with what is wanted ("must be …").
    """

    env: str
    meaning: str
    default: str
    field: str
    parse: Callable[[str], Any]
    secret: bool = False


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """What `SETTINGS` lists, parsed. None means: not set, the part that uses it decides."""

    database_url: str | None = None
    public_url: str | None = None
    trusted_proxies: tuple[Network, ...] = ()
    secret_key: bytes | None = None
    allow_loopback_hooks: bool | None = None
    metrics_key: str | None = None
    smtp_url: MailServer | None = None
    sms_url: TextGateway | None = None
    sms_token: str | None = None
    gett_names: str | None = None
    log_level: LogLevel = "info"
    log_format: LogFormat | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read every CABSTAND_ variable. An empty one counts as not set.

        Raises SettingsError with all problems at once; a CABSTAND_ name that is not a setting is one of them.
        """
        problems = [_unknown(name) for name in sorted(environ) if name.startswith(PREFIX) and name not in _BY_ENV]
        values: dict[str, Any] = {}
        for setting in SETTINGS:
            text = environ.get(setting.env, "").strip()
            if not text:
                continue
            try:
                values[setting.field] = setting.parse(text)
            except ValueError as error:
                problems.append(f"{setting.env} {error}" + ("" if setting.secret else f", not {text!r}"))
        if problems:
            raise SettingsError(tuple(problems))
        return cls(**values)

    def __repr__(self) -> str:
        shown = ", ".join(f"{setting.field}={self._shown(setting)}" for setting in SETTINGS)
        return f"Settings({shown})"

    def _shown(self, setting: Setting) -> str:
        value = getattr(self, setting.field)
        return "***" if setting.secret and value is not None else repr(value)


def _unknown(name: str) -> str:
    words = [env.removeprefix(PREFIX) for env in _BY_ENV]
    near = difflib.get_close_matches(name.removeprefix(PREFIX), words, n=1)
    return f"{name} is not a setting" + (f"; did you mean {PREFIX}{near[0]}?" if near else "")


def _database_url(text: str) -> str:
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("must be a PostgreSQL address such as postgresql://user:password@host:5432/name")
    return text


def _public_url(text: str) -> str:
    wanted = "must be an http or https address without a slash at its end, such as https://rides.example.org"
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError(wanted) from error
    extra = "@" in parts.netloc or "?" in text or "#" in text or any(c.isspace() for c in text)
    if not usable or extra or text.endswith("/"):
        raise ValueError(wanted)
    return text


def _networks(text: str) -> tuple[Network, ...]:
    found: list[Network] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ip_network(part))
        except ValueError as error:
            raise ValueError(f"must list addresses or networks with commas between them ({error})") from error
    return tuple(found)


def _secret_key(text: str) -> bytes:
    """64 hex digits, or base64 (either alphabet, padded or not)."""
    try:
        if len(text) == 2 * SECRET_KEY_BYTES:
            return bytes.fromhex(text)
        plain = text.rstrip("=").translate(str.maketrans("-_", "+/"))
        key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != SECRET_KEY_BYTES:
        raise ValueError("must be 32 bytes, written in base64 or as 64 hex digits")
    return key


def _switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("must be 1 or 0")
    return text == "1"


def _metrics_key(text: str) -> str:
    if len(text) < METRICS_KEY_CHARACTERS or not text.isascii() or not text.isprintable():
        raise ValueError(f"must be at least {METRICS_KEY_CHARACTERS} printable ASCII characters")
    return text


def _sms_token(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ValueError("must be printable ASCII characters")
    return text


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text.lower()

    return parse


SETTINGS: Final = (
    Setting(
        env="CABSTAND_DATABASE_URL",
        meaning="An existing PostgreSQL (15 or newer) to use instead of the embedded one.",
        default="the embedded server in the data directory",
        field="database_url",
        parse=_database_url,
        secret=True,  # it carries the password
    ),
    Setting(
        env="CABSTAND_PUBLIC_URL",
        meaning="The address under which others reach this exchange; links and OpenAPI documents say it.",
        default="the address it listens on",
        field="public_url",
        parse=_public_url,
    ),
    Setting(
        env="CABSTAND_TRUSTED_PROXIES",
        meaning="Addresses or networks, with commas between them, whose X-Forwarded headers are believed.",
        default="none",
        field="trusted_proxies",
        parse=_networks,
    ),
    Setting(
        env="CABSTAND_SECRET_KEY",
        meaning="The key that seals stored secrets: 32 bytes in base64 or as 64 hex digits.",
        default="`up` makes one and keeps it in the data directory",
        field="secret_key",
        parse=_secret_key,
        secret=True,
    ),
    Setting(
        env="CABSTAND_ALLOW_LOOPBACK_HOOKS",
        meaning="1 lets webhooks go to addresses of this machine, 0 refuses them.",
        default="1 while it listens on loopback only, else 0",
        field="allow_loopback_hooks",
        parse=_switch,
    ),
    Setting(
        env="CABSTAND_METRICS_KEY",
        meaning="The bearer key for /metrics, at least 16 characters. Not needed when listening on loopback.",
        default="none: /metrics answers on loopback only",
        field="metrics_key",
        parse=_metrics_key,
        secret=True,
    ),
    Setting(
        env="CABSTAND_SMTP_URL",
        meaning="The mail server that takes mails, and their sender: smtp://user:password@host:587?from=address.",
        default="none: mails are kept, not sent",
        field="smtp_url",
        parse=mail_server,
        secret=True,
    ),
    Setting(
        env="CABSTAND_SMS_URL",
        meaning="The https address that takes text messages, each by a POST of JSON with id, to and text.",
        default="none: text messages are kept, not sent",
        field="sms_url",
        parse=text_gateway,
        secret=True,  # some gateways want their key in it
    ),
    Setting(
        env="CABSTAND_SMS_TOKEN",
        meaning="The bearer token that is sent to CABSTAND_SMS_URL.",
        default="none is sent",
        field="sms_token",
        parse=_sms_token,
        secret=True,
    ),
    Setting(
        env="CABSTAND_GETT_NAMES",
        meaning="A file (TOML) with other paths and field names for the gett door and the calls to its fleets.",
        default="the names as they are documented and proposed",
        field="gett_names",
        parse=str,
    ),
    Setting(
        env="CABSTAND_LOG_LEVEL",
        meaning="What is logged: debug, info, warning or error, and everything graver.",
        default="info",
        field="log_level",
        parse=_one_of(get_args(LogLevel)),
    ),
    Setting(
        env="CABSTAND_LOG_FORMAT",
        meaning="json for one JSON object a line, console for people.",
        default="console if standard error is a terminal, else json",
        field="log_format",
        parse=_one_of(get_args(LogFormat)),
    ),
)
_BY_ENV: Final = {setting.env: setting for setting in SETTINGS}
