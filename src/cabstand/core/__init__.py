"""The domain: rides, offers, drivers, tenants. Knows nothing of HTTP or of any door."""
