"""How long a car drives to a pickup, guessed for many distances at once where there is no road network."""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cabstand.core.quotes.estimate import DETOUR, IN_TOWN, MAIN_ROADS, TOWN_SPEED, USUAL_SPEED

Floats: TypeAlias = NDArray[np.float64]
Estimator: TypeAlias = Callable[[Floats, int], Floats]
"""Metres of straight line and the market's local hour (0 to 23) to seconds; a longer way never takes less time."""

_SPEED: Final = tuple(TOWN_SPEED.get(hour, USUAL_SPEED) / 3.6 for hour in range(24))  # m/s


def at_pace(pace: float = 1.0) -> Estimator:
    """The straight line times a detour factor at the speed of the hour, as the quotes guess a trip.

    `pace` is the market's: at 10 its cars drive ten times faster.
    """
    if not 0 < pace < np.inf:
        raise ValueError(f"a market's pace is above 0, not {pace}")

    def seconds(metres: Floats, hour: int) -> Floats:
        road = metres * DETOUR
        speed = _SPEED[hour] * pace
        in_town = np.minimum(road, IN_TOWN)
        return in_town / speed + (road - in_town) / (speed * MAIN_ROADS)

    return seconds
