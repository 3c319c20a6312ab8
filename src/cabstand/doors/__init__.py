"""The doors: outside wire APIs onto one core."""

from cabstand.doors import dispatchapi
from cabstand.doors.base import Door

DOORS: tuple[Door, ...] = (dispatchapi.DOOR,)
