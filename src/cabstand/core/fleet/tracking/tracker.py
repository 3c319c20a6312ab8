"""The tracker of one process: which drivers are on a ride, what they reported, who is near, who is late."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from cabstand.core.events.model import FactKind
from cabstand.core.fleet.eta import Estimator
from cabstand.core.fleet.index import LiveIndex
from cabstand.core.fleet.positions import STALE_SECONDS, Floats
from cabstand.core.fleet.tracking.model import LATE, Estimate, Tracked
from cabstand.core.fleet.tracking.trace import pack
from cabstand.core.quotes.geometry import metres_between
from cabstand.core.rides.model import RideState

Chunks = dict[tuple[int, int], bytes]
"""Packed positions by ride and minute."""


class Tracker:
    """Collects what is to be written, and says what is to be told; `infra/tracking.py` does both."""

    def __init__(self, index: LiveIndex, estimator: Estimator) -> None:
        self._index = index
        self._estimator = estimator
        self._rides: Mapping[int, Tracked] = {}  # by driver
        self._told: set[tuple[int, FactKind]] = set()  # by offer
        self._chunks: defaultdict[tuple[int, int], list[bytes]] = defaultdict(list)
        self._taken: Chunks = {}  # last: they may not be written yet

    def under_way(self, rides: Mapping[int, Tracked]) -> None:
        """The rides of now, by driver."""
        self._rides = rides
        offers = {ride.offer_id for ride in rides.values()}
        self._told = {told for told in self._told if told[0] in offers}

    def reported(self, driver_id: int, at: Floats, lat: Floats, lng: Floats) -> None:
        """Positions of a driver that were believed; those of before his way to the ride began are not the ride's."""
        ride = self._rides.get(driver_id)
        if ride is None:
            return
        mine = at >= ride.since.timestamp()
        if not mine.all():
            at, lat, lng = at[mine], lat[mine], lng[mine]
        minutes = (at // 60).astype(np.int64)
        for minute in np.unique(minutes).tolist():
            mine = minutes == minute
            self._chunks[ride.ride_id, minute].append(pack(at[mine], lat[mine], lng[mine]))

    def take_chunks(self) -> Chunks:
        """What was reported since the last call."""
        self._taken = {key: b"".join(parts) for key, parts in self._chunks.items()}
        self._chunks.clear()
        return dict(self._taken)

    def put_back(self, chunks: Chunks) -> None:
        """They could not be written."""
        for key, fixes in chunks.items():
            self._chunks[key].insert(0, fixes)

    def unwritten(self, ride_id: int) -> list[bytes]:
        """Packed positions of a ride that may not be written yet; some of them may be."""
        taken = [fixes for (ride, _), fixes in self._taken.items() if ride == ride_id]
        reported = [b"".join(parts) for (ride, _), parts in self._chunks.items() if ride == ride_id]
        return taken + reported

    def estimate(self, driver_id: int, lat: float, lng: float, now: datetime) -> Estimate | None:
        """How far the driver is from a place; None if it is not known where he is.

        The hour, by which cars are fast or slow, is that of the ride's market, as for who dispatches it. Of a driver
        who is not known to be on a ride, for which there is none, it is that of the sun.
        """
        ride = self._rides.get(driver_id)
        hour = now.astimezone(ZoneInfo(ride.time_zone)).hour if ride else (now.hour + round(lng / 15)) % 24
        return self._estimate(driver_id, lat, lng, now, hour)

    def _estimate(self, driver_id: int, lat: float, lng: float, now: datetime, hour: int) -> Estimate | None:
        car = self._index.car(driver_id)
        if car is None or car.position is None or now.timestamp() - car.position.at > STALE_SECONDS:
            return None
        metres = metres_between((car.position.lat, car.position.lng), (lat, lng))
        return Estimate(seconds=round(float(self._estimator(np.array([metres]), hour)[0])), metres=round(metres))

    def news(
        self, now: datetime, rides: Iterable[Tracked] | None = None
    ) -> Iterator[tuple[Tracked, FactKind, Estimate]]:
        """Who is near, and who will be late, of all rides or of these.

        Each is said once per driver and ride; one at which the caller failed is said again at the next call.
        """
        for ride in self._rides.values() if rides is None else rides:
            if ride.state is not RideState.APPROACHING:
                continue
            hour = now.astimezone(ZoneInfo(ride.time_zone)).hour
            estimate = self._estimate(ride.driver_id, ride.pickup_lat, ride.pickup_lng, now, hour)
            if estimate is None:
                continue
            late = now.timestamp() + estimate.seconds > (ride.promised_at + LATE).timestamp()
            for kind, holds in ((FactKind.RIDE_NEAR, estimate.metres <= ride.near_metres), (FactKind.RIDE_LATE, late)):
                if holds and (ride.offer_id, kind) not in self._told:
                    yield ride, kind, estimate
                    self._told.add((ride.offer_id, kind))  # not before: telling it may have failed
