"""Batch matching: who drives to whom, for all waiting rides of a market at once. Pure: arrays in, pairs out."""
