"""What this door says of itself: keys, the token, limits, what is documented and what is proposed."""

from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from cabstand.doors.base import Operation, Security
from cabstand.doors.gett import answers, examples, oauth_routes
from cabstand.doors.gett.names import CALLS, FIELDS, SERVED, Source
from cabstand.doors.gett.refusals import AWAY, LIMIT, oauth

CALLED: Final = (
    "You are called yourself, below the endpoint that was agreed. Any 2XX says that a call was taken in; your decision "
    "is a call of yours. Any 4XX is a no. After a 5XX, a redirect, or nothing whole within ten seconds you are called "
    "four times more, five seconds apart, about a cancel for a day. The same call may come twice.",
    f"`POST {SERVED['quotes'][0]}` asks what you would do, and waits five seconds. It has `origin`, `destination`, "
    "`service`, `currency`, and `scheduled_at` if it is for later. Answer "
    '`{"quotes": [{"quote_id": "Q-1", "available": true, "eta": 240, "price": 12.5, "currency": "EUR"}]}`: seconds '
    "and major units. No quotes: you cannot come. By agreement you are asked again every three seconds, for fifteen, "
    "with the `id` of your first answer, until `status` is `FINISHED`.",
    f"`POST {SERVED['future_order'][0]}` and `POST {SERVED['order'][0]}` put an order to you, to reserve or to accept. "
    f"`PUT {SERVED['update_order'][0]}` has all of it again, whenever it differs from what you were told last: the "
    "passenger's last name and phone come after your yes. A sandbox order shows what is in them as its `body`.",
    f"`DELETE {SERVED['cancel_order'][0]}` says that the order is yours no more, unless you ended it. Answer 204, or "
    '200 with what it costs, where that was agreed: `{"cancellation_fee": 5.0, "currency": "EUR"}`.',
    f"`GET {SERVED['driver_photo'][0]}` asks for a driver's picture once he has set off: a JPEG, PNG or WebP of up to "
    '1 MB, or `{"image_url": "…"}`. If nothing is heard about a live order for two minutes, `HEAD /` sees whether you '
    "are there. Which of these paths and names are proposed by us is told below.",
)
ABOUT: Final = (
    "For partner fleets: the Fleet Client API of Gett's Ride Exchange. The exchange sends a fleet orders (the Fleet "
    "Server API), and the fleet says here what becomes of them.",
    "A call that is understood is answered with 200 and a decision: `success` says whether it holds, `reason` why not, "
    "`status` what the order has come to. What cannot be read is a 4XX with all that is wrong in `error`. A 5XX is a "
    "fault of ours: try one to four times more, five seconds apart. The same call again, with the same body, has the "
    "same answer. Another fleet's order, and one of the other environment, is an unknown one.",
    "Every answer to a fleet says how many requests it has left: `x-rate-limit-limit`, `x-rate-limit-remaining` and "
    "`x-rate-limit-reset`, when the next minute begins, in seconds since 1970. Who uses them up is answered 429 until "
    "then, with `Retry-After`.",
    "All paths are served below `/api/v1` and below `/v1`.",
    *CALLED,
)
SECURITY: Final = (
    Security(
        name="bearer",
        about="The token from `/v1/oauth/token`; it counts for two hours.",
        scheme={"type": "http", "scheme": "bearer"},
        example="Authorization: Bearer TOKEN",
    ),
    Security(
        name="fleet",
        about="The constant token of your fleet, with every call.",
        scheme={"type": "apiKey", "in": "header", "name": "fleet-token"},
        example="fleet-token: FLEET_TOKEN",
    ),
)


class TokenRequest(msgspec.Struct):
    """The form for a token."""

    grant_type: str
    client_id: Annotated[str, Meta(max_length=200)] | None = None
    client_secret: Annotated[str, Meta(max_length=200)] | None = None
    scope: Annotated[str, Meta(max_length=200)] | None = None


TOKEN: Final = Operation(
    method="POST",
    path="/v1/oauth/token",
    also_at=("/api/v1/oauth/token",),
    summary="Get a token",
    handler=oauth_routes.token,
    open=True,
    about=(
        "OAuth 2 client credentials. The body is a form; client and secret may come by HTTP Basic instead.",
        "A live client gets tokens for the sandbox, too; a client of the sandbox gets none that are live.",
    ),
    group="token",
    form=True,
    body=TokenRequest,
    sent=examples.TOKEN_REQUEST,
    answer=answers.Token,
    answered=examples.TOKEN,
    refusals=(
        oauth("A parameter is missing, comes twice, or the body is no form.", "invalid_request"),
        oauth("Only `client_credentials` is granted.", "unsupported_grant_type"),
        oauth("There is no such scope, or it is not yours.", "invalid_scope"),
        oauth("There is no such client, or the secret is another.", "invalid_client", 401),
        oauth("The body is too large.", "The body is larger than is taken here.", 413),
        LIMIT,
        AWAY,
    ),
)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _from(source: Source) -> str:
    return _listed(name for name, where in FIELDS.items() if where is source)


DIFFERENCES: Final = (
    "Much of this API is agreed with each partner and not published. What is proposed by us stands in one table, and "
    "the operator of an exchange may correct it by a file (`CABSTAND_GETT_NAMES`): paths and fields, both ways.",
    "Paths proposed by us, of calls to the exchange: "
    + _listed(path for path, source in CALLS.values() if source is Source.OURS)
    + "; inferred: "
    + _listed(path for path, source in CALLS.values() if source is Source.INFERRED)
    + ".",
    "Paths proposed by us, of calls to a fleet: "
    + _listed(path for path, source in SERVED.values() if source is Source.OURS)
    + "; inferred: "
    + _listed(path for path, source in SERVED.values() if source is Source.INFERRED)
    + ".",
    f"Fields proposed by us: {_from(Source.OURS)}; inferred: {_from(Source.INFERRED)}.",
    "Proposed by us as well: the reasons `OfferExpired`, `OrderTaken`, `OrderCancelled` and `InvalidDriver`, the form "
    "of decisions and of errors, the quota of so many requests in a minute of the clock, and that the same call has "
    "the same answer.",
    "An order of another fleet is answered 404, as an unknown one, and not `NotAllowedForOrder`: whether there is such "
    "an order is nobody else's business. In `locations` both are `NotAllowedForOrder`.",
    "The status `CareReq` is never said: customer care is a flag beside the state.",
    "The order's id is the number of the offer that was made to a fleet. Asked again about the same ride, it is "
    "another order. What a fleet sees of an order that it declined, lost or gave up is how that ended, and nothing of "
    "how the ride goes on.",
)
