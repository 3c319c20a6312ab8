"""Deliveries: finished messages on their way to partners, tried by each door's policy until they are in."""
