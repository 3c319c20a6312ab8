"""This door's own table: what only it knows of a ride, as one JSON document each (design 3.1, migration 0017)."""

from typing import Final

RIDES: Final = "corp99_rides"
