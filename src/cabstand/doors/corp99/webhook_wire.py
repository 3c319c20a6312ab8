"""A webhook's configuration as it is sent and answered, and the document's catalogue of what can be wrong with it.

All faults are told at once, in the catalogue's order (contract, section 5).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from cabstand.core.access.model import Environment
from cabstand.doors.corp99.answers import EventKind
from cabstand.doors.corp99.errors import Fault, fault_of
from cabstand.doors.edge import Reach
from cabstand.doors.problems import MESSAGES, Problem, ProblemKind

SUBSCRIPTIONS: Final = ("ride-status", "ride-driver-location")
LONGEST_NAME: Final = 255  # characters of a user name and of a password
SHORTEST_PASSWORD: Final = 8


class Authentication(msgspec.Struct):
    """User name and password of Basic authentication."""

    username: str
    password: str


class Webhook(msgspec.Struct):
    """Where a company's events go."""

    url: str
    authentication: Authentication
    subscriptions: list[EventKind]


REQUIRED_URL: Final = Fault(code="required-url", field="url", message="Url must be informed")
INVALID_URL: Final = Fault(code="invalid-url", field="url", message="Url is not valid")
INSECURE_URL: Final = Fault(code="invalid-url", field="url", message="Url must have secure https scheme")
REQUIRED_AUTHENTICATION: Final = Fault(
    code="required-authentication", field="authentication", message="Authentication must be informed"
)
REQUIRED_USERNAME: Final = Fault(
    code="required-username", field="authentication.username", message="Authentication username must be informed"
)
REQUIRED_PASSWORD: Final = Fault(
    code="required-password", field="authentication.password", message="Authentication password must be informed"
)
REQUIRED_SUBSCRIPTIONS: Final = Fault(
    code="required-subscriptions", field="subscriptions", message="At least one subscription must be informed"
)
INVALID_SUBSCRIPTIONS: Final = Fault(
    code="invalid-subscriptions",
    field="subscriptions",
    message="Allowed subscriptions: ride-status, ride-driver-location",
)
# Ours: the header could not carry it.
INVALID_USERNAME: Final = Fault(
    code="invalid-username",
    field="authentication.username",
    message="Authentication username should have at most 255 characters, without colons and control characters",
)


def _password(message: str) -> Fault:
    return Fault(
        code="invalid-password",
        field="authentication.password",
        message=f"Authentication password should {message}",
    )


# sic: "digits" are characters.
SHORT_PASSWORD: Final = _password("contain at least eight digits")
NO_DIGIT: Final = _password("contain at least one digit")
NO_SPECIAL: Final = _password("contain at least one special character")
UNFIT_PASSWORD: Final = _password("have at most 255 characters, without control characters")  # ours

# Ours: it was sealed under a key that the exchange no longer has. Nothing can be sent with it either.
LOST_PASSWORD: Final = Fault(
    code="unreadable-password",
    field="authentication.password",
    message="Authentication password cannot be read any more: set the webhook again",
)


def faults(raw: Mapping[str, Any], environment: Environment, reach: Callable[[str], Reach]) -> list[Fault]:
    """All that is wrong with a configuration; none, and `read` can read it."""
    return [
        *_in_url(raw.get("url"), environment, reach),
        *_in_authentication(raw.get("authentication")),
        *_in_subscriptions(raw.get("subscriptions")),
    ]


def read(raw: Mapping[str, Any]) -> Webhook:
    """A configuration without faults. What it has besides is ignored."""
    webhook = msgspec.convert(raw, Webhook)
    webhook.subscriptions = list(dict.fromkeys(webhook.subscriptions))
    return webhook


def _of_type(value: object, path: str, wanted: type, kind: ProblemKind) -> Iterator[Fault]:
    if type(value) is not wanted:
        yield fault_of(Problem(path=path, code=kind, message=MESSAGES[kind], value=value))


def _in_url(url: Any, environment: Environment, reach: Callable[[str], Reach]) -> Iterator[Fault]:
    if url is None or (isinstance(url, str) and not url.strip()):
        yield REQUIRED_URL
    elif wrong := [*_of_type(url, "url", str, ProblemKind.TYPE_STRING)]:
        yield from wrong
    else:
        yield from _in_address(url, environment, reach)


def _in_address(url: str, environment: Environment, reach: Callable[[str], Reach]) -> Iterator[Fault]:
    """Live, HTTPS on port 443 and nothing else. In the sandbox also what listens on the exchange's own machine."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if not scheme or not host:
        yield INVALID_URL
        return
    where = reach(url)
    if environment is Environment.SANDBOX and where is Reach.HERE:
        return
    if scheme != "https" or port not in (None, 443):
        yield INSECURE_URL
    elif where is not Reach.OUTSIDE:
        yield INVALID_URL


def _in_authentication(sent: Any) -> Iterator[Fault]:
    if sent is None:
        yield REQUIRED_AUTHENTICATION
    elif wrong := [*_of_type(sent, "authentication", dict, ProblemKind.TYPE_OBJECT)]:
        yield from wrong
    else:
        yield from _in_username(sent.get("username"))
        yield from _in_password(sent.get("password"))


def _in_username(name: Any) -> Iterator[Fault]:
    if name is None or (isinstance(name, str) and not name.strip()):
        yield REQUIRED_USERNAME
    elif wrong := [*_of_type(name, "authentication.username", str, ProblemKind.TYPE_STRING)]:
        yield from wrong
    elif len(name) > LONGEST_NAME or ":" in name or not name.isprintable():
        yield INVALID_USERNAME


def _in_password(password: Any) -> Iterator[Fault]:
    if password is None or password == "":
        yield REQUIRED_PASSWORD
    elif wrong := [*_of_type(password, "authentication.password", str, ProblemKind.TYPE_STRING)]:
        yield from wrong
    else:
        if len(password) < SHORTEST_PASSWORD:
            yield SHORT_PASSWORD
        if not any(character in "0123456789" for character in password):
            yield NO_DIGIT
        if password.isalnum():
            yield NO_SPECIAL
        if len(password) > LONGEST_NAME or not password.isprintable():
            yield UNFIT_PASSWORD


def _in_subscriptions(sent: Any) -> Iterator[Fault]:
    if sent is None or sent == []:
        yield REQUIRED_SUBSCRIPTIONS
    elif wrong := [*_of_type(sent, "subscriptions", list, ProblemKind.TYPE_ARRAY)]:
        yield from wrong
    elif any(each not in SUBSCRIPTIONS for each in sent):
        yield INVALID_SUBSCRIPTIONS
