"""A pytest plugin for `make soak`: property tests try 2,000 examples each instead of Hypothesis' hundred.

`pytest -p benchmarks.thorough -m hypothesis`
"""

from hypothesis import HealthCheck, settings

EXAMPLES = 2000
settings.register_profile(
    "thorough", max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("thorough")
