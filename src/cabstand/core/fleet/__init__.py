"""Drivers and vehicles."""
