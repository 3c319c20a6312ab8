"""Orders of the sandbox: a fleet makes them for itself, to build against the exchange without a booker."""
