"""Builders and servers for tests."""
