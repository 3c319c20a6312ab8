"""The operations that every model has alike, and those of registers, companies and prices."""

from typing import Any, Final

from cabstand.doors.base import Operation, Parameter, Refusal
from cabstand.doors.dispatchapi import (
    answers,
    company_routes,
    errors,
    examples,
    list_routes,
    prices,
    registers,
    routes,
    routes_prices,
)
from cabstand.doors.dispatchapi.filters import BadFilter, QueryTooExpensive
from cabstand.doors.dispatchapi.refusing import BODY, KEY, RACED, id_of, invalid, not_found, refusal, unknown

FILTER: Final = Parameter(
    name="filter",
    place="query",
    about="LoopBack's filter as JSON: `where`, `fields`, `include`, `order`, `limit` (at most 1000), `skip`. The "
    "bracket form `filter[where][status]=assigned` is taken too. What they may hold stands at the beginning; of one "
    "thing only `fields` and `include` count.",
    schema={"type": "object"},
    example={"limit": 20, "order": "id DESC"},
    content="application/json",
)
WHERE: Final = Parameter(
    name="where",
    place="query",
    about="The `where` of a filter, as JSON.",
    schema={"type": "object"},
    example={"status": "assigned"},
    content="application/json",
)
FILTERED: Final[tuple[Refusal, ...]] = (
    refusal("The filter cannot be read.", errors.wire_error(BadFilter("The limit parameter -1 is not valid"))),
    refusal("The filter would take longer than two seconds.", errors.wire_error(QueryTooExpensive())),
)
_MODELS: Final = {  # path → model, what it answers, an example id, an example
    "companies": ("Company", answers.Company, examples.COMPANY, examples.SHOWN_COMPANY),
    "vehicles": ("Vehicle", answers.Vehicle, examples.VEHICLE, examples.ADDED_VEHICLE),
    "drivers": ("Driver", answers.Driver, examples.DRIVER, examples.ADDED_DRIVER),
    "debtors": ("Debtor", answers.Debtor, examples.DEBTOR, examples.SHOWN_DEBTOR),
    "rides": ("Ride", answers.Ride, examples.RIDE, examples.BOOKED),
    "ratings": ("Rating", answers.Rating, examples.RATING, examples.SHOWN_RATING),
    "offers": ("Offer", answers.Offer, examples.OFFER, examples.SENT_OFFER),
    "passengers": ("Passenger", answers.Passenger, examples.PASSENGER, examples.SHOWN_PASSENGER),
}
_OWN_PAGES: Final = {"rides": ("list", "read"), "offers": ("read",)}  # described with more words elsewhere


def _reading(path: str) -> list[Operation]:
    """What every model has: list, count, findOne, by id, exists."""
    model, answer, example, shown = _MODELS[path]
    what, named = model.lower(), id_of(model.lower(), example)
    found = [
        Operation(
            method="GET",
            path=f"/{path}/count",
            summary=f"Count {path}",
            handler=list_routes.count(model),
            parameters=(WHERE,),
            answer=answers.Count,
            answered={"count": 12},
            refusals=(*KEY, *FILTERED),
        ),
        Operation(
            method="GET",
            path=f"/{path}/findOne",
            summary=f"The first {what} of a list",
            handler=list_routes.find_one(model),
            parameters=(FILTER,),
            answer=answer,
            answered=shown,
            refusals=(*KEY, *FILTERED, unknown(model, "")),
        ),
        Operation(
            method="GET",
            path=f"/{path}/{{id}}/exists",
            summary=f"Whether there is such {'an' if what[0] in 'aeiou' else 'a'} {what}",
            handler=list_routes.exists(model),
            takes_id=True,
            parameters=(named,),
            answer=answers.Exists,
            answered={"exists": True},
            refusals=KEY,
        ),
    ]
    return [*found, *_pages(path)]


def _pages(path: str) -> list[Operation]:
    """Its list and its page, unless they are described with more words elsewhere."""
    model, answer, example, shown = _MODELS[path]
    named, elsewhere = id_of(model.lower(), example), _OWN_PAGES.get(path, ())
    found = []
    if "list" not in elsewhere:
        found.append(
            Operation(
                method="GET",
                path=f"/{path}",
                summary=f"List {path}",
                handler=list_routes.find(model),
                parameters=(FILTER,),
                answer=list[answer],  # type: ignore[valid-type]
                answered=[shown],
                refusals=(*KEY, *FILTERED),
            )
        )
    if "read" not in elsewhere:
        found += [
            Operation(
                method=method,
                path=f"/{path}/{{id}}",
                summary=f"Show a {model.lower()}" if method == "GET" else f"Whether there is a {model.lower()}",
                handler=list_routes.by_id(model),
                takes_id=True,
                parameters=(named, FILTER),
                answer=answer if method == "GET" else None,
                answered=shown if method == "GET" else None,
                refusals=(*KEY, *FILTERED, unknown(model, example)),
            )
            for method in ("GET", "HEAD")
        ]
    return found


def _update(path: str, kind: registers.Kind, handler: Any, sent: Any) -> Operation:
    model, answer, example, shown = _MODELS[path]
    assert kind.patch is not None
    return Operation(
        method="PATCH",
        path=f"/{path}/{{id}}",
        summary=f"Change a {model.lower()}",
        handler=handler,
        takes_id=True,
        about=("Top-level properties that are there replace what was; null empties a property.",),
        parameters=(id_of(model.lower(), example),),
        body=kind.patch.struct,
        never_null=kind.required,
        sent=sent,
        answer=answer,
        answered={**shown, **sent},
        refusals=(*KEY, *BODY, RACED, not_found(model, example), invalid(model)),
    )


def _create(path: str, kind: registers.Kind, handler: Any, sent: Any) -> Operation:
    model, answer, _, shown = _MODELS[path]
    assert kind.new is not None
    return Operation(
        method="POST",
        path=f"/{path}",
        summary=f"Add a {model.lower()}",
        handler=handler,
        body=kind.new.struct,
        sent=sent,
        answer=answer,
        answered={**shown, **sent},
        refusals=(*KEY, *BODY, invalid(model)),
    )


_COMPANY_RIDES: Final = (
    Operation(
        method="GET",
        path="/companies/{id}/rides",
        summary="List the company's rides",
        handler=list_routes.find_company_rides,
        takes_id=True,
        parameters=(id_of("company", examples.COMPANY), FILTER),
        answer=list[answers.Ride],
        answered=[examples.BOOKED],
        refusals=(*KEY, *FILTERED, unknown("Company", examples.COMPANY)),
    ),
    Operation(
        method="GET",
        path="/companies/{id}/rides/count",
        summary="Count the company's rides",
        handler=list_routes.count_company_rides,
        takes_id=True,
        parameters=(id_of("company", examples.COMPANY), WHERE),
        answer=answers.Count,
        answered={"count": 12},
        refusals=(*KEY, *FILTERED, unknown("Company", examples.COMPANY)),
    ),
    Operation(
        method="GET",
        path="/companies/{id}/rides/{fk}",
        summary="Show one of the company's rides",
        handler=list_routes.read_company_ride,
        takes_id=True,
        parameters=(id_of("company", examples.COMPANY), id_of("ride", examples.RIDE, name="fk"), FILTER),
        answer=answers.Ride,
        answered=examples.BOOKED,
        refusals=(*KEY, *FILTERED, unknown("Ride", examples.RIDE)),
    ),
)
_INTEGRATIONS: Final = tuple(
    Operation(
        method="POST",
        path=f"/{written}",
        summary="Bring in a new company" if written == "integrations" else "The same; the document writes it both ways",
        handler=company_routes.create_integration,
        group="integrations",
        about=("For partners: makes a company, invites its owner by SMS, and answers a key for it, once.",),
        body=company_routes.IntegrationMessage,
        sent=examples.NEW_INTEGRATION,
        answer=answers.Integration,
        answered=examples.SHOWN_INTEGRATION,
        refusals=(*KEY, *BODY, invalid("Integration")),
    )
    for written in ("integrations", "Integrations")
)
_PRICES: Final = Operation(
    method="POST",
    path="/prices",
    summary="What a trip costs",
    handler=routes_prices.create_prices,
    about=("By type of vehicle; a type without a tariff, or too small, is left out. Nothing is stored.",),
    body=prices.PricesMessage,
    sent=examples.NEW_PRICES,
    answer=list[answers.Quote],
    answered=examples.SHOWN_PRICES,
    refusals=(*KEY, *BODY, invalid("Price")),
)

REST: Final = (
    *(operation for path in _MODELS for operation in _reading(path)),
    _update("drivers", registers.DRIVER, routes.update_driver, {"fname": "Jane", "emailAddress": "jane@doe.nl"}),
    _update("vehicles", registers.VEHICLE, routes.update_vehicle, examples.VEHICLE_PATCH),
    _create("debtors", registers.DEBTOR, routes.create_debtor, examples.NEW_DEBTOR),
    _update("debtors", registers.DEBTOR, routes.update_debtor, {"code": "DEB002"}),
    _create("ratings", registers.RATING, routes.create_rating, examples.NEW_RATING),
    _update("ratings", registers.RATING, routes.update_rating, {"comment": "15 minutes late.", "score": 2}),
    *_COMPANY_RIDES,
    *_INTEGRATIONS,
    _PRICES,
)
