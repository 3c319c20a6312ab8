"""Cabstand: a self-hosted ride exchange."""
