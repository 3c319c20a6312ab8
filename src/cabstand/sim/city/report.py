"""What came of a run, in figures. Pure arithmetic over what riders and drivers remember."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cabstand.sim.city.demand import Stage
from cabstand.sim.city.record import Activity, End, Record
from cabstand.sim.city.riders import Rider, Why

OUTCOMES = (
    "completed",
    "cancelled_by_rider",  # changed his mind
    "lost_patience",  # cancelled because no car was found in time
    "no_show",
    "not_served",  # the exchange ended it: nobody was there, or all refused
    "refused",  # it could not be booked
    "open",  # not over: there should be none
)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What was asked for."""

    city: str
    drivers: int
    demand: str  # where the trips come from
    minutes: float  # of the city's time
    pace: float
    seed: int


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Many values in three. None: there were none."""

    count: int
    median: float | None
    percentile_95: float | None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One moment of the run."""

    at: float  # seconds since the first booking could come
    waiting: int  # riders without a driver
    drivers: Mapping[Activity, int]


@dataclass(frozen=True, kw_only=True)
class Report:
    """The figures of one run."""

    setup: Setup
    drivers_on_shift: int  # when it began
    real_seconds: float
    rides: Mapping[str, int]  # by OUTCOMES
    booked: int
    served_share: float | None  # of those whose rider stuck to his wish, how many found their car at the door
    waiting_seconds: Spread  # by the clock, from booking to arrival
    waiting_city_minutes: Spread  # the same at the city's pace
    pickup_kilometres: Spread  # of road, from where the driver was
    trip_kilometres: Spread
    driver_use: Mapping[Activity, float]  # shares of the time on shift, while riders booked
    offers: int
    offers_per_ride: float | None  # of rides that were offered at all
    answers: Mapping[str, int]
    positions: int
    lost_connections: int
    refusals: Mapping[str, int]  # what the exchange did not accept: races that are lost now and then are part of life
    findings: Sequence[str]  # of the audit; none if it is clean
    waits: Sequence[float] = ()  # each, in seconds by the clock
    samples: Sequence[Sample] = ()


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies, between two values in proportion. ValueError for none."""
    if not values:
        raise ValueError("there is no percentile of nothing")
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low, high = math.floor(place), math.ceil(place)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def spread(values: Iterable[float]) -> Spread:
    """Rounded to hundredths."""
    kept = list(values)
    if not kept:
        return Spread(count=0, median=None, percentile_95=None)
    return Spread(
        count=len(kept),
        median=round(percentile(kept, 0.5), 2),
        percentile_95=round(percentile(kept, 0.95), 2),
    )


def shares(seconds: Mapping[Activity, float]) -> dict[Activity, float]:
    """Of the time on shift; all 0 if there was none."""
    whole = sum(seconds.values())
    return {each: round(seconds.get(each, 0.0) / whole, 4) if whole else 0.0 for each in Activity}


def outcome(rider: Rider, no_shows: set[int]) -> str:
    """One of OUTCOMES. `no_shows`: rides of which a driver said so; the rider's door may not tell."""
    if rider.ride is None:
        return "refused" if rider.refused is not None else "open"
    match rider.ride.stage:
        case Stage.COMPLETED:
            return "completed"
        case Stage.CANCELLED:
            return "lost_patience" if rider.why is Why.LOST_PATIENCE else "cancelled_by_rider"
        case Stage.ENDED:
            return "no_show" if rider.ride.number in no_shows else "not_served"
    return "open"


def served_share(rides: Mapping[str, int]) -> float | None:
    """Rides for which a car came, of all whose rider did not change his mind."""
    wanted = sum(rides.values()) - rides["cancelled_by_rider"]
    return round((rides["completed"] + rides["no_show"]) / wanted, 4) if wanted else None


def report(
    setup: Setup,
    riders: Sequence[Rider],
    record: Record,
    *,
    drivers_on_shift: int,
    used: Mapping[Activity, float],
    real_seconds: float,
    findings: Sequence[str],
    samples: Sequence[Sample] = (),
) -> Report:
    """The figures."""
    ours = {rider.ride.number for rider in riders if rider.ride is not None}
    stints = [stint for stint in record.stints if stint.ride in ours]
    no_shows = {stint.ride for stint in stints if stint.end is End.NO_SHOW}
    counted = Counter(outcome(rider, no_shows) for rider in riders)
    rides = {name: counted[name] for name in OUTCOMES}
    waits = [
        (rider.ride.arrived_at - rider.ride.booked_at).total_seconds()
        for rider in riders
        if rider.ride is not None and rider.ride.arrived_at is not None
    ]
    offers = {ride: len(made) for ride, made in record.offers.items() if ride in ours}
    there = [stint for stint in stints if stint.arrived_at is not None and stint.pickup_metres is not None]
    driven = [stint for stint in stints if stint.end is End.COMPLETED and stint.trip_metres is not None]
    return Report(
        setup=setup,
        drivers_on_shift=drivers_on_shift,
        real_seconds=round(real_seconds, 1),
        rides=rides,
        booked=len(riders),
        served_share=served_share(rides),
        waiting_seconds=spread(waits),
        waiting_city_minutes=spread(wait * setup.pace / 60 for wait in waits),
        pickup_kilometres=spread((stint.pickup_metres or 0) / 1000 for stint in there),
        trip_kilometres=spread((stint.trip_metres or 0) / 1000 for stint in driven),
        driver_use=shares(used),
        offers=sum(offers.values()),
        offers_per_ride=round(sum(offers.values()) / len(offers), 3) if offers else None,
        answers=dict(sorted(record.answers.items())),
        positions=record.positions,
        lost_connections=record.lost_connections,
        refusals=dict(sorted(record.refusals.items())),
        findings=list(findings),
        waits=sorted(round(wait, 1) for wait in waits),
        samples=list(samples),
    )
