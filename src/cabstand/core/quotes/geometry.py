"""Points on the earth: how far apart they are, and whether one lies in an area."""

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

Point: TypeAlias = tuple[float, float]
"""Latitude and longitude in degrees (WGS 84)."""

EARTH_METRES: Final = 6_371_008.8  # the mean radius


def metres_between(a: Point, b: Point) -> float:
    """The straight line over the ground (haversine)."""
    lat_a, lat_b = math.radians(a[0]), math.radians(b[0])
    across = math.radians(b[1] - a[1])
    h = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(across / 2) ** 2
    return 2 * EARTH_METRES * math.asin(math.sqrt(min(1.0, h)))


def inside(point: Point, corners: Sequence[Point]) -> bool:
    """Whether the point lies in the polygon (even-odd rule; the last corner joins the first).

    Degrees are taken for a plane: right for areas of a city's size that do not cross the 180th meridian.
    """
    lat, lng = point
    found = False
    for (lat_a, lng_a), (lat_b, lng_b) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if (lat_a > lat) != (lat_b > lat) and lng < lng_a + (lat - lat_a) / (lat_b - lat_a) * (lng_b - lng_a):
            found = not found
    return found
