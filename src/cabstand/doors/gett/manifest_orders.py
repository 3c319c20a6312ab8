"""The operations of orders, before and during the ride."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from cabstand.doors.base import Operation, Parameter
from cabstand.doors.gett import answers, examples, refusals, wire
from cabstand.doors.gett.names import CALLS, Source
from cabstand.doors.gett.routes import ENDPOINTS
from cabstand.doors.gett.wire import Wire

BEFORE: Final = "before the ride"
DURING: Final = "the ride"
FLEET: Final = "the fleet"
_SOURCES: Final = {
    Source.DOCUMENTED: "The path is documented, the fields are our proposal unless the table of names says otherwise.",
    Source.INFERRED: "The call is documented; that it has this path follows from what is.",
    Source.OURS: "**Proposed by us:** the path and the fields are in no published document.",
}


@dataclass(frozen=True, kw_only=True)
class _Told:
    """A call in words."""

    summary: str
    about: tuple[str, ...] = ()
    group: str
    body: type[msgspec.Struct]
    sent: Any
    answer: Any = answers.Decision
    answered: Any = field(default_factory=lambda: examples.confirmed("Confirmed"))
    parameters: tuple[Parameter, ...] = (refusals.ORDER_ID,)
    refusals: Any = refusals.CALL


_NO_ORDER: Final[dict[str, Any]] = {
    "parameters": (),
    "refusals": (*refusals.CALLER, *refusals.BODY, refusals.invalid("locations")),
}
_TOLD: Final = {
    "reserve_future_order": _Told(
        summary="Reserve an order for later",
        about=(
            "You commit yourself to it, with a driver or without. Say it again to put another driver on it, until the "
            "order becomes active. Say `accept` when the driver sets off, in time: else it is given to another.",
        ),
        group=BEFORE,
        body=wire.Reserve,
        sent=examples.RESERVE,
        answered=examples.confirmed("Reserved"),
    ),
    "accept": _Told(
        summary="Accept: a driver is on the way",
        about=("For an order that is wanted now it is your yes; a reserved one becomes active by it.",),
        group=BEFORE,
        body=wire.Accept,
        sent=examples.ACCEPT,
    ),
    "submit_external_order_id": _Told(
        summary="Say your own number of an order",
        about=("Only for orders that are wanted now, before you accept; a later number replaces it.",),
        group=BEFORE,
        body=wire.ExternalId,
        sent=examples.EXTERNAL_ID,
        answered=examples.confirmed("Routing"),
    ),
    "reject": _Told(
        summary="Reject an order, or give a reserved one back",
        about=(
            "It is offered to others. Said again it holds as well. Reasons: `no_drivers`, `out_of_area`, `price`, "
            "`unsupported_service`, `other`, or any word.",
        ),
        group=BEFORE,
        body=wire.Reject,
        sent=examples.REJECT,
        answered=examples.confirmed("Rejected"),
    ),
    "arrived": _Told(
        summary="The driver is at the pickup",
        group=DURING,
        body=wire.Step,
        sent=examples.STEP,
        answered=examples.confirmed("Waiting"),
    ),
    "start": _Told(
        summary="The passenger is on board",
        about=("It may pass over `arrived`.",),
        group=DURING,
        body=wire.Step,
        sent=examples.STEP,
        answered=examples.confirmed("Driving"),
    ),
    "complete": _Told(
        summary="The trip has ended",
        about=("With its price, or without: then your quote is the price until you tell the final one.",),
        group=DURING,
        body=wire.Complete,
        sent=examples.COMPLETE,
        answered=examples.confirmed("Completed"),
    ),
    "cancel": _Told(
        summary="Cancel an order that you accepted",
        about=(
            "While `Confirmed` the ride is given to others where its booker wants that. While `Waiting` it means that "
            "the passenger did not come, and holds once he was waited for long enough: five minutes after `arrived`, "
            "of an order for later fifteen after its time, or what was agreed.",
        ),
        group=DURING,
        body=wire.Cancel,
        sent=examples.CANCEL,
        answered=examples.declined("Waiting", "CancelNotPermittedYet"),
    ),
    "location": _Told(
        summary="Say where the driver is",
        about=("Every five to ten seconds from `accept` to `complete`. It counts as a sign of life.",),
        group=DURING,
        body=wire.Position,
        sent=examples.POSITION,
    ),
    "locations": _Told(
        summary="Say where several drivers are",
        about=("Up to 500 positions; the list alone is taken as a body, too.",),
        group=DURING,
        body=wire.Positions,
        sent=examples.POSITIONS,
        answer=answers.Decisions,
        answered=examples.DECISIONS,
        **_NO_ORDER,
    ),
    "final_price": _Told(
        summary="Say what an order cost",
        about=(
            "Once it is `Completed` or `Cancelled`, as often as needed: the newest counts. Seven days after its end "
            "it is closed.",
        ),
        group=DURING,
        body=wire.Price,
        sent=examples.PRICE,
        answered=examples.confirmed("Completed"),
    ),
    "stop_point": _Told(
        summary="Say how far you are with a stop on the way",
        about=("No order has stops yet, so it is always declined.",),
        group=DURING,
        body=wire.StopPoint,
        sent=examples.STOP,
        answered=examples.declined("Driving", "NotAllowedForOrder"),
    ),
    "pause": _Told(
        summary="Be sent no more orders",
        about=("Orders that you have go on.",),
        group=FLEET,
        body=wire.Nothing,
        sent={},
        answer=answers.Standing,
        answered={"paused": True},
        **_NO_ORDER,
    ),
    "resume": _Told(
        summary="Be sent orders again",
        about=("`paused` stays true where the operator of the exchange has paused you.",),
        group=FLEET,
        body=wire.Nothing,
        sent={},
        answer=answers.Standing,
        answered={"paused": False},
        **_NO_ORDER,
    ),
}


def operations(shapes: Wire) -> Iterator[tuple[Source, Operation]]:
    """Every call with where its name comes from, under the names in use."""
    names = shapes.names
    for call, told in _TOLD.items():
        first, *others = names.call(call)
        source = CALLS[call][1]
        yield (
            source,
            Operation(
                method="POST",
                path=first,
                also_at=tuple(others),
                summary=told.summary,
                handler=ENDPOINTS[call](shapes),
                takes_id="{" in first,
                about=(*told.about, _SOURCES[source]),
                group=told.group,
                parameters=told.parameters,
                body=shapes.struct(told.body),
                sent=names.out(told.sent),
                answer=shapes.struct(told.answer),
                answered=names.out(told.answered),
                refusals=told.refusals,
            ),
        )
