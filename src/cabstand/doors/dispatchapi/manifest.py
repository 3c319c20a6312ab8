"""The operations of this door, with all that its reference says of them."""

from collections.abc import Iterable
from typing import Final

from cabstand.core.errors import DriverBusy, DriverNotAsked, NobodyToAsk
from cabstand.doors.base import Operation, Parameter, Security
from cabstand.doors.dispatchapi import answers, errors, examples, routes, sandbox_routes, wire
from cabstand.doors.dispatchapi.filters.relations import RELATIONS
from cabstand.doors.dispatchapi.manifest_rest import FILTER, FILTERED, REST
from cabstand.doors.dispatchapi.refusing import (
    BODY,
    DENIED,
    KEY,
    NO_DEPARTURE,
    NO_DRIVERS,
    NO_NUMBER,
    NO_WORD,
    RACED,
    id_of,
    invalid,
    not_found,
    refusal,
    rule,
    unknown,
)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


ABOUT: Final = (
    'Bodies are JSON. Numbers may be sent as text (`"52.37"`). Properties that are not listed here are kept and '
    "answered as they were sent; what is not there is left out of answers.",
    "Dates are ISO 8601; answers have them in UTC with milliseconds. Money is in cents with an ISO 4217 currency.",
    "A key belongs to one company, in the sandbox or in live operation; the two never meet. A *booking* key is an "
    "app's, a *dispatch* key is dispatch software's: it also answers offers and says how rides go on.",
    "What is another company's is answered as unknown, unless yours serves the ride. Of a ride that is only offered to "
    "it, a company sees the offer.",
    "Filters: a `where` holds paths such as `status` or `passenger.fname`, each with a value to equal or with `neq`, "
    "`gt`, `gte`, `lt`, `lte`, `between`, `inq`, `nin`, `regexp`, `like`, `nlike`, `ilike`, `nilike` or `near`; `and`, "
    "`or` and `nor` take lists of such objects. A `regexp` is one of JavaScript, with at most 256 characters, written "
    "`^T` or `/^t/i`. `fields` names what to answer, or with `false` what not; `order` is `id DESC` or a list of such.",
    '`include` takes names, lists of them, or objects to go deeper (`{"rides": ["driver"]}`). There are, by model, '
    + "; ".join(f"{of}: {_listed(names)}" for of, names in RELATIONS.items())
    + ".",
)
SECURITY: Final = (
    Security(
        name="key",
        about="The bare key in `Authorization`, as the document has it.",
        scheme={"type": "apiKey", "in": "header", "name": "Authorization"},
        example="Authorization: KEY",
    ),
    Security(
        name="bearer",
        about="The same key as a bearer token.",
        scheme={"type": "http", "scheme": "bearer"},
        example="Authorization: Bearer KEY",
    ),
    Security(
        name="accessToken",
        about="The same key in the address. It is not written to the log, but others may keep addresses.",
        scheme={"type": "apiKey", "in": "query", "name": "access_token"},
        example="?access_token=KEY",
    ),
)
EVENT_HEADERS: Final = (
    Parameter(
        name="X-DispatchApi-Signature",
        place="header",
        about="If the app has a secret: `sha256=` and the hexadecimal HMAC-SHA256 of the body under it.",
        schema={"type": "string", "pattern": "^sha256=[0-9a-f]{64}$"},
    ),
)


_IDEMPOTENCY_KEY: Final = Parameter(
    name="Idempotency-Key",
    place="header",
    about="Makes it safe to send the booking again: for at least 24 hours the same key with the same body answers the "
    "same ride. Printable ASCII.",
    schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    example="B-20417-1",
)
_RIDE_ID: Final = id_of("ride", examples.RIDE)
_OFFER_ID: Final = id_of("offer", examples.OFFER)

_RIDE_REFUSALS: Final = (
    *KEY,
    *BODY,
    RACED,
    refusal("Who serves the ride for another company may not change its details.", DENIED),
    not_found("Ride", examples.RIDE),
    invalid("Ride", NO_DEPARTURE),
    rule(
        "The ride is not in a state that allows the step, or this key may not take it.",
        "Ride",
        "status",
        "transition",
        "passenger cannot take a ride from completed to driving_to_pickup.",
    ),
    rule("The driver has another ride at that time.", "Ride", "driverId", "busy", str(DriverBusy())),
)

RIDES: Final = (
    Operation(
        method="GET",
        path="/rides",
        summary="List the company's rides",
        handler=routes.list_rides,
        about=("Those that it booked and those that it serves, by id.",),
        parameters=(FILTER,),
        answer=list[answers.Ride],
        answered=[examples.BOOKED],
        refusals=(*KEY, *FILTERED),
    ),
    Operation(
        method="POST",
        path="/rides",
        summary="Book a ride",
        handler=routes.create_ride,
        parameters=(_IDEMPOTENCY_KEY,),
        body=wire.NewRide,
        sent=examples.NEW_RIDE,
        answer=answers.Ride,
        answered=examples.BOOKED,
        refusals=(
            *KEY,
            *BODY,
            RACED,
            invalid("Ride", NO_DEPARTURE),
            rule("The driver has another ride at that time.", "Ride", "driverId", "busy", str(DriverBusy())),
            rule(
                "The Idempotency-Key came with another body before.",
                "Ride",
                "Idempotency-Key",
                "uniqueness",
                "The idempotency key was already used with another body.",
            ),
        ),
    ),
    Operation(
        method="GET",
        path="/rides/{id}",
        summary="Show a ride",
        handler=routes.read_ride,
        takes_id=True,
        parameters=(_RIDE_ID, FILTER),
        answer=answers.Ride,
        answered=examples.BOOKED,
        refusals=(*KEY, *FILTERED, unknown("Ride", examples.RIDE)),
    ),
    Operation(
        method="HEAD",
        path="/rides/{id}",
        summary="Whether there is a ride",
        handler=routes.read_ride,
        takes_id=True,
        parameters=(_RIDE_ID, FILTER),
        refusals=(*KEY, *FILTERED, unknown("Ride", examples.RIDE)),
    ),
    *(
        Operation(
            method="PATCH",
            path=f"/{written}/{{id}}",
            summary=summary,
            handler=routes.update_ride,
            takes_id=True,
            group="rides",
            about=(
                "Top-level properties that are there replace what was; an object replaces the whole object, and null "
                "empties a property. Details, driver and status change together or not at all.",
                "A `status` takes the ride a step further. An app cancels with `canceled` or `canceled_passenger`. "
                "Dispatch software says the other words; `canceled_driver` gives the ride up.",
            ),
            parameters=(_RIDE_ID,),
            body=wire.RidePatch,
            sent=examples.RIDE_PATCH,
            answer=answers.Ride,
            answered=examples.CHANGED,
            refusals=_RIDE_REFUSALS,
        )
        for written, summary in (
            ("rides", "Change a ride's details, status, driver or vehicle"),
            ("ride", "The same; the document writes it both ways"),
        )
    ),
)

FLEET: Final = (
    Operation(
        method="POST",
        path="/drivers",
        summary="Add a driver",
        handler=routes.create_driver,
        body=wire.DriverMessage,
        sent=examples.NEW_DRIVER,
        answer=answers.Driver,
        answered=examples.ADDED_DRIVER,
        refusals=(*KEY, *BODY, invalid("Driver", NO_WORD)),
    ),
    Operation(
        method="POST",
        path="/vehicles",
        summary="Add a vehicle",
        handler=routes.create_vehicle,
        body=wire.VehicleMessage,
        sent=examples.NEW_VEHICLE,
        answer=answers.Vehicle,
        answered=examples.ADDED_VEHICLE,
        refusals=(*KEY, *BODY, invalid("Vehicle", NO_NUMBER)),
    ),
)

OFFERS: Final = (
    Operation(
        method="POST",
        path="/offers",
        summary="Offer a ride to drivers",
        handler=routes.create_offer,
        about=(
            "To drivers of your own, or of one company that is linked to yours. The first to accept has the ride; it "
            "is `assigned` then, and the other offers of it are `canceled`.",
        ),
        body=wire.OfferMessage,
        sent=examples.NEW_OFFER,
        answer=answers.Offer,
        answered=examples.SENT_OFFER,
        refusals=(
            *KEY,
            *BODY,
            RACED,
            not_found("Ride", examples.RIDE),
            invalid("Offer", NO_DRIVERS),
            rule("None of the drivers can be asked.", "Offer", "drivers", "inclusion", str(NobodyToAsk())),
            rule(
                "The ride is not one that can be offered.",
                "Offer",
                "status",
                "transition",
                "A ride that is completed cannot be offered.",
            ),
        ),
    ),
    Operation(
        method="GET",
        path="/offers/{id}",
        summary="Show an offer",
        handler=routes.read_offer,
        takes_id=True,
        about=("For the company that offers and for the one that is asked.",),
        parameters=(_OFFER_ID, FILTER),
        answer=answers.Offer,
        answered=examples.SENT_OFFER,
        refusals=(*KEY, *FILTERED, unknown("Offer", examples.OFFER)),
    ),
    Operation(
        method="HEAD",
        path="/offers/{id}",
        summary="Whether there is an offer",
        handler=routes.read_offer,
        takes_id=True,
        parameters=(_OFFER_ID, FILTER),
        refusals=(*KEY, *FILTERED, unknown("Offer", examples.OFFER)),
    ),
    Operation(
        method="PATCH",
        path="/offers/{id}",
        summary="Accept, decline or take back an offer",
        handler=routes.update_offer,
        takes_id=True,
        about=("Dispatch software answers for its drivers; who made the offer takes it back.",),
        parameters=(_OFFER_ID,),
        body=wire.OfferPatch,
        sent=examples.OFFER_PATCH,
        answer=answers.Offer,
        answered=examples.TAKEN_OFFER,
        refusals=(
            *KEY,
            *BODY,
            RACED,
            refusal("Only dispatch software answers for its drivers.", DENIED),
            not_found("Offer", examples.OFFER),
            invalid("Offer", NO_WORD),
            rule("The offer is over.", "Offer", "status", "transition", "The offer is expired."),
            rule("This driver was not asked.", "Offer", "driverId", "inclusion", str(DriverNotAsked())),
            rule("The driver has another ride at that time.", "Offer", "driverId", "busy", str(DriverBusy())),
        ),
    ),
)

SANDBOX: Final = (
    Operation(
        method="POST",
        path="/sandbox/rides/{id}/status",
        summary="Move a ride of the sandbox",
        handler=sandbox_routes.set_status,
        takes_id=True,
        about=(
            "What the document does by hand in its dashboard: a sandbox key of any kind says a status word as dispatch "
            "software would, and the same rules hold. A ride that nobody has goes to the sandbox's driver.",
        ),
        parameters=(_RIDE_ID,),
        body=wire.StatusMessage,
        sent=examples.NEW_STATUS,
        answer=answers.Ride,
        answered={**examples.BOOKED, **examples.NEW_STATUS},
        refusals=(
            *KEY,
            *BODY,
            RACED,
            refusal(
                "The key is not one of the sandbox.",
                errors.render(403, "Error", "Only a sandbox key can use the tools of the sandbox.", "ACCESS_DENIED"),
            ),
            not_found("Ride", examples.RIDE),
            invalid("Ride"),
            rule(
                "The ride is not in a state that allows the step.",
                "Ride",
                "status",
                "transition",
                "dispatch cannot take a ride from completed to driving_to_pickup.",
            ),
        ),
    ),
)

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/status",
        summary="Since when the exchange runs",
        handler=routes.status,
        about=("A good first call: it tells whether the key is right.",),
        answer=answers.Status,
        answered=examples.STATUS,
        refusals=KEY,
    ),
    *RIDES,
    *FLEET,
    *OFFERS,
    *REST,
)
