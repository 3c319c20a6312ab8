"""The doors: outside wire APIs onto one core."""

from cabstand.doors import corp99, dispatchapi, driver, gett
from cabstand.doors.base import Door

DOORS: tuple[Door, ...] = (dispatchapi.DOOR, corp99.DOOR, gett.DOOR, driver.DOOR)
