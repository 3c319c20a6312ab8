"""A simulated partner fleet: a server of its own that takes orders from the exchange, and drives them."""
