"""The doors: outside wire APIs onto one core."""

from cabstand.doors import dispatchapi, driver
from cabstand.doors.base import Door

DOORS: tuple[Door, ...] = (dispatchapi.DOOR, driver.DOOR)
