"""What every door declares about itself: dataclasses, nothing to inherit."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from cabstand.core.dispatch.model import OfferState
from cabstand.core.errors import CoreError
from cabstand.core.events.model import Speaker
from cabstand.core.quotes.terms import Terms
from cabstand.core.rides.model import Actor
from cabstand.doors.wire import Invalid, WireError

State = TypeVar("State", bound=StrEnum)


@dataclass(frozen=True, kw_only=True)
class StatusVocabulary(Generic[State]):
    """One list of status words a door speaks on one of its surfaces.

    `lifecycle` is the part of the table that this surface can meet (its policy, or
    a supplier's view of any ride). `says` names every state of it. `over` gives the
    words for a supplier whose offer has ended while the ride lives on; all are final.
    `may_return` is exact: the words that a watcher can see twice. `beyond` are
    words accepted though the document does not list them here, each with its reason.
    `unsaid` and `unheard` account for documented words we never send, or refuse to
    accept, each with its reason; `aliases` are other documented spellings of a word,
    accepted as that word.
    """

    surface: str
    lifecycle: Mapping[State, Mapping[State, frozenset[Actor]]]
    says: Mapping[State, str]
    final: frozenset[str]
    may_return: frozenset[str] = frozenset()
    over: Mapping[OfferState, str] = field(default_factory=dict)
    hears: Mapping[str, State] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    unsaid: Mapping[str, str] = field(default_factory=dict)
    unheard: Mapping[str, str] = field(default_factory=dict)
    beyond: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Calls(Generic[State]):
    """Calls of a surface that move a ride by name instead of sending a status word."""

    surface: str
    lifecycle: Mapping[State, Mapping[State, frozenset[Actor]]]
    by: Actor
    moves: Mapping[str, frozenset[State]]  # call -> where the ride may be afterwards
    still: Mapping[str, str]  # call -> why it moves nothing


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """What a request carries besides its body."""

    name: str
    place: Literal["path", "query", "header"]
    about: str
    schema: Mapping[str, Any]  # JSON Schema
    example: Any = None
    content: str = ""  # the media type of its text, where that is not plain: "application/json"
    needed: bool = False  # of a query or header; what is in the path always is


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One way in which an operation says no. Several may share a status."""

    status: int
    about: str  # when it is answered
    example: Any = None  # a body, in the door's own shape; None where there is none


@dataclass(frozen=True, kw_only=True)
class Security:
    """One way to show a key; a caller needs one of those that a door has, or all where the door says so."""

    name: str
    about: str
    scheme: Mapping[str, Any]  # OpenAPI's security scheme object
    example: str  # as in a request: "Authorization: KEY"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path, and what answers it."""

    method: str
    path: str  # below the door's prefix, parameters in braces: "/rides/{id}"
    summary: str  # what it does, in one line
    handler: Callable[[Request], Awaitable[Response]]
    takes_id: bool = False  # the path names a thing by its id, so a foreign or unknown one must be refused
    about: tuple[str, ...] = ()  # what else a caller must know, a paragraph each
    group: str = ""  # where it stands in the reference; by default with its first part of the path
    open: bool = False  # needs no key
    also_at: tuple[str, ...] = ()  # other paths that lead to the same
    form: bool = False  # the body is a form, not JSON
    parameters: tuple[Parameter, ...] = ()
    body: type[msgspec.Struct] | None = None
    never_null: frozenset[str] = frozenset()  # properties of the body that may be left out, but not emptied
    sent: Any = None  # an example of the body
    answer: Any = None  # the type of a success's body: a Struct, or a list of one; None where there is no body
    answered: Any = None  # an example of it
    status: int = 200  # of a success
    also: Mapping[int, str] = field(default_factory=dict)  # other statuses of a success with the same body, and when
    media: str = "application/json"
    refusals: tuple[Refusal, ...] = ()

    @property
    def name(self) -> str:
        """As the document's list writes it: "GET /rides/{id}"."""
        return f"{self.method} {self.path}"

    @property
    def id(self) -> str:
        """The same as an identifier: "get_rides_id"."""
        parts = re.findall(r"[A-Za-z0-9.]+", self.path)
        return "_".join((self.method.lower(), *parts)).replace(".", "_")

    @property
    def names(self) -> list[str]:
        """The parameters of its path: ["id"]."""
        return re.findall(r"\{([^}:]+)", self.path)

    @property
    def section(self) -> str:
        """The group it stands in: "rides"."""
        return self.group or self.path.split("/")[1]

    @property
    def precedence(self) -> tuple[tuple[bool, ...], bool]:
        """Sorts literal paths before parameters, and HEAD before GET, whose route would answer it."""
        return tuple(part.startswith("{") for part in self.path.split("/")), self.method != "HEAD"


@dataclass(frozen=True, kw_only=True)
class Door:
    """A door's manifest: all that its document lists, served or not served for a reason."""

    name: str
    title: str
    prefix: str  # where it is mounted, for example "/dispatchapi/api"
    about: tuple[str, ...] = ()  # what a caller must know of all operations, a paragraph each
    security: tuple[Security, ...] = ()
    all_keys: bool = False  # a caller needs every one of them
    fields: Mapping[str, str] = field(default_factory=dict)  # "field", or "Struct.field", -> what it means
    refused: type[msgspec.Struct] | None = None  # the body of every refusal
    operations: tuple[Operation, ...]
    own: tuple[Operation, ...] = ()  # not in the document: ours, such as sandbox tools
    either_slash: bool = False  # its documented paths may end with a slash or without: its document writes both
    talkative: bool = False  # its apps call all the time: what went well is logged at debug
    sockets: tuple[WebSocketRoute, ...] = ()  # `about` tells of them: OpenAPI has no words for them
    unserved: Mapping[str, str] = field(default_factory=dict)  # "METHOD /path" -> reason
    vocabularies: tuple[StatusVocabulary[Any], ...]
    calls: tuple[Calls[Any], ...] = ()
    events: Mapping[str, str] = field(default_factory=dict)  # kind -> when it is sent, in one line
    event: type[msgspec.Struct] | None = None  # the body of every event
    told: Mapping[str, Any] = field(default_factory=dict)  # kind -> an example of its body
    event_headers: tuple[Parameter, ...] = ()
    unserved_events: Mapping[str, str] = field(default_factory=dict)  # kind -> reason
    codes: Mapping[str, str] = field(default_factory=dict)  # documented error code -> when it is answered
    unused_codes: Mapping[str, str] = field(default_factory=dict)  # documented error code -> reason
    differences: tuple[str, ...] = ()  # from the document, or where it leaves things open: one sentence or two each
    errors: Mapping[type[CoreError], tuple[int, str]]  # status, and the door's code ("" for none)
    render_error: Callable[[Request, CoreError, int, str], Response]  # a refusal of the core, its status and code
    render_unreadable: Callable[[Request, WireError | Invalid], Response]  # a body or key that cannot be read
    render_http: Callable[[Request, int], Response]  # no such path, wrong method, a crash
    speaker: Speaker | None = None  # how it tells facts; None: it sends nothing
    terms: Terms | None = None  # what it is told of a ride's price when it is booked; None: nothing

    def routes(
        self, wrapped: Callable[[Operation], Callable[[Request], Awaitable[Response]]] | None = None
    ) -> list[Route]:
        """The routes of all operations, ordered so that a literal path is never taken for a parameter.

        `wrapped` makes the endpoint of an operation; by default it is the operation's handler.
        """
        operations = sorted((*self.operations, *self.own), key=lambda operation: operation.precedence)
        routes = []
        for each in operations:
            route = Route(each.path, wrapped(each) if wrapped else each.handler, methods=[each.method])
            if self.either_slash and each not in self.own:
                route.path_regex = re.compile(route.path_regex.pattern.rstrip("/$") + "/*$")
            routes.append(route)
            routes += [Route(path, route.endpoint, methods=[each.method]) for path in each.also_at]
        return routes
