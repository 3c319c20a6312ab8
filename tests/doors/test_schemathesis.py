"""Every operation of every door, called with what its OpenAPI document admits and with what it does not.

The calls are drawn by schemathesis, always from the same seed. Nothing is answered with a 5xx, and each answer is of a
status, type, form and shape of error that the document announces.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CheckContext, not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cabstand.doors import DOORS
from cabstand.doors.base import Door, Operation
from cabstand.doors.openapi import document
from cabstand.infra.db import Pool
from tests.doors.worlds import WORLDS, World
from tests.support.exchange import running

EXAMPLES = 20  # of each operation and mode
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
# A NUL cannot be stored, and no schema says so: bad input is tested elsewhere.
CONFIG = SchemathesisConfig(
    projects=ProjectsConfig(default=ProjectConfig(generation=GenerationConfig(allow_x00=False)))
)


def test_every_door_has_a_world_to_be_called_in() -> None:
    assert set(WORLDS) == {door.name for door in DOORS}


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Calls the operations of a door in one mode, and looks at each answer."""

    base_url: str
    door: Door
    mode: GenerationMode
    world: World
    api: Any
    session: requests.Session

    def cases(self, operation: Operation) -> st.SearchStrategy[Any]:
        """Calls of an operation, half of them with ids and references of things that there are."""

        def refer(case: Any, known: bool) -> Any:
            if known and operation.takes_id:
                case.path_parameters = {name: self.world.ids(operation)[name] for name in operation.names}
            if known and case.query:
                case.query = {name: self.world.references.get(name, value) for name, value in case.query.items()}
            if known and isinstance(case.body, dict):
                found = {name: self.world.references.get(name, value) for name, value in case.body.items()}
                case.body = {name: value() if callable(value) else value for name, value in found.items()}
            return case

        described = self.api[operation.path][operation.method]
        drawn = described.as_strategy(generation_mode=self.mode, headers=self.world.headers(operation))
        return st.tuples(drawn, st.booleans()).map(lambda pair: refer(*pair))

    def check(self, ctx: CheckContext, response: Any, case: Any) -> None:
        """A refusal has the door's shape; what the document admits is refused only for what no schema can tell."""
        status, method = response.status_code, case.operation.method.upper()
        if status >= 400 and method != "HEAD":
            assert response.headers["content-type"] == ["application/json"]
            self.world.refusal(json.loads(response.content), status)
        reads = method in ("GET", "HEAD")  # a filter is a language of its own: that it is an object says little
        if status in (400, 422) and self.mode is GenerationMode.POSITIVE and not reads:
            assert self.world.beyond_schema(json.loads(response.content))

    def exercise(self, operation: Operation) -> list[int]:
        """Call an operation. Returns the statuses of its answers. Raises FailureGroup."""
        seen: list[int] = []

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # no shrinking: a failure is told as a command that repeats it
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=self.cases(operation))
        def call(case: Any) -> None:
            more = {"session": self.session, "checks": [*CHECKS, self.check], "timeout": 10}
            seen.append(case.call_and_validate(base_url=self.base_url + self.door.prefix, **more).status_code)

        call()
        return seen

    def wrongs(self) -> list[str]:
        """What is wrong with the answers of all operations."""
        wrong, reached = [], set()
        for operation in (*self.door.operations, *self.door.own):
            if self.mode is GenerationMode.NEGATIVE and operation.body is None:
                continue  # what is wrong in an address is tested with the filters, and with the walls
            try:
                seen = self.exercise(operation)
            except FailureGroup as failures:  # no Exception: it would end the event loop instead of the test
                wrong.append(f"{operation.name}: {failures}")
                continue
            assert len(seen) >= EXAMPLES / 2, operation.name
            if operation.status in seen:
                reached.add(operation.handler)
            elif self.mode is GenerationMode.POSITIVE and operation.handler not in reached:
                wrong.append(f"{operation.name}: never a success: {seen}")
        return wrong


@pytest.mark.anyio
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: str(mode.value))
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
async def test_no_call_is_answered_otherwise_than_the_document_says(
    pool: Pool, door: Door, mode: GenerationMode
) -> None:
    async with running(pool) as here:
        world = await WORLDS[door.name](here)
        api = schemathesis.openapi.from_dict(document(door, here.base_url), config=CONFIG)
        session = requests.Session()
        session.trust_env = False  # or the machine's proxies and .netrc are looked for at each call
        caller = Caller(base_url=here.base_url, door=door, mode=mode, world=world, api=api, session=session)
        wrong = await asyncio.to_thread(caller.wrongs)
    assert not wrong, "\n\n".join(wrong)
