"""Tracking: the car of a ride while it comes and drives, its trace, and what is told when it is near or late."""
