"""Orders as the fleet keeps them, in a file of its own: one that was killed goes on where it was."""

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

KEPT: Final = 500  # orders that are over, so that a repeated one is known


class Place(msgspec.Struct, frozen=True):
    """Where a ride begins or ends."""

    lat: float
    lng: float
    full_address: str | None = None


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange asks for. Fields of its message that are of no use here are left out."""

    order_id: str
    origin: Place
    destination: Place | None = None
    scheduled_at: datetime | None = None
    quote_id: str | None = None
    price: float | None = None
    currency: str | None = None
    service: str | None = None


class Stage(StrEnum):
    """How far an order has come."""

    ASKED = "asked"
    RESERVED = "reserved"
    COMING = "coming"
    WAITING = "waiting"  # at the pickup
    DRIVING = "driving"
    DONE = "done"
    GONE = "gone"  # refused, cancelled, or somebody else's


ON_THE_ROAD: Final = frozenset({Stage.COMING, Stage.WAITING, Stage.DRIVING})
OVER: Final = frozenset({Stage.DONE, Stage.GONE})


class Order(msgspec.Struct, kw_only=True):
    """One order. Amounts are hundredths of its currency."""

    wish: Wish
    ahead: bool  # it is asked to reserve
    quoted: int
    currency: str
    stage: Stage = Stage.ASKED
    driver: str | None = None
    lat: float | None = None  # where the car is
    lng: float | None = None
    heading: float = 0.0
    metres: float = 0.0  # driven with the passenger
    waited: float = 0.0  # seconds of the city
    final: int | None = None  # told to the exchange
    fee: int | None = None
    refused: str | None = None  # why the exchange said no, if it did

    @property
    def id(self) -> str:
        """Its number at the exchange."""
        return self.wish.order_id

    @property
    def reference(self) -> str:
        """Its number here."""
        return f"F-{self.id}"


class _Kept(msgspec.Struct):
    client_id: str
    orders: list[Order]


class Book:
    """All orders of the fleet; `file` None keeps them in memory only.

    The file belongs to one client of one exchange: another's orders have the same numbers, and are not read.
    """

    def __init__(self, client_id: str, file: Path | None) -> None:
        self._client_id, self._file = client_id, file
        self._orders: dict[str, Order] = {order.id: order for order in _read(file, client_id)}

    def __iter__(self) -> Iterator[Order]:
        return iter(self._orders.values())

    def find(self, order_id: str) -> Order | None:
        """The order with this number, if it was ever heard of."""
        return self._orders.get(order_id)

    def add(self, order: Order) -> None:
        """Take an order in."""
        self._orders[order.id] = order
        self.keep()

    def keep(self) -> None:
        """Write all of it down, whole or not at all."""
        over = [order.id for order in self if order.stage in OVER]
        for id in over[:-KEPT]:
            del self._orders[id]
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(_Kept(client_id=self._client_id, orders=list(self))))
        os.replace(new, self._file)


def _read(file: Path | None, client_id: str) -> list[Order]:
    """What was kept; nothing of another client, and nothing if somebody broke the file."""
    if file is not None:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            kept = msgspec.json.decode(file.read_bytes(), type=_Kept)
            return kept.orders if kept.client_id == client_id else []
    return []
