"""Gett's Ride Exchange, the side that partner fleets call: they take orders, report each step, and say the price."""

from cabstand.doors import reference
from cabstand.doors.base import Door
from cabstand.doors.gett import (
    answers,
    errors,
    manifest,
    manifest_orders,
    manifest_sandbox,
    sandbox_wire,
    supply,
    vocab,
)
from cabstand.doors.gett.fields import FIELDS
from cabstand.doors.gett.names import PUBLISHED, Names, Source
from cabstand.doors.gett.wire import Wire


def door(names: Names) -> Door:
    """The door under the names in use."""
    shapes = Wire(names)
    calls = list(manifest_orders.operations(shapes))
    return Door(
        name="gett",
        title="Gett Ride Exchange",
        prefix="/gett",
        talkative=True,
        about=manifest.ABOUT,
        security=manifest.SECURITY,
        all_keys=True,
        fields=_explained(names),
        refused=answers.Refusal,
        operations=(manifest.TOKEN, *(call for source, call in calls if source is not Source.OURS)),
        own=(
            *(call for source, call in calls if source is Source.OURS),
            *manifest_sandbox.operations(shapes),
            *reference.OPERATIONS,
        ),
        vocabularies=(vocab.FLEET, vocab.UNTRACKED),
        calls=(vocab.CALLS,),
        codes=_MEANINGS,
        differences=manifest.DIFFERENCES,
        errors=errors.ERRORS,
        render_error=errors.render_error,
        render_unreadable=errors.render_unreadable,
        render_http=errors.render_http,
        speaker=supply.SPEAKER,
    )


_MEANINGS = {
    "ReachedLimit": "you have cancelled too often within a day",
    "NotAllowedForOrder": "this order does not permit the call",
    "NotAllowedForStatus": "the order is in a state that does not permit the call",
    "CancelNotPermitted": "you may not cancel at all",
    "CancelNotPermittedYet": "the passenger must be waited for longer",
}


def _explained(names: Names) -> dict[str, str]:
    """What the fields mean, under the names in use."""
    explained = {}
    for key, about in {**FIELDS, **sandbox_wire.FIELDS}.items():
        message, _, own = key.rpartition(".")
        wire = own if message == "TokenRequest" else names.wire(own)
        explained[f"{message}.{wire}" if message else wire] = about
    return explained


DOOR = door(PUBLISHED)
