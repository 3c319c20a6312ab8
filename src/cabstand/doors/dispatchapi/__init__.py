"""DispatchApi.io (YourDriverApp): booking apps and taxi dispatch software."""

from collections.abc import Iterable

from cabstand.doors.base import Door, Operation
from cabstand.doors.dispatchapi import hooks, refusals, routes, vocab

_LATER = "the rest of this door comes next; see CHANGELOG.md"
_LISTS = "the filter language comes with the rest of this door; GET /rides takes limit, skip and order by id"


def _of_each_model(models: Iterable[str], *endings: str) -> dict[str, str]:
    return {ending.format(model=model): _LISTS for model in models for ending in endings}


DOOR = Door(
    name="dispatchapi",
    title="DispatchApi.io",
    prefix="/dispatchapi/api",
    operations=(
        Operation(method="GET", path="/status", summary="Since when the exchange runs", handler=routes.status),
        Operation(method="GET", path="/rides", summary="List the company's rides", handler=routes.list_rides),
        Operation(method="POST", path="/rides", summary="Book a ride", handler=routes.create_ride),
        Operation(method="GET", path="/rides/{id}", summary="Show a ride", handler=routes.read_ride, takes_id=True),
        Operation(
            method="HEAD",
            path="/rides/{id}",
            summary="Whether there is a ride",
            handler=routes.read_ride,
            takes_id=True,
        ),
        Operation(
            method="PATCH",
            path="/rides/{id}",
            summary="Change a ride's details, status, driver or vehicle",
            handler=routes.update_ride,
            takes_id=True,
        ),
        Operation(
            method="PATCH",
            path="/ride/{id}",
            summary="The same; the document writes it both ways",
            handler=routes.update_ride,
            takes_id=True,
        ),
        Operation(method="POST", path="/drivers", summary="Add a driver", handler=routes.create_driver),
        Operation(method="POST", path="/vehicles", summary="Add a vehicle", handler=routes.create_vehicle),
        Operation(method="POST", path="/offers", summary="Offer a ride to drivers", handler=routes.create_offer),
        Operation(method="GET", path="/offers/{id}", summary="Show an offer", handler=routes.read_offer, takes_id=True),
        Operation(
            method="HEAD",
            path="/offers/{id}",
            summary="Whether there is an offer",
            handler=routes.read_offer,
            takes_id=True,
        ),
        Operation(
            method="PATCH",
            path="/offers/{id}",
            summary="Accept, decline or take back an offer",
            handler=routes.update_offer,
            takes_id=True,
        ),
    ),
    unserved={
        "POST /integrations": _LATER,
        "POST /Integrations": _LATER,
        "POST /prices": "prices come with tariffs",
        "POST /debtors": _LATER,
        "PATCH /debtors/{id}": _LATER,
        "POST /ratings": _LATER,
        "PATCH /ratings/{id}": _LATER,
        "PATCH /vehicles/{id}": _LATER,
        "PATCH /drivers/{id}": _LATER,
        "GET /companies/{id}/rides": _LISTS,
        "GET /companies/{id}/rides/count": _LISTS,
        "GET /companies/{id}/rides/{fk}": _LISTS,
        "GET /offers": _LISTS,
        **_of_each_model(
            ("companies", "vehicles", "drivers", "debtors", "ratings", "passengers"),
            "GET /{model}",
            "GET /{model}/{{id}}",
            "HEAD /{model}/{{id}}",
        ),
        **_of_each_model(
            ("companies", "vehicles", "drivers", "debtors", "rides", "ratings", "offers", "passengers"),
            "GET /{model}/count",
            "GET /{model}/findOne",
            "GET /{model}/{{id}}/exists",
        ),
    },
    vocabularies=(vocab.RIDE, vocab.OFFER),
    events={
        "rides.resource_created": "a ride was booked; to the company's dispatch software",
        "rides.status_changed": "a ride's status changed; to dispatch software and every app that touched the ride",
        "rides.details_changed": "other fields of a ride changed; to the same",
    },
    unserved_events={
        "passengers.details_changed": "passengers cannot be changed yet",
        "drivers.details_changed": "drivers cannot be changed yet",
        "drivers.status_changed": "drivers cannot be changed yet",
        "vehicles.status_changed": "vehicles cannot be changed yet",
    },
    codes={
        "AUTHORIZATION_REQUIRED": "the key is missing or unknown",
        "ACCESS_DENIED": "the key may not do that",
        "MODEL_NOT_FOUND": "there is no such object, or it is another company's",
    },
    unused_codes={
        "INVALID_TOKEN": "an unknown key is answered like a missing one",
        "OPERATOR_NOT_ALLOWED_IN_QUERY": "the filter language comes with the rest of this door",
        "QUERY_OBJECT_TOO_DEEP": "the filter language comes with the rest of this door",
    },
    differences=(
        "Of the filter language `GET /rides` reads `limit`, `skip` (or `offset`) and `order` by id, written as one "
        "JSON object in `filter`. Other parts are refused with 400; the form `filter[limit]=5` is not read. A list has "
        "at most 1000 rides.",
        "Offers go to drivers by id (`type` `driver`, `drivers`), not yet to phone numbers or to a whole company.",
        "The sandbox does not assign a driver by itself yet: a ride stays `unassigned` until somebody says otherwise. "
        "Every key of its company may say every word there, so that an app can take its own ride to the end.",
        "A ride POSTed as `assigned` or `accepted` is given to the company itself at once. `events.assigned` stays "
        "empty: nobody said since when.",
        "`accepted` and `matching` are not in the document's table of words, but in its text and samples. They are "
        "read as `assigned` and `unassigned`, and answered as they were sent until the ride moves.",
        "`priceMethod`, `metricsMethod` and `metrics` are answered when they were sent. A price is kept as it was "
        "sent; its breakdown is never added up.",
        "Properties that the document does not know are kept and answered. What only the server may say (`id`, "
        "`companyId`, `created` and others) is ignored in requests. What is kept "
        "as it was sent may have 100,000 bytes per thing.",
        "Dates lie between the years 1900 and 2999.",
        "Ids have 24 hex digits, as in the document: 8 that are the same for all things of a kind, and 16 of our "
        "number. An id of another kind is an unknown one.",
        "The answer to a new vehicle has the `status.origin` that was sent; the document's sample shows another.",
        "An unknown key is answered like a missing one: 401 `AUTHORIZATION_REQUIRED`, never `INVALID_TOKEN`.",
        "`Authorization: Bearer KEY` and `?access_token=KEY` are taken besides the bare key.",
        "`POST /rides` takes an `Idempotency-Key`: for at least 24 hours the same key and body answer the same ride.",
        "Webhooks are tried six times, and signed if a secret is set. The document says nothing of either.",
    ),
    errors=refusals.ERRORS,
    render_error=refusals.refusal,
    render_unreadable=refusals.unreadable,
    render_http=refusals.http,
    speaker=hooks.SPEAKER,
)
