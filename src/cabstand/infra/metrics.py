"""The figures that an operator watches, in Prometheus' form. One `Metrics` per application, no global registry.

Labels carry names from our own code (doors, operations, kinds, outcomes), never tenants, ids or paths.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """All instruments of one application. Counting is cheap: the labelled children are kept, not looked up.

    The gauges are public: whoever knows the figure sets it.
    """

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "cabstand_requests", "Requests answered.", ("door", "operation", "status"), registry=registry
        )
        self._request_seconds = Histogram(
            "cabstand_request_seconds",
            "Time from a request's headers to the end of its response.",
            ("door", "operation"),
            buckets=SECONDS,
            registry=registry,
        )
        self._facts = Counter("cabstand_facts_fanned_out", "Facts turned into deliveries.", registry=registry)
        self._deliveries = Counter(
            "cabstand_deliveries", "Attempts to deliver to partners.", ("door", "outcome"), registry=registry
        )
        self._delivery_seconds = Histogram(
            "cabstand_delivery_seconds", "Time of one attempt to deliver.", buckets=SECONDS, registry=registry
        )
        self._jobs = Counter("cabstand_jobs", "Jobs run.", ("kind", "outcome"), registry=registry)
        self.backlog_facts = Gauge("cabstand_backlog_facts", "Facts not yet fanned out.", registry=registry)
        self.backlog_deliveries = Gauge("cabstand_backlog_deliveries", "Deliveries waiting.", registry=registry)
        self.backlog_jobs = Gauge("cabstand_backlog_jobs", "Jobs that are due and not done.", registry=registry)
        self.oldest_fact_seconds = Gauge(
            "cabstand_oldest_fact_seconds", "Age of the oldest fact not yet fanned out.", registry=registry
        )
        self.db_pool_in_use = Gauge("cabstand_db_pool_in_use", "Database connections in use.", registry=registry)
        self._request_counts: dict[tuple[str, str, int], Counter] = {}
        self._request_times: dict[tuple[str, str], Histogram] = {}
        self._delivery_counts: dict[tuple[str, str], Counter] = {}
        self._job_counts: dict[tuple[str, str], Counter] = {}

    def request(self, door: str, operation: str, status: int, seconds: float | None) -> None:
        """Count one request. No seconds for a WebSocket: how long it stays open says nothing about speed."""
        count = self._request_counts.get((door, operation, status))
        if count is None:
            count = self._requests.labels(door, operation, str(status))
            self._request_counts[door, operation, status] = count
        count.inc()
        if seconds is None:
            return
        times = self._request_times.get((door, operation))
        if times is None:
            times = self._request_times[door, operation] = self._request_seconds.labels(door, operation)
        times.observe(seconds)

    def facts_fanned_out(self, number: int) -> None:
        self._facts.inc(number)

    def delivery(self, door: str, outcome: str, seconds: float) -> None:
        """Count one attempt to deliver, whatever came of it."""
        count = self._delivery_counts.get((door, outcome))
        if count is None:
            count = self._delivery_counts[door, outcome] = self._deliveries.labels(door, outcome)
        count.inc()
        self._delivery_seconds.observe(seconds)

    def job(self, kind: str, outcome: str) -> None:
        """Count one run of a job."""
        count = self._job_counts.get((kind, outcome))
        if count is None:
            count = self._job_counts[kind, outcome] = self._jobs.labels(kind, outcome)
        count.inc()

    def watch(self, name: str, meaning: str, figures: Callable[[], Mapping[str, float]]) -> None:
        """Show figures that somebody else keeps, by `what`, each time that they are asked for; quick, from a thread."""
        self._registry.register(_Watched(name, meaning, figures))

    def render(self) -> bytes:
        """All figures as text, of `CONTENT_TYPE`. Takes milliseconds with many operations: call it in a thread."""
        return generate_latest(self._registry)


class _Watched(Collector):
    """Figures that are read when they are asked for."""

    def __init__(self, name: str, meaning: str, figures: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._meaning, self._figures = name, meaning, figures

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(self._name, self._meaning, labels=["what"])
        for what, number in self._figures().items():
            family.add_metric([what], number)
        return [family]
