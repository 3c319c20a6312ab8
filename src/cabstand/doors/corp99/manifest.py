"""What is said of this door as a whole: its operations, what callers must know, how it differs from the document."""

from typing import Final

from cabstand.doors.base import Parameter, Security
from cabstand.doors.corp99 import manifest_registers, manifest_rides, manifest_webhooks

ABOUT: Final = (
    "The API with which companies book rides for their staff: 99 Corp, version 1. A path may end with a slash or "
    "without. Fields that are not known are ignored, and so is an `id` in a body.",
    "The key says whether a call is for the sandbox or live. A company is named by the header `x-company-id`; what is "
    "another company's is answered as unknown.",
    "Lists are bare arrays in pages: `offset` is the number of the page, from 1, and `limit` says how long it is. A "
    "page that is shorter than that is the last one.",
    "All that is wrong with a request is told at once, each with a code: `required-` and the field for what is "
    "missing or empty, `invalid-` for what cannot be, `duplicate-` for what somebody else has. A value of a wrong type "
    "is `invalid-request`.",
)
SECURITY: Final = (
    Security(
        name="key",
        about="The key of a company, or of several.",
        scheme={"type": "apiKey", "in": "header", "name": "x-api-key"},
        example="x-api-key: KEY",
    ),
)
OPERATIONS: Final = (
    *manifest_registers.OPERATIONS,
    *manifest_rides.OPERATIONS,
    *manifest_webhooks.OPERATIONS,
)
EVENTS: Final = {
    "ride-status": "a ride has another status; to the company's webhook, if it subscribed",
    "ride-driver-location": "where the car of a running ride is, every 30 seconds; to the same",
}
EVENT_HEADERS: Final = (
    Parameter(
        name="X-Environment",
        place="header",
        about="`sandbox`, or `production` for what is live.",
        schema={"enum": ["sandbox", "production"]},
        example="sandbox",
    ),
    Parameter(
        name="Authorization",
        place="header",
        about="The user name and password of the webhook, as Basic authentication has them.",
        schema={"type": "string"},
        example="Basic dXNlcm5hbWU6cGFzc3dvcmQxMjMmJg==",
    ),
)
CODES: Final = {
    "invalid.user.or.payment": "the employee may not book this now: disabled, not allowed the category, or it was "
    "not estimated in the last 30 minutes",
    "required-url": "a webhook has no `url`",
    "invalid-url": "the `url` of a webhook is none, or not HTTPS on port 443",
    "required-authentication": "a webhook has no `authentication`",
    "required-username": "a webhook has no user name",
    "required-password": "a webhook has no password",
    "invalid-password": "the password of a webhook is too short, or has no digit or no special character",
    "required-subscriptions": "a webhook has no subscription",
    "invalid-subscriptions": "a webhook has a subscription that there is not",
}
UNUSED_CODES: Final = {
    "required-authenticationl": "a misprint of the table; the document's sample writes `required-authentication`"
}
DIFFERENCES: Final = (
    "Of several requests the document says that the id stands in the body, or in the query, though it is in the path: "
    "the path counts. A body that comes with GET or DELETE is not read.",
    "`offset` counts pages from 1, as its default says; the 0 of its example is the first page, too. `page` is taken "
    "wherever `offset` is, and counts where there is no `offset`. `limit` is at most 100: more is refused with 422, "
    "for a list that is silently cut looks like a whole one.",
    "`search` looks in the name of what is listed, whatever its case and accents; the document speaks of cost centres "
    "everywhere.",
    "Companies have a UUID. Their former number stands in `companyId` and in receipts, and `company.key` in `GET "
    "/costcenter/{id}` is the UUID again, beside `company.id`.",
    "An employee is answered in the same form everywhere, with `enabled` and with null for what is empty; lists have "
    "`companyId` besides. The `supervisorlId` of one sample is `supervisorId`.",
    "A `nationalId` has eleven digits; their check is left out, since the samples are no valid CPFs. A phone number "
    "has ten or eleven digits in Brazil, four to fifteen elsewhere. E-mail addresses are unique among a company's "
    "enabled employees, names of cost centres among its enabled ones.",
    "All nine categories that the document names somewhere, or its second version, are taken everywhere: it lists four "
    "for employees and receipts, and seven for rides.",
    "PUT of an employee replaces everything that is said of him, so a field that is left out is emptied. One of "
    "`nationalId` and `pin` is needed there as well.",
    "DELETE of an employee or cost centre disables it: it can be read on, and stands in lists. A project that was "
    "deleted is found no more.",
    "PUT of a project answers 201, PUT of an employee 200 and POST of a ride 200, as documented.",
    "PATCH of an employee's cost centres replaces the list, and answers an object. An id that is unknown or disabled "
    "is refused with 422, and nothing is changed. `GET /employee/{id}/costcenter` answers cost centres as they are "
    "answered elsewhere.",
    "A ride needs an estimate of its category, by `GET /employee/{id}/categories` for the same employee, not older "
    "than 30 minutes; its places may be others. The answer to a booking that may not be is 422 and has the code in "
    "both places in which clients look for it.",
    'Coordinates are taken as numbers or as text, with a point or a comma; so are ids, as `"125"`. Seven `optionals` '
    "are known, more than the table has.",
    "A ride is answered with its `notes` and `optionals`, too. `projectID` is null where there is none, and `receiver` "
    "is there for deliveries only.",
    "`running.driver` has an `img` where the exchange has a picture, which partner fleets send of their drivers; there "
    "is none in the sandbox. `carYear` of a receipt is null: it is not known.",
    "`smsStartedSent` and `smsDriverCanceledSent` are true once the text was really sent, which is a moment after the "
    "word that it tells of. In the sandbox it goes to the list of messages.",
    "`GET /ride` lists rides in progress, and is an empty list without any. Of `running` the JSON samples count where "
    "the tables name its fields otherwise. Receipts have a `duration`, which is in the table only.",
    "`CAR_ARRIVED` means that the ride is in progress, in the sandbox, too. A ride can be cancelled until then; later "
    "it is 422 `ride.cannot.be.canceled`. The sandbox takes all nine words: its table was not updated when "
    "`WAITING_FOR_PASSENGER` was added.",
    "A cancel by the company's own dispatch, and a passenger who did not come, are `CANCELED_BY_DRIVER`: there is no "
    "third word.",
    "`GET /job/{id}` is 204 as long as there is no receipt. The summary of `GET /job` is that of the whole filter, "
    "whatever page is shown. Its dates are days in São Paulo, the last one included.",
    "A webhook's event has its kind as `type` and as `notification`, since sample and table differ; `location` is "
    "within the ride, as in the sample. A message is tried ten times in two hours, the first one included: that is how "
    "ten tries and two hours go together.",
    "The first event of a ride is `finding`, when it is booked. Driver and vehicle are told from `on-the-way` on, also "
    "with a cancel after it; what is not known is left out. In the sandbox one position follows each of `on-the-way`, "
    "`arrived` and `in-progress`.",
    "`GET /webhooks/` is 404 where none is set. DELETE of the webhook gives up what waits to be sent. Live, a URL is "
    "HTTPS on port 443; another port is told with the message for the scheme. A URL that leads to a private address is "
    "not valid.",
    "A user name with a colon is refused with `invalid-username`, which is not in the catalogue: the header could not "
    "carry it.",
    "A password for webhooks has at least eight characters, which its message calls digits. Without an "
    "`authentication` nothing is said of what is in it.",
    "The document shows no answers for keys, companies and ids that are unknown. They are 401 and 403 with a "
    "`message`, and 404 with `errors`. All validation is 422 in the form of the webhooks' catalogue, a value of a "
    "wrong type 400.",
    "One of the document's curl samples lacks the `-H` before `x-api-key`: the header is meant.",
    "The Swagger pages of the original are replaced by `GET /docs` and `GET /openapi.json`.",
)
