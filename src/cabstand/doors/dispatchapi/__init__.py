"""DispatchApi.io (YourDriverApp): booking apps and taxi dispatch software."""

from cabstand.core.quotes.terms import Terms
from cabstand.doors import reference
from cabstand.doors.base import Door
from cabstand.doors.dispatchapi import answers, documents, examples, hooks, manifest, prices, refusals, vocab
from cabstand.doors.dispatchapi.fields import FIELDS

DOOR = Door(
    name="dispatchapi",
    title="DispatchApi.io",
    prefix="/dispatchapi/api",
    about=manifest.ABOUT,
    security=manifest.SECURITY,
    fields=FIELDS,
    refused=answers.Refusal,
    operations=manifest.OPERATIONS,
    own=(*manifest.SANDBOX, *reference.OPERATIONS),
    vocabularies=(vocab.RIDE, vocab.OFFER),
    events={
        "rides.resource_created": "a ride was booked; to the company's dispatch software",
        "rides.status_changed": "a ride's status changed; to dispatch software and every app that touched the ride",
        "rides.details_changed": "other fields of a ride changed; to the same",
        "passengers.details_changed": "a passenger was booked again with other details; to all apps of the company",
        "drivers.details_changed": "a driver was changed; to the company's dispatch software",
        "drivers.status_changed": "a driver's status changed; to the company's dispatch software",
        "vehicles.status_changed": "a vehicle's status changed; to the company's dispatch software",
    },
    event=answers.Event,
    told=examples.EVENTS,
    event_headers=manifest.EVENT_HEADERS,
    codes={
        "AUTHORIZATION_REQUIRED": "the key is missing or unknown",
        "ACCESS_DENIED": "the key may not do that",
        "OPERATOR_NOT_ALLOWED_IN_QUERY": "a filter has an operator that begins with $",
        "QUERY_OBJECT_TOO_DEEP": "a filter is nested too deeply",
        "MODEL_NOT_FOUND": "there is no such object, or it is another company's",
    },
    unused_codes={"INVALID_TOKEN": "an unknown key is answered like a missing one"},
    differences=(
        "Several operators of one condition are ANDed: `{gt: 1, lt: 5}` is between. A list has at most 1000 things, an "
        "answer with includes at most 5000; a filter that takes longer than two seconds is refused with 400 "
        "`QueryTooExpensive`.",
        "There is no DELETE and no PUT: a ride is cancelled by its status.",
        "Every key of a company may say every status word in the sandbox, so that an app can take its own ride to the "
        "end; so does `POST /sandbox/rides/{id}/status`. A ride that is POSTed with a `status`, or with who drives it, "
        "is not assigned to the sandbox's driver.",
        "A ride POSTed as `assigned` or `accepted` is given to the company itself at once, and so is one that names a "
        "`driverId` or `vehicleId` and no `status`. `events.assigned` stays empty: nobody said since when. Beside "
        "`unassigned`, `matching` or `requested` a driver or vehicle is refused with 422.",
        "A company that took a ride as a whole says who drives it with PATCH of `driverId` and `vehicleId`, as often "
        "as it likes until the end; of a ride that a driver accepted himself it says the car. A ride `completed` "
        "straight from `unassigned` was driven by its own company.",
        "`accepted` and `matching` are not in the document's table of words, but in its text and samples. They are "
        "read as `assigned` and `unassigned`, and answered as they were sent until the ride moves.",
        "`priceMethod`, `metricsMethod` and `metrics` are answered when they were sent. A price is kept as it was "
        "sent; its breakdown is never added up. With a `priceMethod` of `fixed` it is the ride's fare.",
        "A completed ride for which no `price` was sent shows what it costs by the tariff and the `metrics`. Whoever "
        "serves it for another company reads what it gets. Another price or length after the end makes a new receipt; "
        "the old one is kept.",
        "`eta` is there while a ride is `driving_to_pickup` and its driver's app reports. The document says nothing of "
        "its units: its sample of 274181 and 1351 makes sense in milliseconds and metres only.",
        "A vehicle is shown where the app of the driver who is on shift with it says, to its own company always, to "
        "the booker of a ride from `driving_to_pickup` until it is over; else its own company reads the `location` "
        "that was sent. Answers to POST and PATCH, and conditions of filters, know what was sent only.",
        "In bookings and offers phone numbers are compared by what they mean, a national one in the company's country; "
        "in filters as they were sent. They are answered as they were sent: a passenger's as it was sent first. What "
        "is no number is kept and never refused.",
        "Of what `meta` says only `wheelchair` decides who is asked: a ride that has it is matched with vehicles that "
        "say `wheelchair` themselves, a property of ours that is answered where it is true. Offers by hand are the "
        "dispatch software's own business.",
        "Properties that the document does not know are kept and answered. What only the server may say (`id`, "
        "`companyId`, `created` and others) is ignored in requests. What is kept "
        "as it was sent may have 100,000 bytes per thing. A body has at most 1,000,000 bytes, 20,000 values and 32 "
        "levels, a text in it 10,000 characters, a whole number 2^53.",
        "Dates lie between the years 1900 and 2999.",
        "Ids have 24 hex digits, as in the document: 8 that are the same for all things of a kind, and 16 of our "
        "number. An id of another kind is an unknown one.",
        "The document's curl examples send integrations and changes of debtors to `/rides`; `/integrations` and "
        "`/debtors/{id}` are meant. JSON with a trailing comma, as one of them has, is refused with 400. An "
        "`accessToken` is a key like all of ours. A key that may not bring in companies is answered 401.",
        "No event tells of offers: a company that is asked finds them with "
        '`GET /offers?filter={"where":{"status":"pending"}}`, and reads the ride when it has accepted. Whoever serves '
        "another company's ride says its status and who drives; its details, `price` and `metrics` included, are "
        "refused with 403.",
        "The `passengerId` of a ride with a `passenger` is answered, unlike in the samples.",
        "The answer to a new vehicle has the `status.origin` that was sent; the document's sample shows another.",
        "Of a company `name`, `email`, `phoneNumber`, `city` and an empty `appSettings` are answered.",
        "Answers of debtors have `created` and `modified`, as those of all things.",
        "Our prices include VAT in every item and have no `tax`, unlike one of the samples.",
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
    terms=Terms(documents=documents.RIDES, known=prices.known),
)
