"""The endpoints for operators: who may read the metrics, and what /health says."""

import asyncio
import io
import json
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from cabstand.infra.metrics import CONTENT_TYPE, Metrics
from cabstand.infra.web import HealthCheck, Unwell, health_endpoint, metrics_endpoint
from tests.infra.asgi import called, lines, log_in_memory, wrapped


@pytest.fixture
def out() -> Iterator[io.BytesIO]:
    with log_in_memory() as stream:
        yield stream


def status_of_metrics(key: str | None, loopback: bool, **headers: str) -> int:
    metrics = Metrics()
    site = Starlette(routes=[Route("/x", metrics_endpoint(metrics, key, loopback))])
    start, body = called(wrapped(site, metrics=metrics), *((n.replace("_", "-"), v) for n, v in headers.items()))
    if start["status"] == 200:
        assert (b"content-type", CONTENT_TYPE.encode()) in start["headers"]
        assert b"cabstand_backlog_facts" in body["body"]
    return int(start["status"])


def test_metrics_are_open_on_loopback_and_need_the_key_elsewhere(out: io.BytesIO) -> None:
    key = "0123456789abcdef"
    assert status_of_metrics(None, True) == 200
    assert status_of_metrics(None, False) == 404
    assert status_of_metrics(key, False) == 401
    assert status_of_metrics(key, False, authorization=f"Bearer {key}x") == 401
    assert status_of_metrics(key, False, authorization=f"Basic {key}") == 401
    assert status_of_metrics(key, False, authorization="Bearer é") == 401
    assert status_of_metrics(key, False, authorization=f"bearer {key}") == 200


def test_metrics_asked_for_through_a_proxy_on_this_machine_need_the_key(out: io.BytesIO) -> None:
    assert status_of_metrics(None, True, x_forwarded_for="198.51.100.7") == 404


def health(check: HealthCheck, seconds: float = 5.0) -> tuple[int, dict[str, str]]:
    site = Starlette(routes=[Route("/x", health_endpoint(check, seconds=seconds))])
    start, body = called(wrapped(site))
    return start["status"], json.loads(body["body"])


def test_health_says_ok_or_what_is_wrong(out: io.BytesIO) -> None:
    async def well() -> Unwell | None:
        return None

    async def starting() -> Unwell | None:
        return Unwell(status="starting", problem="migrations are running")

    assert health(well) == (200, {"status": "ok"})
    assert health(starting) == (503, {"status": "starting", "problem": "migrations are running"})


def test_a_health_check_that_breaks_or_hangs_is_failing(out: io.BytesIO) -> None:
    async def breaks() -> Unwell | None:
        raise LookupError("hunter2")

    async def hangs() -> Unwell | None:
        await asyncio.sleep(60)
        return None

    assert health(breaks) == (503, {"status": "failing", "problem": "the health check itself failed"})
    assert "LookupError" in lines(out, "health check failed")[0]["exception"]
    assert health(hangs, 0.01) == (503, {"status": "failing", "problem": "the health check took longer than 0.01 s"})
