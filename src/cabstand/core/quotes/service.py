"""What can be done with prices: ask for quotes, settle a ride that has ended, read its receipt."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from cabstand.core.access.model import Access, Environment
from cabstand.core.database import Connection
from cabstand.core.quotes import store
from cabstand.core.quotes.engine import Joined, agreed, fare, join
from cabstand.core.quotes.estimate import Estimator
from cabstand.core.quotes.geometry import Point
from cabstand.core.quotes.model import Fare, Known, PriceList, PriceRule, Question, Quote, Side, Tariff, Trip

if TYPE_CHECKING:
    import asyncpg


async def quotes(connection: Connection, access: Access, question: Question, estimate: Estimator) -> list[Quote]:
    """What the trip would cost in each class for which the caller's company has a tariff with enough seats.

    One statement, a second one for `free_only`.
    """
    prices = await store.price_list(connection, access.tenant_id, access.environment)
    if prices is None:
        return []
    found = [prices.tariff(each) for each in dict.fromkeys(question.classes)]
    tariffs = [tariff for tariff in found if tariff is not None and tariff.seats >= question.passengers]
    if question.free_only and tariffs:
        free = await _free_classes(connection, access, question)
        tariffs = [tariff for tariff in tariffs if tariff.vehicle_class in free]
    trip = planned(question.pickup, question.dropoff, question.start, prices.time_zone, estimate)
    return [Quote(tariff=tariff, fare=fare(trip, prices, tariff)) for tariff in tariffs]


async def _free_classes(connection: Connection, access: Access, question: Question) -> set[str]:
    rows = await store.FREE_CLASSES.rows(
        connection,
        tenant=access.tenant_id,
        environment=access.environment,
        passengers=question.passengers,
        ahead=question.ahead,
    )
    return {row["class"] for row in rows}


def planned(pickup: Point, dropoff: Point, start: datetime, time_zone: str, estimate: Estimator) -> Trip:
    """A trip that has not been driven, as it is estimated."""
    guess = estimate(pickup, dropoff, start, time_zone)
    return Trip(start=start, pickup=pickup, dropoff=dropoff, metres=guess.metres, seconds=guess.seconds)


async def settle(
    connection: Connection,
    environment: Environment,
    ride_id: int,
    known: Known,
    estimate: Estimator,
    *,
    now: datetime,
) -> Joined:
    """Make the fares of a ride that has just been completed; in the transaction that completed it, two statements.

    The demand fare is the booker's, the supply fare that of the accepted offer. Each is what was agreed, else the
    tariff's price of the trip as it was measured, else as it was planned; where nothing of that is known there is no
    fare, and no second statement. What was settled before stays.
    """
    return await _write(connection, environment, ride_id, known, estimate, correcting=False, now=now)


async def correct(
    connection: Connection,
    environment: Environment,
    ride_id: int,
    known: Known,
    estimate: Estimator,
    *,
    now: datetime,
) -> Joined:
    """Make the fares of a completed ride again, of which other things are known now; as `settle`, with its row locked.

    A fare that comes out otherwise is a new receipt that refers to the one before it; that stays as it was. A side of
    which nothing is known any more keeps its last one.
    """
    return await _write(connection, environment, ride_id, known, estimate, correcting=True, now=now)


async def _write(
    connection: Connection,
    environment: Environment,
    ride_id: int,
    known: Known,
    estimate: Estimator,
    *,
    correcting: bool,
    now: datetime,
) -> Joined:
    row = await store.TO_SETTLE.row(connection, id=ride_id, environment=environment)
    assert row is not None, "the caller has its row"
    joined = _joined(row, known, estimate)
    entries = [
        (row["booker"], Side.DEMAND, None, joined.demand, joined.margin),
        (row["supplier"], Side.SUPPLY, row["offer_id"], joined.supply, None),
    ]
    fares = [(*entry[:3], made, entry[4]) for entry in entries if (made := entry[3]) is not None]
    if fares:
        await store.ADD_FARES.run(
            connection,
            id=ride_id,
            environment=environment,
            rule=row["rule"],
            correcting=correcting,
            tenants=[tenant for tenant, *_ in fares],
            sides=[side for _, side, *_ in fares],
            offers=[offer for _, _, offer, *_ in fares],
            bases=[made.basis for *_, made, _ in fares],
            currencies=[made.currency for *_, made, _ in fares],
            totals=[made.total.amount for *_, made, _ in fares],
            margins=[margin for *_, margin in fares],
            lines=[store.as_json(made.lines) for *_, made, _ in fares],
            now=now,
        )
    return joined


def _joined(row: "asyncpg.Record", known: Known, estimate: Estimator) -> Joined:
    """A price that was agreed is the booker's; the server gets it too unless the booker holds it against another.

    What a fleet has told is what it gets, by whatever list.
    """
    rule = PriceRule(row["rule"])
    demand = _fare(row, store.price_list_of(row, "booker_"), known, estimate)
    fleets = store.told_fare(row)
    if row["supplier"] is None or row["supplier"] == row["booker"]:
        demand = demand or fleets
        supply = demand if row["supplier"] is not None else None
    elif fleets is not None:
        supply = fleets
    else:
        told = known if rule is PriceRule.PASSED_THROUGH else replace(known, agreed=None)
        supply = _fare(row, store.price_list_of(row, "supplier_"), told, estimate, anothers=True)
    return join(rule, demand, supply)


def _fare(
    row: "asyncpg.Record", prices: PriceList | None, known: Known, estimate: Estimator, *, anothers: bool = False
) -> Fare | None:
    tariff = _tariff(row, prices, anothers=anothers) if prices else None
    if known.agreed is not None:
        return agreed(known.agreed, tariff.tax if tariff else None)
    if prices is None or tariff is None:
        return None
    trip = _trip(row, known, prices.time_zone, estimate)
    return fare(trip, prices, tariff) if trip else None


def _tariff(row: "asyncpg.Record", prices: PriceList, *, anothers: bool) -> Tariff | None:
    """That of the class that was asked for, else the first with enough seats.

    Never that of the vehicle that came: the passenger does not pay more because a larger one was near. But a class is
    the booker's word; in `anothers` list, where it may stand for nothing, the vehicle says what was driven.
    """
    asked, came = row["vehicle_class"], row["car_class"]
    if asked is not None:
        tariff = prices.tariff(asked)
        if tariff is not None or not anothers:
            return tariff
        if came is not None and (tariff := prices.tariff(came)) is not None:
            return tariff
    return next((each for each in prices.tariffs if each.seats >= row["passenger_count"]), None)


def _trip(row: "asyncpg.Record", known: Known, time_zone: str, estimate: Estimator) -> Trip | None:
    """The trip as far as it is known: what was not measured is estimated.

    A measured trip is priced by when the passenger got in, a planned one as it was quoted, by its pickup time.
    """
    measured = known.metres is not None or known.seconds is not None
    start = (measured and row["boarded_at"]) or row["pickup_at"]
    pickup = (row["pickup_lat"], row["pickup_lng"])
    if row["dropoff_lat"] is not None:
        trip = planned(pickup, (row["dropoff_lat"], row["dropoff_lng"]), start, time_zone, estimate)
    elif measured:
        trip = Trip(start=start, pickup=pickup, dropoff=None, metres=0, seconds=0)
    else:
        return None
    return replace(
        trip,
        metres=trip.metres if known.metres is None else known.metres,
        seconds=trip.seconds if known.seconds is None else known.seconds,
        waiting_seconds=known.waiting_seconds or 0,
        extras=known.extras,
        measured=measured,
    )


async def receipt(connection: Connection, access: Access, ride_id: int) -> Fare | None:
    """The caller's own fare of a ride: what it pays as the booker, what it gets as a supplier; None before the end."""
    row = await store.RECEIPT.row(connection, id=ride_id, tenant=access.tenant_id, environment=access.environment)
    return store.fare_of(row) if row else None
