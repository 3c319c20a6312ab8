"""Traces: positions of a ride's car as bytes that can be appended to, and what is measured on them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cabstand.core.fleet.positions import Floats
from cabstand.core.quotes.geometry import EARTH_METRES

_FIX: Final = np.dtype([("at", "<f8"), ("lat", "<i4"), ("lng", "<i4")])  # seconds since the epoch; 10^-7 degrees
_DEGREE: Final = 1e7
_STEP: Final = 10.0  # metres: less is the noise of a car that stands


@dataclass(frozen=True, slots=True)
class Trace:
    """Positions in the order of their time, each time once."""

    at: Floats
    lat: Floats
    lng: Floats

    def __len__(self) -> int:
        return len(self.at)

    def since(self, moment: datetime | None) -> "Trace":
        """The part from that moment on; nothing where there was none."""
        later = self.at >= (np.inf if moment is None else moment.timestamp())
        return Trace(self.at[later], self.lat[later], self.lng[later])

    def after(self, moment: datetime | None) -> "Trace":
        """The part later than that moment, to the microsecond; all without one."""
        if moment is None:
            return self
        later = np.round(self.at * 1e6) > round(moment.timestamp() * 1e6)
        return Trace(self.at[later], self.lat[later], self.lng[later])

    def metres(self) -> float:
        """The way that was driven. Standing adds nothing: a step counts from ten metres on."""
        steps = _metres(self.lat, self.lng)
        # Most steps are long enough; only short ones are taken together, from the last place that counted.
        if not (steps >= _STEP).all():
            counted = self._counted()
            steps = _metres(self.lat[counted], self.lng[counted])
        return float(steps.sum())

    def _counted(self) -> list[int]:
        """The places that are ten metres or more from the one that counted before; a plane is exact enough for that."""
        lat, lng, narrow = self.lat.tolist(), self.lng.tolist(), np.cos(np.radians(self.lat)).tolist()
        counted, last, enough = [0], 0, np.degrees(_STEP / EARTH_METRES).item() ** 2
        for place in range(1, len(lat)):
            north = lat[place] - lat[last]
            east = math.remainder(lng[place] - lng[last], 360.0) * narrow[last]
            if north * north + east * east >= enough:
                counted.append(place)
                last = place
        return counted


def _metres(lat: Floats, lng: Floats) -> Floats:
    """From each place to the next (haversine)."""
    a, b = np.radians(lat), np.radians(lng)
    h = np.sin(np.diff(a) / 2) ** 2 + np.cos(a[:-1]) * np.cos(a[1:]) * np.sin(np.diff(b) / 2) ** 2
    found: Floats = 2 * EARTH_METRES * np.arcsin(np.sqrt(np.minimum(h, 1.0)))
    return found


def pack(at: Floats, lat: Floats, lng: Floats) -> bytes:
    """Positions as they are kept."""
    rows = np.empty(len(at), _FIX)
    rows["at"], rows["lat"], rows["lng"] = at, np.round(lat * _DEGREE), np.round(lng * _DEGREE)
    return rows.tobytes()


def unpack(chunks: Sequence[bytes]) -> Trace:
    """The trace of all chunks, in whatever order they came and were appended to."""
    rows: NDArray[np.void] = np.frombuffer(b"".join(chunks), _FIX)
    _, first = np.unique(rows["at"], return_index=True)
    rows = rows[first]
    return Trace(rows["at"].astype(np.float64), rows["lat"] / _DEGREE, rows["lng"] / _DEGREE)
