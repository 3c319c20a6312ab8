"""The operations of webhooks."""

from typing import Any, Final

from cabstand.doors.base import Operation, Refusal
from cabstand.doors.corp99 import errors, webhook_routes, webhook_wire
from cabstand.doors.corp99.refusing import BODY, CALLER, COMPANY, RACED, refusal

_CONFIGURATION: Final[dict[str, Any]] = {
    "url": "https://app.99taxis.com/v1/webhook",
    "authentication": {"username": "username", "password": "password123&&"},
    "subscriptions": ["ride-status", "ride-driver-location"],
}
_NONE: Final = refusal("The company has no webhook, or switched it off.", errors.not_found("Webhook"))
_LOST: Final = refusal(
    "The exchange's secret key was changed, and with it the password was lost. PUT sets the webhook again.",
    errors.invalid([webhook_wire.LOST_PASSWORD], 409),
)
_FAULTS: Final[tuple[tuple[str, tuple[errors.Fault, ...]], ...]] = (
    (
        "Nothing was said.",
        (
            webhook_wire.REQUIRED_URL,
            webhook_wire.REQUIRED_AUTHENTICATION,
            webhook_wire.REQUIRED_SUBSCRIPTIONS,
        ),
    ),
    (
        "The URL is none, or leads to where nothing may be sent; user name and password are missing.",
        (webhook_wire.INVALID_URL, webhook_wire.REQUIRED_USERNAME, webhook_wire.REQUIRED_PASSWORD),
    ),
    (
        "The URL is not HTTPS on port 443; the password is too weak; there is no such subscription.",
        (
            webhook_wire.INSECURE_URL,
            webhook_wire.SHORT_PASSWORD,
            webhook_wire.NO_DIGIT,
            webhook_wire.NO_SPECIAL,
            webhook_wire.INVALID_SUBSCRIPTIONS,
        ),
    ),
    (
        "A user name with a colon, and a password with a line break, cannot be sent.",
        (webhook_wire.INVALID_USERNAME, webhook_wire.UNFIT_PASSWORD),
    ),
)
_INVALID: Final[tuple[Refusal, ...]] = tuple(refusal(about, errors.invalid(faults)) for about, faults in _FAULTS)

OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        method="GET",
        path="/webhooks/",
        summary="Read where the company's events go",
        handler=webhook_routes.read,
        parameters=(COMPANY,),
        answer=webhook_wire.Webhook,
        answered=_CONFIGURATION,
        refusals=(*CALLER, _NONE, _LOST),
    ),
    Operation(
        method="PUT",
        path="/webhooks/",
        summary="Say where the company's events go",
        handler=webhook_routes.replace,
        about=(
            "A company has one webhook; this makes or replaces it. What waits for its next attempt goes to the new "
            "URL. The URL is HTTPS on port 443 and leads to a public address; in the sandbox it may also lead to the "
            "machine of an exchange that only that machine reaches, by HTTP and at any port.",
            "With `ride-driver-location` the positions of rides that are under way already are told, too.",
        ),
        parameters=(COMPANY,),
        body=webhook_wire.Webhook,
        sent=_CONFIGURATION,
        answer=webhook_wire.Webhook,
        answered=_CONFIGURATION,
        refusals=(*CALLER, *BODY, *_INVALID, RACED),
    ),
    Operation(
        method="DELETE",
        path="/webhooks/",
        summary="Switch the company's events off",
        handler=webhook_routes.delete,
        about=(
            "Within five seconds nothing more is sent, not even what was waiting: it is given up, and a later PUT "
            "begins with what happens from then on.",
        ),
        parameters=(COMPANY,),
        status=204,
        refusals=(*CALLER, RACED),
    ),
)
