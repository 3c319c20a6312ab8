"""The operations of sandbox orders: all ours, in no published document."""

from typing import Any, Final

from cabstand.core.errors import IllegalTransition, NotAllowed
from cabstand.doors.base import Operation, Refusal
from cabstand.doors.gett import refusals, sandbox_routes
from cabstand.doors.gett.sandbox_wire import SandboxAnswer, SandboxOrder
from cabstand.doors.gett.wire import Nothing, Wire

_ABOUT: Final = (
    "**Proposed by us:** the path and the fields are in no published document. Only with a token for the sandbox."
)
_ORDER: Final[dict[str, Any]] = {
    "scheduled_at": "2030-05-01T10:00:00Z",
    "origin": {"lat": 52.3731, "lng": 4.8926, "full_address": "Dam, Amsterdam"},
    "destination": {"lat": 52.3105, "lng": 4.7683, "full_address": "Schiphol"},
    "passenger_name": "Sandra Box",
    "price": 42.5,
}
_ANSWER: Final[dict[str, Any]] = {
    "order_id": "4711",
    "status": "Pending",
    "call": "future_order",
    "body": {
        "fleet_id": "your-fleet",
        "order_id": "4711",
        "scheduled_at": "2030-05-01T10:00:00Z",
        "passenger_name": "Sandra",
        "price": 42.5,
        "currency": "EUR",
        "origin": {"lat": 52.3731, "lng": 4.8926, "full_address": "Dam, Amsterdam"},
        "destination": {"lat": 52.3105, "lng": 4.7683, "full_address": "Schiphol"},
        "preferences": {"passenger_count": 1},
    },
    "expires_at": "2030-04-30T08:00:30Z",
}
_LIVE: Final = refusals.no("The token is not one for the sandbox.", NotAllowed("insufficient_scope"))
_PAUSED: Final = refusals.no("You are paused: no orders are sent.", NotAllowed("You are paused: resume first."))
_ENDED: Final = refusals.no(
    "The order is in a state in which that cannot be done.",
    IllegalTransition("No clock of this order runs.", before="completed"),
)


def operations(shapes: Wire) -> tuple[Operation, ...]:
    """All of them, under the names in use."""
    answer: dict[str, Any] = {
        "answer": shapes.struct(SandboxAnswer),
        "answered": shapes.names.out(_ANSWER),
        "group": "sandbox orders",
    }
    sent: dict[str, Any] = {"body": shapes.struct(SandboxOrder), "sent": shapes.names.out(_ORDER)}
    reading = (*refusals.CALLER, _LIVE)
    writing = (*reading, *refusals.BODY, refusals.invalid("origin.lat"))
    one = "/sandbox/orders/{order_id}"
    return (
        Operation(
            method="POST",
            path="/sandbox/orders",
            summary="Make an order for yourself",
            about=(
                "It is sent to you as a booker's would be, and to nobody else. Its clocks run as agreed with you; only "
                "your silence after an accept has none. What is left out is made up.",
                _ABOUT,
            ),
            handler=sandbox_routes.make(shapes),
            refusals=(*writing, _PAUSED),
            status=201,
            **sent,
            **answer,
        ),
        _on_one("GET", one, "Read one: how it stands, and what you are told of it", shapes, answer, reading),
        Operation(
            method="PATCH",
            path=one,
            summary="Change one, as its passenger would",
            about=("What is left out stays. You are told of the change.", _ABOUT),
            handler=sandbox_routes.change(shapes),
            takes_id=True,
            parameters=(refusals.ORDER_ID,),
            refusals=(*writing, refusals.UNKNOWN, _ENDED, refusals.RACED),
            **sent,
            **answer,
        ),
        _on_one("POST", f"{one}/cancel", "Cancel one, as its passenger would", shapes, answer, (*reading, _ENDED)),
        _on_one(
            "POST",
            f"{one}/time_out",
            "Let its clock run out now: that of your decision, or of accepting what you reserved",
            shapes,
            answer,
            (*reading, _ENDED),
        ),
    )


_HANDLERS: Final = {"GET": sandbox_routes.read, "cancel": sandbox_routes.cancel, "time_out": sandbox_routes.time_out}


def _on_one(
    method: str, path: str, summary: str, shapes: Wire, answer: dict[str, Any], refused: tuple[Refusal, ...]
) -> Operation:
    return Operation(
        method=method,
        path=path,
        summary=summary,
        about=(_ABOUT,),
        handler=_HANDLERS["GET" if method == "GET" else path.rsplit("/", 1)[1]](shapes),
        takes_id=True,
        parameters=(refusals.ORDER_ID,),
        body=None if method == "GET" else shapes.struct(Nothing),
        sent=None if method == "GET" else {},
        refusals=(*refused, refusals.UNKNOWN, *(() if method == "GET" else (refusals.RACED,))),
        **answer,
    )
