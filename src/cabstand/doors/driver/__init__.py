"""The drivers' API, our own: sign in, shifts, positions, offers, rides."""

from cabstand.doors import reference
from cabstand.doors.base import Door
from cabstand.doors.driver import answers, errors, manifest, socket, vocab
from cabstand.doors.driver.fields import FIELDS

DOOR = Door(
    name="driver",
    title="Drivers",
    prefix="/driver/v1",
    talkative=True,
    about=manifest.ABOUT,
    security=manifest.SECURITY,
    fields=FIELDS,
    refused=answers.Refusal,
    operations=manifest.OPERATIONS,
    own=reference.OPERATIONS,
    sockets=(socket.ROUTE,),
    vocabularies=(vocab.RIDE, vocab.OFFER),
    calls=(vocab.CALLS,),
    codes={
        "unreadable": "the body is not JSON, or has what cannot be stored",
        "too_large": "the body is too large",
        "invalid": "something is missing or wrong; `problems` has all of it",
        "unauthorized": "the token is missing, unknown, or counts no more",
        "not_allowed": "this kind of key may not do that",
        "not_found": "there is no such thing or address, or it is not yours",
        "illegal_transition": "the ride is not where this step begins",
        "offer_over": "the offer was answered, has expired, or another was faster",
        "driver_busy": "you have another ride at that time",
        "not_on_shift": "start a shift first",
        "on_shift": "you are on shift with another vehicle",
        "vehicle_in_use": "another driver is on shift with this vehicle",
        "on_a_ride": "you have a ride that is due: end it or hand it back first",
        "too_early": "the passenger must be waited for longer",
        "wrong_code": "the code is wrong, was used, or counts no more",
        "choose_company": "you drive for several companies: say for which",
        "conflict": "there is one like that already",
        "raced": "somebody else changed the same thing at the same moment; try again",
        "too_many": "too many codes for this phone or from this address, or wrong ones for this ride; "
        "`Retry-After` says when to try again",
        "unavailable": "the exchange has lost its database for a moment; try again",
        "internal": "a fault of ours; it was logged",
    },
    errors=errors.ERRORS,
    render_error=errors.render_error,
    render_unreadable=errors.render_unreadable,
    render_http=errors.render_http,
)
