"""Rounds: what a market's owner does every two seconds for the rides that have a plan."""
