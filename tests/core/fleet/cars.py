"""Builders and a slow, simple twin for the tests of the live index."""

import math
from collections.abc import Iterable, Sequence

from cabstand.core.access.model import Environment
from cabstand.core.fleet.fixes import Fix, Fixes
from cabstand.core.fleet.index import LiveIndex
from cabstand.core.fleet.positions import Entry, Status, Wanted
from cabstand.core.quotes.geometry import metres_between

NOW = 1_750_000_000.0  # seconds since the epoch
DAM = (52.3731, 4.8926)  # Amsterdam
METRE = 1 / 111_195  # degrees of latitude
LIVE = Wanted(environment=Environment.LIVE)


def an_entry(
    driver: int = 1,
    *,
    environment: Environment = Environment.LIVE,
    tenant: int = 1,
    vehicle_type: str = "saloon",
    seats: int = 4,
    wheelchair: bool = False,
    status: Status = Status.FREE,
    since: float = NOW,
    pace: float = 1.0,
) -> Entry:
    """A free car of Amsterdam."""
    return Entry(
        driver=driver,
        environment=environment,
        tenant=tenant,
        vehicle=driver + 1000,
        vehicle_type=vehicle_type,
        seats=seats,
        wheelchair=wheelchair,
        status=status,
        since=since,
        pace=pace,
    )


def an_index(*entries: Entry) -> LiveIndex:
    """With these drivers, who have no position yet."""
    index = LiveIndex()
    for entry in entries:
        index.enter(entry, NOW)
    return index


def a_fix(
    driver: int = 1, lat: float = DAM[0], lng: float = DAM[1], at: float = NOW, accuracy: float | None = None
) -> Fix:
    """A report from the Dam."""
    return Fix(driver=driver, lat=lat, lng=lng, at=at, accuracy=accuracy)


def north(metres: float) -> float:
    """The latitude so far north of the Dam."""
    return DAM[0] + metres * METRE


def report(index: LiveIndex, *fixes: Fix, now: float | None = None) -> list[bool]:
    """Take them in as one batch, at the time of the newest; which were believed."""
    at = max(fix.at for fix in fixes) if now is None else now
    believed: list[bool] = index.take_in(Fixes.of(fixes), at).tolist()
    return believed


def standing(*cars: tuple[Entry, tuple[float, float]]) -> LiveIndex:
    """With these drivers at these places."""
    index = an_index(*(entry for entry, _ in cars))
    report(index, *(a_fix(entry.driver, lat, lng) for entry, (lat, lng) in cars))
    return index


def found(
    index: LiveIndex, wanted: Wanted = LIVE, *, now: float = NOW, k: int = 100, max_metres: float = 1e8
) -> list[int]:
    """The drivers found from the Dam, nearest first."""
    drivers: list[int] = index.nearest(*DAM, k, wanted, now, max_metres=max_metres).drivers.tolist()
    return drivers


def fits(entry: Entry, wanted: Wanted) -> bool:
    """Whether a search may find him at all, said the slow way."""
    return (
        entry.environment is wanted.environment
        and (wanted.tenants is None or entry.tenant in wanted.tenants)
        and (wanted.vehicle_types is None or entry.vehicle_type in wanted.vehicle_types)
        and entry.seats >= wanted.seats
        and (entry.wheelchair or not wanted.wheelchair)
    )


def distances(
    index: LiveIndex, drivers: Iterable[int], point: tuple[float, float], wanted: Wanted, now: float
) -> dict[int, float]:
    """Metres by driver of all who should be found, one by one."""
    result = {}
    for driver in drivers:
        car = index.car(driver)
        if car is None or car.position is None or car.position.at < now - 120 or not fits(car.entry, wanted):
            continue
        if car.entry.status is Status.FREE:
            result[driver] = metres_between(point, (car.position.lat, car.position.lng))
    return result


def agree(metres: Sequence[float], expected: dict[int, float], k: int, max_metres: float) -> bool:
    """Whether these are the k least of the expected distances (ties in any order)."""
    least = sorted(each for each in expected.values() if each <= max_metres)[:k]
    return len(least) == len(metres) and all(
        math.isclose(a, b, rel_tol=1e-6, abs_tol=0.01) for a, b in zip(least, metres, strict=True)
    )
