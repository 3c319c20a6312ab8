"""Every race of the field that concerns rides and offers, sixty times; `make soak` runs them a thousand times."""

import pytest

from tests.races.duel import ENOUGH
from tests.races.scenarios import RACES
from tests.support.exchange import Running

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", RACES)
async def test_a_race_has_one_outcome_and_leaves_no_orphan(here: Running, name: str) -> None:
    await RACES[name](here, ENOUGH)
