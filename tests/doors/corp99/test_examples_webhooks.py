"""The document's examples of webhooks, replayed and compared as printed; and events, held to the door's reference."""

from typing import Any

import jsonschema_rs
import pytest

from cabstand.core.rides.model import RideState
from cabstand.doors.corp99 import DOOR
from cabstand.doors.openapi import document
from cabstand.infra.db import Pool
from tests.doors.corp99.riding import a_company_ride, listen, tell
from tests.doors.corp99.test_examples import example
from tests.infra.outbox import Receiver, empty
from tests.support.corporate import client, ok
from tests.support.exchange import running

pytestmark = pytest.mark.anyio


def form(value: Any) -> Any:
    """The names of all fields, in their order, and the kinds of their values."""
    if isinstance(value, dict):
        return [(name, form(item)) for name, item in value.items()]
    return type(value)


async def test_the_example_webhook_is_set_and_read_as_printed(pool: Pool) -> None:
    sent = example("put_webhook_request")
    async with running(pool) as here:
        asked = await client(here)
        assert ok(await asked.call("PUT", "/webhooks/", sent)) == sent
        assert ok(await asked.call("GET", "/webhooks/")) == example("get_webhook_reply")


async def test_the_example_refusal_has_entries_that_are_answered(pool: Pool) -> None:
    printed = example("put_webhook_refusal")
    async with running(pool) as here:
        asked = await client(here)
        # One URL cannot be missing and wrong: the sample shows the entries, not one answer.
        answers = [await asked.call("PUT", "/webhooks/", body) for body in ({}, {"url": "no address"})]
        assert [answer.status for answer in answers] == [422, 422]
        told = [entry for answer in answers for entry in answer.body["errors"]]
        assert all(entry in told for entry in printed["errors"])


async def test_the_example_event_has_the_form_of_those_that_are_sent(pool: Pool) -> None:
    printed = example("event")
    printed["event"]["notification"] = printed["event"]["type"]  # contradiction 18: both
    schema = {"$ref": "#/components/schemas/Event", **document(DOOR, "https://exchange.example")}
    fits = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    await empty(pool)
    async with running(pool) as here, Receiver() as receiver:
        company = await client(here)
        await listen(company, receiver.url)
        ride = await a_company_ride(company)
        await ride.move(RideState.APPROACHING)
        await tell(here, receiver)
        messages = [hit.message for hit in receiver.hits]
    assert {message["event"]["type"] for message in messages} == set(DOOR.events)
    assert form(messages[-1]) == form(printed)
    for message in (*messages, printed):
        assert [error.message for error in fits.iter_errors(message)] == []
