"""Machinery around the core: database, jobs, deliveries, logs, metrics."""
