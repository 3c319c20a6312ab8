"""The fleet's drivers and their cars: who they are, where they stand, which is the nearest one that is free."""

import math
import random
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cabstand.sim.city.choices import source
from cabstand.sim.city.movement import DETOUR
from cabstand.sim.city.places import CITIES, City, Point, metres_between, offset

REACH: Final = 20_000.0  # metres that a car comes to a pickup
_FIRST: Final = ("Ana", "Bruno", "Clara", "Diego", "Elisa", "Fábio", "Gilda", "Hugo", "Inês", "João", "Karin", "Luca")
_LAST: Final = ("Almeida", "Boer", "Castro", "Duarte", "Esteves", "Ferreira", "Gomes", "Huisman", "Jansen", "Lopes")
_CARS: Final = (  # make, model, colour, year, seats
    ("Toyota", "Corolla", "silver", 2023, 4),
    ("Volkswagen", "Virtus", "black", 2022, 4),
    ("Chevrolet", "Spin", "white", 2021, 6),
    ("BYD", "Dolphin", "blue", 2024, 4),
)


@dataclass(kw_only=True)
class Car:
    """A car with its driver."""

    id: str  # the driver's, at the fleet
    city: City
    at: Point
    driver: Mapping[str, Any]  # as the exchange is told
    order: str | None = None  # what it drives


class Garage:
    """All cars of the fleet, spread over its cities by chance."""

    def __init__(self, fleet: str, seed: int, cars: int) -> None:
        """`cars` in each city."""
        self._cars = {car.id: car for car in _cars(fleet, seed, cars)}

    def nearest(self, place: Point) -> Car | None:
        """The nearest free one; None if there is none that would come."""
        free = [(metres_between(car.at, place), car.id) for car in self._cars.values() if car.order is None]
        metres, id = min(free, default=(math.inf, ""))
        return self._cars[id] if metres <= REACH else None

    def of(self, driver: str) -> Car | None:
        """The car of a driver."""
        return self._cars.get(driver)

    def leave(self, order_id: str) -> None:
        """Whoever drove this order is free."""
        for car in self._cars.values():
            if car.order == order_id:
                car.order = None


def city_of(place: Point) -> City | None:
    """The city that a place belongs to; None if no car drives there."""
    city = min(CITIES, key=lambda city: metres_between(city.centre, place))
    return city if metres_between(city.centre, place) <= city.reach + REACH else None


def road(start: Point, end: Point) -> float:
    """Metres by the road, about."""
    return metres_between(start, end) * DETOUR


def _cars(fleet: str, seed: int, number: int) -> Iterator[Car]:
    initials = "".join(word[0] for word in fleet.split("-"))
    # Numbers of no other fleet: the name gives some digits of them.
    own = zlib.crc32(fleet.encode()) % 1000
    for place, city in enumerate(CITIES):
        chance = source(seed, "fleet", fleet, city.name)
        for index in range(number):
            id = f"{initials}-{place + 1}{index:03d}"
            phone = f"{city.calling_code}{_line(city)}{own:03d}{index:04d}"
            yield Car(id=id, city=city, at=_anywhere(city, chance), driver=_driver(id, phone, initials, index, chance))


def _line(city: City) -> str:
    return "1196" if city.country == "BR" else "68"


def _anywhere(city: City, chance: random.Random) -> Point:
    """A place somewhere in the city, its outskirts as likely as its centre."""
    far, turn = city.reach * chance.random(), chance.uniform(0, 2 * math.pi)
    return offset(city.centre, far * math.cos(turn), far * math.sin(turn))


def _driver(id: str, phone: str, initials: str, index: int, chance: random.Random) -> dict[str, Any]:
    make, model, color, year, seats = chance.choice(_CARS)
    return {
        "id": id,
        "name": f"{chance.choice(_FIRST)} {chance.choice(_LAST)}",
        "phone": phone,
        "rating": round(chance.uniform(4.5, 5.0), 2),
        "vehicle": {
            "make": make,
            "model": model,
            "color": color,
            "license_plate": f"{initials.upper()}{chance.randrange(10)}{chance.choice('ABCDEFGHJ')}{index:02d}",
            "year": year,
            "seats": seats,
        },
    }


def photo(driver: str) -> bytes:
    """A picture of a driver: a PNG of 64 by 64, a round face in a colour of his own."""
    tone = zlib.crc32(driver.encode())
    face, back = bytes((tone & 127 | 64, tone >> 8 & 127 | 64, tone >> 16 & 127 | 64)), b"\xee\xee\xee"
    rows = (
        b"\0" + b"".join(face if (x - 32) ** 2 + (y - 32) ** 2 < 700 else back for x in range(64)) for y in range(64)
    )
    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
