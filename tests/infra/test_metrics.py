"""Metrics: each instrument shows under its name, and two applications do not share figures."""

from prometheus_client.parser import text_string_to_metric_families

from cabstand.infra.metrics import CONTENT_TYPE, Metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """(name, sorted labels) → value, as a Prometheus server would read them."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def test_a_request_is_counted_and_timed() -> None:
    metrics = Metrics()
    metrics.request("gett", "createOrder", 200, 0.004)
    metrics.request("gett", "createOrder", 200, 0.004)
    metrics.request("gett", "createOrder", 409, 20.0)
    found = samples(metrics)
    route = (("door", "gett"), ("operation", "createOrder"))
    assert found["cabstand_requests_total", (*route, ("status", "200"))] == 2
    assert found["cabstand_requests_total", (*route, ("status", "409"))] == 1
    assert found["cabstand_request_seconds_count", route] == 3
    assert found["cabstand_request_seconds_bucket", (route[0], ("le", "0.0025"), route[1])] == 0
    assert found["cabstand_request_seconds_bucket", (route[0], ("le", "0.005"), route[1])] == 2
    assert found["cabstand_request_seconds_bucket", (route[0], ("le", "10.0"), route[1])] == 2


def test_a_websocket_is_counted_but_not_timed() -> None:
    metrics = Metrics()
    metrics.request("driver", "stream", 101, None)
    names = {name for name, labels in samples(metrics) if labels}
    assert "cabstand_requests_total" in names
    assert "cabstand_request_seconds_count" not in names


def test_work_in_the_background_is_counted() -> None:
    metrics = Metrics()
    metrics.facts_fanned_out(7)
    metrics.delivery("corp99", "delivered", 0.2)
    metrics.delivery("corp99", "refused", 0.2)
    metrics.job("quote_expires", "done")
    metrics.job("quote_expires", "done")
    metrics.backlog_facts.set(3)
    metrics.backlog_deliveries.set(4)
    metrics.backlog_jobs.set(5)
    metrics.oldest_fact_seconds.set(1.5)
    metrics.db_pool_in_use.inc()
    found = samples(metrics)
    assert found["cabstand_facts_fanned_out_total", ()] == 7
    assert found["cabstand_deliveries_total", (("door", "corp99"), ("outcome", "refused"))] == 1
    assert found["cabstand_delivery_seconds_count", ()] == 2
    assert found["cabstand_jobs_total", (("kind", "quote_expires"), ("outcome", "done"))] == 2
    assert found["cabstand_backlog_facts", ()] == 3
    assert found["cabstand_backlog_deliveries", ()] == 4
    assert found["cabstand_backlog_jobs", ()] == 5
    assert found["cabstand_oldest_fact_seconds", ()] == 1.5
    assert found["cabstand_db_pool_in_use", ()] == 1


def test_two_applications_in_one_process_have_their_own_figures() -> None:
    one, other = Metrics(), Metrics()
    one.job("x", "done")
    assert ("cabstand_jobs_total", (("kind", "x"), ("outcome", "done"))) not in samples(other)


def test_the_process_is_measured_and_the_text_has_a_content_type() -> None:
    assert samples(Metrics())["process_resident_memory_bytes", ()] > 0
    assert CONTENT_TYPE.startswith("text/plain")
