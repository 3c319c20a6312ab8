"""The SQL of companies' webhooks finds its rows by an index, however large the tables are."""

import json
from typing import Any

import pytest

from cabstand.core.clock import utcnow
from cabstand.core.corporate import documents
from cabstand.core.sql import Statement
from cabstand.infra.db import Pool

pytestmark = pytest.mark.anyio

VALUES: dict[str, Any] = {
    **{"company": 9001, "tenant": 1, "destination": 1, "ride": 100_000, "own": 1, "door": "corp99"},
    **{"environment": "live", "url": "https://a.example/", "sealed_secret": b"", "kinds": ["ride-status"]},
    **{"job": "corporate.location", "due": utcnow(), "rides": [100_000], "offers": [1]},
}
STATEMENTS = {name: each for name, each in vars(documents).items() if isinstance(each, Statement)}


@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_statement_needs_to_read_no_whole_table(pool: Pool, name: str) -> None:
    statement = STATEMENTS[name]
    async with pool.transaction() as connection:
        # What is read whole though that is forbidden has no index for it.
        await connection.execute("SET LOCAL enable_seqscan = off")
        explain = f"EXPLAIN (FORMAT JSON) {statement.text}"
        plan = json.loads(await connection.fetchval(explain, *statement.args(VALUES)))
    assert "Seq Scan" not in {node["Node Type"] for node in _nodes(plan[0]["Plan"])}


async def test_what_is_given_up_is_found_by_what_waits_at_the_destination(pool: Pool) -> None:
    async with pool.transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        explain = f"EXPLAIN (FORMAT JSON) {documents.GIVE_UP.text}"
        plan = json.loads(await connection.fetchval(explain, *documents.GIVE_UP.args(VALUES)))
    used = {node.get("Index Name") for node in _nodes(plan[0]["Plan"])} - {None}
    assert used == {"deliveries_first", "deliveries_again", "deliveries_pkey"}


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(found for below in node.get("Plans", []) for found in _nodes(below))]
