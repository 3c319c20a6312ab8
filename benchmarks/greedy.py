"""The peer of matching: each ride in its turn gets the nearest car that is left."""

import numpy as np
from numpy.typing import NDArray

from cabstand.core.dispatch.matching.problem import Problem

EARTH = 6_371_008.8  # metres


def metres_to(
    latitude: float, longitude: float, latitudes: NDArray[np.float64], longitudes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """From one point to many, on a plane that touches the earth there: right for a town."""
    east = np.radians(longitudes - longitude) * np.cos(np.radians(latitude))
    north = np.radians(latitudes - latitude)
    metres: NDArray[np.float64] = EARTH * np.hypot(east, north)
    return metres


def nearest_first(problem: Problem) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rides and their cars, who waited longest first. Looks at place and radius only."""
    rides, cars = problem.rides, problem.cars
    free = np.ones(len(cars), np.bool_)
    pairs: list[tuple[int, int]] = []
    for ride in np.argsort(-rides.waited, kind="stable").tolist():
        metres = metres_to(rides.latitude[ride], rides.longitude[ride], cars.latitude, cars.longitude)
        car = int(np.argmin(np.where(free, metres, np.inf)))
        if free[car] and metres[car] <= rides.radius[ride]:
            free[car] = False
            pairs.append((ride, car))
    table = np.array(pairs, np.intp).reshape(-1, 2)
    return table[:, 0], table[:, 1]
