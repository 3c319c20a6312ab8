"""The document's examples of parts of a ride, sent in one and read back; and its list of examples, which is whole."""

import re
from pathlib import Path
from typing import Any

import pytest

from cabstand.infra.db import Pool
from tests.doors.dispatchapi.test_examples import EXAMPLES, compare, example
from tests.support.builders import a_ride, good
from tests.support.exchange import running

pytestmark = pytest.mark.anyio
HERE = Path(__file__).parent
BLOCKS = 82  # of code, in the document


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("address_international", "departure"),
        ("address_local", "departure"),
        ("address_airport", "destination"),
        ("payment_meta", "paymentMeta"),
        ("metrics", "metrics"),
        ("price", "price"),
        ("price_of_prices", "price"),
        ("meta", "meta"),
        ("foreign_meta", "foreignMeta"),
    ],
)
async def test_a_printed_part_of_a_ride_is_kept(pool: Pool, name: str, place: str) -> None:
    part = example(name)
    sent = part["price"] if name == "price" else part  # printed with its name around it
    async with running(pool) as here:
        company = await here.company()
        ride = good(await here.call("POST", "/rides", company.key(), a_ride(**{place: sent})))
        assert ride[place] == sent
        other = good(await here.call("POST", "/rides", company.key(), a_ride()))
        assert other.get(place) != sent
        changed = good(await here.call("PATCH", f"/rides/{other['id']}", company.key(), {place: sent}))
        compare(changed, {**other, place: sent})
        assert good(await here.call("GET", f"/rides/{other['id']}", company.key())) == changed


def test_the_printed_price_has_the_items_that_a_price_is_answered_with() -> None:
    for answered in example("post_prices_reply"):
        assert isinstance(answered, dict)
        printed = example("price_of_prices")
        price = {name: value for name, value in answered["price"].items() if name != "tax"}  # contradiction 9
        assert set(price) == set(printed)
        assert _forms(price["breakdown"]) == _forms(printed["breakdown"])


def _forms(breakdown: dict[str, dict[str, Any]]) -> dict[str, set[str]]:
    return {name: set(item) for name, item in breakdown.items()}


def test_every_block_of_the_document_is_replayed_by_a_test() -> None:
    lines = (HERE / "spec" / "examples.txt").read_text().splitlines()
    blocks = [line.split("; ") for line in lines if not line.startswith("#")]
    assert len(blocks) == BLOCKS
    assert {file for _, _, file, _ in blocks} == {"-", *(path.stem for path in EXAMPLES.iterdir())}
    for _, _, file, test in blocks:
        module, name = test.split("::")
        text = (HERE / module).read_text()
        assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), test
        assert file == "-" or f'"{file}"' in text or f'"{file}.json"' in text, f"{module} does not read {file}"
