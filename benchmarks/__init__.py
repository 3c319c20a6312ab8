"""Measurements: each prints a ratio against a floor or a peer that was measured in the same run (design 7)."""
