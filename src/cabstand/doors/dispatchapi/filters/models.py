"""The models that can be filtered: where their rows come from, how a row becomes a view and a view its JSON.

Adding a model is adding one here, its properties (properties.py) and its relations (relations.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cabstand.core.dispatch.model import OfferState
from cabstand.core.dispatch.views import OfferView
from cabstand.core.register.model import Entry
from cabstand.core.rides.columns import view_of
from cabstand.doors.dispatchapi import registers, render
from cabstand.doors.dispatchapi.filters import properties, sources
from cabstand.doors.dispatchapi.filters.properties import Table
from cabstand.doors.dispatchapi.filters.sources import Source
from cabstand.doors.dispatchapi.ids import encode
from cabstand.doors.dispatchapi.live import Moment

if TYPE_CHECKING:
    import asyncpg


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """What lists, counts and relations of a model need to know. Each source is a wall of its own."""

    name: str
    table: Table
    sources: tuple[Source, ...]
    plain: Source | None = None  # in their place where nothing is asked but the party, which all of them share
    view: "Callable[[asyncpg.Record], Any]"
    render: Callable[[Any, Moment], dict[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Company:
    """A tenant, as it is known here."""

    id: int
    name: str
    email: str | None
    phone: str | None
    city: str | None
    created_at: datetime


def _document(row: "asyncpg.Record") -> dict[str, Any]:
    return msgspec.json.decode(row["document"]) if row["document"] else {}


def _offer(row: "asyncpg.Record") -> OfferView:
    columns = {name: row[name] for name in OfferView.__slots__ if name not in ("state", "drivers", "document")}
    return OfferView(**columns, state=OfferState(row["state"]), drivers=tuple(row["drivers"]), document=_document(row))


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """An entry of a register, and whether it is another company's, of which only the public facts are shown."""

    entry: Entry
    foreign: bool
    driver_id: int | None = None  # of a vehicle: whose reports of where it is are the reader's to see

    @property
    def id(self) -> int:
        """The core number."""
        return self.entry.id

    @property
    def tenant_id(self) -> int:
        """Whose it is."""
        return self.entry.tenant_id


def _registered(name: str, kind: registers.Kind, table: Table, public: Table | None = None) -> Model:
    """A register as a model; `public`: what of it is shown to those whom another company's serves."""

    def view(row: "asyncpg.Record") -> Registered:
        entry = Entry(
            id=row["id"],
            tenant_id=row["tenant_id"],
            version=row["version"],
            created_at=row["created_at"],
            changed_at=row["changed_at"],
            values={column: row[column] for column in kind.register.columns},
            document=_document(row),
        )
        return Registered(entry=entry, foreign=row["foreign"], driver_id=row["seen_by"])

    def rendered(view: Registered, at: Moment) -> dict[str, Any]:
        shown = registers.rendered(kind, view.entry)
        if view.foreign:
            assert public is not None
            shown = {name: value for name, value in shown.items() if name in public.properties}
        if location := at.location(view.driver_id, view.id):
            shown["location"] = location
        return shown

    return Model(name=name, table=table, sources=(sources.own(kind),), view=view, render=rendered)


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _company(row: "asyncpg.Record") -> Company:
    return Company(**{name: row[name] for name in Company.__slots__})


def _render_company(view: Company, at: Moment) -> dict[str, Any]:
    return _present(
        {
            "id": encode("company", view.id),
            "name": view.name,
            "email": view.email,
            "phoneNumber": view.phone,
            "city": view.city,
            "appSettings": {},
            "created": view.created_at,
        }
    )


RIDE: Final = Model(
    name="Ride",
    table=properties.RIDES,
    sources=sources.RIDES,
    plain=sources.ANY_RIDE,
    view=view_of,
    render=render.ride,
)
OFFER: Final = Model(
    name="Offer",
    table=properties.OFFERS,
    sources=sources.OFFERS,
    view=_offer,
    render=lambda view, at: render.offer(view),
)
DRIVER: Final = _registered("Driver", registers.DRIVER, properties.DRIVERS, properties.PUBLIC_DRIVER)
VEHICLE: Final = _registered("Vehicle", registers.VEHICLE, properties.VEHICLES, properties.PUBLIC_VEHICLE)
DEBTOR: Final = _registered("Debtor", registers.DEBTOR, properties.DEBTORS)
RATING: Final = _registered("Rating", registers.RATING, properties.RATINGS)
PASSENGER: Final = _registered("Passenger", registers.PASSENGER, properties.PASSENGERS)
COMPANY: Final = Model(
    name="Company", table=properties.COMPANIES, sources=sources.COMPANIES, view=_company, render=_render_company
)
MODELS: Final = {model.name: model for model in (RIDE, OFFER, DRIVER, VEHICLE, DEBTOR, RATING, PASSENGER, COMPANY)}
