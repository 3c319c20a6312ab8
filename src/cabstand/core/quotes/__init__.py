"""Prices and fares: one rate engine for the quote, the running meter and the receipt (design 3.8)."""
