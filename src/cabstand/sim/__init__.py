"""Simulated people and partners: they work only through the doors, as anybody else."""
