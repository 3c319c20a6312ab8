"""99 Corp, version 1: companies that book rides for their staff."""

from cabstand.doors import reference
from cabstand.doors.base import Door
from cabstand.doors.corp99 import answers, examples, hooks, manifest, refusals, ride_fields, vocab
from cabstand.doors.corp99.fields import FIELDS

DOOR = Door(
    name="corp99",
    title="99 Corp",
    prefix="/corp99/v1",
    about=manifest.ABOUT,
    security=manifest.SECURITY,
    fields={**FIELDS, **ride_fields.FIELDS},
    refused=answers.Refusal,
    operations=manifest.OPERATIONS,
    own=reference.OPERATIONS,
    either_slash=True,
    vocabularies=(vocab.REST, vocab.WEBHOOK),
    events=manifest.EVENTS,
    event=answers.Event,
    told=examples.EVENTS,
    event_headers=manifest.EVENT_HEADERS,
    codes=manifest.CODES,
    unused_codes=manifest.UNUSED_CODES,
    differences=manifest.DIFFERENCES,
    errors=refusals.ERRORS,
    render_error=refusals.refusal,
    render_unreadable=refusals.unreadable,
    render_http=refusals.http,
    speaker=hooks.SPEAKER,
)
