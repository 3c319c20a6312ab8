"""Rides: their lifecycle, and what may be done with them."""
