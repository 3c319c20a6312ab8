"""A short kill storm; `make soak` runs the long one."""

import os
from pathlib import Path

import pytest

from tests.kill.storm import TARGETS, storm

pytestmark = [pytest.mark.anyio, pytest.mark.kill]


async def test_nothing_acknowledged_is_lost_or_doubled_when_processes_are_killed(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o755)  # PostgreSQL may run as another user
    result = await storm(tmp_path, kills=len(TARGETS), seed=20240115)
    assert result.findings == []
    assert result.kills.keys() == set(TARGETS)
    assert result.rides > 20, "the clients were kept busy"
    assert result.unanswered > 0, "the kills were felt"
