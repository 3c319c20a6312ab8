"""Putting rides to those who can serve them."""
