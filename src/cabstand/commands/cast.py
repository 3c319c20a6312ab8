"""The cars and drivers of the demonstration tenants: who drives when `cabstand up` simulates."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cabstand.commands import store
from cabstand.core.access.model import Environment
from cabstand.core.database import Connection

SANDBOX_DRIVERS: Final = 2  # of each company, for whoever tries the drivers' API there
_FIRST_NAMES: Final = ("Anouk", "Bram", "Carla", "Daan", "Emma", "Femke", "Gijs", "Hanna", "Ivo", "Julia", "Kees")
_LAST_NAMES: Final = ("Bakker", "Costa", "Dijk", "Evers", "Faria", "Groot", "Haan", "Lima", "Meijer", "Nunes", "Vos")
_CARS: Final = (  # make, model, class, seats; the first is the most common
    ("Skoda", "Superb", "saloon", 4),
    ("Toyota", "Prius", "saloon", 4),
    ("Mercedes-Benz", "E-Class", "saloon", 4),
    ("Tesla", "Model 3", "saloon", 4),
    ("Mercedes-Benz", "Vito", "bus", 8),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Troupe:
    """One company's drivers."""

    slug: str
    phones: int  # numbers that nobody else has; the number of the driver is added
    plates: str


TROUPES: Final = (
    Troupe(slug="canal-cabs", phones=31_655_500_000, plates="CC"),
    Troupe(slug="dam-drivers", phones=31_655_600_000, plates="DD"),
    Troupe(slug="frota-paulista", phones=55_11_955_500_000, plates="FP"),
)
# Who hires next, again and again: half of all drive in São Paulo.
_TURNS: Final = ("canal-cabs", "frota-paulista", "dam-drivers", "frota-paulista", "canal-cabs", "frota-paulista")


async def engage(
    connection: Connection, tenants: Mapping[str, int], drivers: int, now: datetime
) -> dict[Environment, dict[str, list[str]]]:
    """See to it that there are so many drivers with cars in all; by environment and company their phone numbers.

    Drivers of an earlier start stay. `tenants` gives ids by slug.
    """
    sizes = shares(drivers)
    phones: dict[Environment, dict[str, list[str]]] = {environment: {} for environment in Environment}
    for troupe in TROUPES:
        for environment, size in ((Environment.SANDBOX, SANDBOX_DRIVERS), (Environment.LIVE, sizes[troupe.slug])):
            phones[environment][troupe.slug] = await _engage(
                connection, troupe, tenants[troupe.slug], environment, size, now
            )
    return phones


def shares(drivers: int) -> dict[str, int]:
    """How many of so many drivers each company has."""
    taken = list(itertools.islice(itertools.cycle(_TURNS), drivers))
    return {troupe.slug: taken.count(troupe.slug) for troupe in TROUPES}


async def _engage(
    connection: Connection, troupe: Troupe, tenant: int, environment: Environment, size: int, now: datetime
) -> list[str]:
    numbers = range(1, size + 1)
    cars = [_CARS[number % len(_CARS)] for number in numbers]
    plates = [f"{troupe.plates}-{number:04d}" for number in numbers]
    phones = [f"+{troupe.phones + number}" for number in numbers]
    scope = {"tenant": tenant, "environment": environment, "now": now, "plates": plates}
    makes, models, classes, seats = ([car[place] for car in cars] for place in range(4))
    await store.NEW_CARS.run(connection, **scope, makes=makes, models=models, classes=classes, seats=seats)
    await store.NEW_DRIVERS.run(
        connection,
        **scope,
        first_names=[_FIRST_NAMES[number % len(_FIRST_NAMES)] for number in numbers],
        last_names=[_LAST_NAMES[number // len(_FIRST_NAMES) % len(_LAST_NAMES)] for number in numbers],
        phones=phones,
    )
    return phones
