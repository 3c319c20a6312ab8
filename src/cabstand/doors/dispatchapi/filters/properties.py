"""What of each model can be filtered and sorted by: path → SQL expression, type, indexed or not. A table of data.

Expressions name the tables of the model's sources (store.py): for rides r, d, p, o, and x for the door's document.
A path that is not here is looked up in the document; below a property that is no open object there is nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cabstand.core.dispatch.model import OfferState
from cabstand.core.quotes.store import own_fare
from cabstand.core.rides.model import ENDED, RideState
from cabstand.core.rides.views import CONTACT_KEPT
from cabstand.doors.base import StatusVocabulary
from cabstand.doors.dispatchapi import registers
from cabstand.doors.dispatchapi.ids import encode
from cabstand.doors.dispatchapi.prices import BREAKDOWN
from cabstand.doors.dispatchapi.render import ALIAS, BOOKERS_META, SUPPLIER_SEES
from cabstand.doors.dispatchapi.vocab import OFFER, RIDE


class Kind(StrEnum):
    """How values of a property compare."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    BOOLEAN = "boolean"
    ID = "id"  # its SQL is the core's number
    OBJECT = "object"  # its SQL says whether it is there
    DOCUMENT = "document"  # whatever was sent; its SQL is the document, below which the path is looked up


@dataclass(frozen=True, kw_only=True, slots=True)
class Property:
    """One property of a model."""

    path: str
    kind: Kind
    sql: str
    indexed: bool = False  # never null, and a list in its order, or a range of it, is read along an index
    ordered_by: str | None = None  # sorts alike and is indexed
    id_kind: str = ""  # of an id
    each: str = ""  # of a list: FROM … WHERE … of its elements
    missing: str = "false"  # of a list: when it is not there at all, not even empty
    open: bool = False  # of an object: what else was sent for it is in the document
    among: frozenset[str] = frozenset()  # where it is one of these …
    holds: str = ""  # … this is true as well, and an index knows it

    @property
    def nested(self) -> bool:
        """Strings in filters are coerced to the type of top-level properties only."""
        return "." in self.path


@dataclass(frozen=True, kw_only=True)
class Table:
    """The properties of a model."""

    properties: Mapping[str, Property]
    document: Callable[[str], str] | None  # path → SQL; None: there is none

    def find(self, path: str) -> Property | None:
        """The property; None for what never is there."""
        found = self.properties.get(path)
        if found is not None:
            return found
        above = path
        while "." in above:
            above = above.rpartition(".")[0]
            if (parent := self.properties.get(above)) is not None and not parent.open:
                return None
        if self.document is None:
            return None
        return Property(path=path, kind=Kind.DOCUMENT, sql=self.document(path))

    def only(self, names: frozenset[str]) -> "Table":
        """What a stranger may see."""
        return Table(properties={path: self.properties[path] for path in sorted(names)}, document=None)


def _text(path: str, sql: str) -> Property:
    return Property(path=path, kind=Kind.TEXT, sql=sql)


def _number(path: str, sql: str) -> Property:
    return Property(path=path, kind=Kind.NUMBER, sql=sql)


def _date(path: str, sql: str, *, ordered_by: str | None = None) -> Property:
    """Instants are compared as they are written: to the millisecond."""
    return Property(path=path, kind=Kind.DATE, sql=f"date_trunc('milliseconds', {sql})", ordered_by=ordered_by)


def _id(path: str, id_kind: str, sql: str, *, indexed: bool = False) -> Property:
    return Property(path=path, kind=Kind.ID, sql=sql, id_kind=id_kind, indexed=indexed)


def _object(path: str, sql: str, *, open: bool = False) -> Property:
    return Property(path=path, kind=Kind.OBJECT, sql=sql, open=open)


def _word(states: str, vocabulary: StatusVocabulary[Any]) -> str:
    words = " ".join(f"WHEN '{state}' THEN '{word}'" for state, word in vocabulary.says.items())
    return f"CASE {states} {words} END"


def _sent(path: str) -> str:
    """The document, to be read by everybody who sees the object."""
    return "x.document"


def _table(properties: Iterable[Property], document: Callable[[str], str] | None = _sent) -> Table:
    return Table(properties={each.path: each for each in properties}, document=document)


_FIVE_YEARS_ON = "(({} AT TIME ZONE 'UTC' + interval '5 years') AT TIME ZONE 'UTC')"


# -- rides

_BOOKER = "p.role = 'booker'"
_OVER = "p.seen IS NOT NULL"
_CONTACT = (  # a supplier knows the whole rider only while it serves the ride and some time on (design 3.4)
    f"({_BOOKER} OR (NOT ({_OVER}) AND (r.ended_at IS NULL"
    f" OR r.ended_at > :now::timestamptz - interval '{int(CONTACT_KEPT.total_seconds())} s')))"
)
_SAID = f"x.document -> '{ALIAS}'"
# A party that has left reads how its offer ended, of which `seen` tells one way only; a literal alias is in force as
# long as the ride has not moved since; else the state has a word.
_STATUS = f"""CASE WHEN {_OVER} THEN '{RIDE.over[OfferState.RELEASED]}'
    WHEN ({_SAID} ->> 'moved')::int = r.moved THEN {_SAID} ->> 'word' ELSE {_word("r.state", RIDE)} END"""
# Words that only rides have which go on: few among all that ever were.
_LIVE_WORDS = frozenset({*RIDE.says.values(), *RIDE.aliases}) - {RIDE.says[state] for state in ENDED}
_PLACE = {
    "internationalAlias": "label",
    "city": "city",
    "streetName": "street",
    "postalCode": "postal_code",
    "houseNumber": "house_number",
    "poiCode": "poi_code",
    "countryCode": "country",
}
_EVENTS = {
    "events.assigned": "r.assigned_at",
    "events.arrived": "r.arrived_at",
    "events.started": "r.boarded_at",
    "events.completed": f"CASE WHEN r.state = '{RideState.COMPLETED}' THEN r.ended_at END",
}
_RIDER = ("first_name", "last_name", "phone", "email", "language")


def _place(name: str, side: str) -> list[Property]:
    there = f"d.{side}_label IS NOT NULL"
    return [
        _object(name, there, open=True),
        *(_text(f"{name}.{word}", f"d.{side}_{column}") for word, column in _PLACE.items()),
        _object(f"{name}.gps", there),
        _number(f"{name}.gps.lat", f"d.{side}_lat"),
        _number(f"{name}.gps.lng", f"d.{side}_lng"),
    ]


def _contact(column: str) -> str:
    return f"CASE WHEN {_CONTACT} THEN d.rider_{column} END"


def _fare() -> str:
    """The reader's own fare as `prices.price` writes it, in a document of its own."""
    item = " ".join(f"WHEN '{kind}' THEN '{name}'" for name, kinds in BREAKDOWN.items() for kind in kinds)
    breakdown = f"""(SELECT jsonb_object_agg(b.item, b.said) FROM (
        SELECT CASE l.line ->> 'kind' {item} END AS item, jsonb_strip_nulls(jsonb_build_object(
            'total', sum((l.line ->> 'amount')::bigint),
            'taxPercentage', (array_agg((l.line ->> 'tax_percent')::numeric ORDER BY l.n))[1])) AS said
        FROM jsonb_array_elements(f.lines) WITH ORDINALITY l (line, n) GROUP BY 1) b)"""
    return own_fare(
        f"""jsonb_build_object('price', jsonb_build_object('total', f.total, 'currency', f.currency,
        'breakdown', coalesce({breakdown}, '{{}}'::jsonb)))"""
    )


_PRICED = f"""CASE WHEN {_BOOKER} AND jsonb_typeof(x.document -> 'price') <> 'null' THEN x.document
    ELSE {_fare()} END"""


def _ride_document(path: str) -> str:
    """What was sent, for who booked; of it a supplier sees only what `render` shows. A price is the one shown."""
    top, _, below = path.partition(".")
    if top == "price":
        return _PRICED
    if top not in SUPPLIER_SEES or (top == "meta" and below.split(".")[0] in BOOKERS_META):
        return f"CASE WHEN {_BOOKER} THEN x.document END"
    if path != "meta":
        return "x.document"
    hidden = " ".join(f"#- '{{meta,{name}}}'" for name in sorted(BOOKERS_META))
    return f"CASE WHEN {_BOOKER} THEN x.document ELSE x.document {hidden} END"


def _booked(name: str) -> str:
    return f"CASE WHEN {_BOOKER} THEN x.document ->> '{name}' END"


RIDES: Final = _table(
    (
        _id("id", "ride", "p.ride_id", indexed=True),
        Property(path="intId", kind=Kind.NUMBER, sql="p.ride_id", indexed=True),
        _id("rideLogId", "ride log", "p.ride_id", indexed=True),
        _id("companyId", "company", "r.tenant_id"),
        _id("driverId", "driver", "o.driver_id"),
        _id("vehicleId", "vehicle", "o.vehicle_id"),
        _id("passengerId", "passenger", f"CASE WHEN {_BOOKER} THEN d.rider_id END"),
        Property(path="status", kind=Kind.TEXT, sql=_STATUS, among=_LIVE_WORDS, holds="r.ended_at IS NULL"),
        _text("type", "'ride'::text"),
        _number("passengerCount", "d.passenger_count"),
        _text("note", "d.note"),
        _text("flightNumber", "d.flight_number"),
        _text("language", "d.language"),
        _text("vehicleType", "d.vehicle_class"),
        _date("requestedDate", "r.pickup_at"),
        _date("created", "r.created_at", ordered_by="p.ride_id"),
        _date("modified", "r.changed_at"),
        _date("expired", _FIVE_YEARS_ON.format("r.created_at")),
        _text("foreignBookingId", f"CASE WHEN {_BOOKER} THEN p.reference END"),
        _text("foreignDispatchId", f"CASE WHEN {_BOOKER} THEN x.document ->> 'foreignDispatchId' ELSE p.reference END"),
        *(_text(name, _booked(name)) for name in ("debtorCode", "priceMethod", "metricsMethod")),
        *_place("departure", "pickup"),
        *_place("destination", "dropoff"),
        _object("events", f"coalesce({', '.join(_EVENTS.values())}) IS NOT NULL"),
        *(_date(path, sql) for path, sql in _EVENTS.items()),
        _object("passenger", f"coalesce({', '.join(f'd.rider_{name}' for name in _RIDER)}) IS NOT NULL"),
        _text("passenger.fname", "d.rider_first_name"),
        _text("passenger.lname", _contact("last_name")),
        _text("passenger.phoneNumber", _contact("phone")),
        _text("passenger.email", _contact("email")),
        _text("passenger.language", _contact("language")),
    ),
    _ride_document,
)

# -- offers, the registers, companies

# An offer that was made by `driverId` names its driver so, and no list.
_ASKED = "FROM offer_drivers s WHERE s.offer_id = o.id"
_ONE = f"(x.document ->> 'way' = 'driverId' AND (SELECT count(*) {_ASKED}) = 1) IS TRUE"
_ONE_ASKED = f"CASE WHEN {_ONE} THEN (SELECT min(s.driver_id) {_ASKED}) END"

OFFERS: Final = _table(
    (
        _id("id", "offer", "o.id", indexed=True),
        _id("productId", "ride", "o.ride_id"),
        _id("companyId", "company", "o.supplier_id"),
        _id(
            "driverId", "driver", f"coalesce(o.driver_id, CASE WHEN {_ONE} THEN (SELECT min(s.driver_id) {_ASKED}) END)"
        ),
        _id("vehicleId", "vehicle", "o.vehicle_id"),
        _text("way", "NULL::text"),
        Property(
            path="drivers",
            kind=Kind.ID,
            sql="a.driver_id",
            id_kind="driver",
            each=f"offer_drivers a WHERE a.offer_id = o.id AND NOT (o.to_company OR {_ONE})",
            missing=f"(o.to_company OR {_ONE})",
        ),
        _text("type", "CASE WHEN o.to_company THEN 'company' ELSE 'driver' END"),
        _text("productType", "'ride'::text"),
        _text("status", _word("o.state", OFFER)),
        _object("settings", "o.expires_at IS NOT NULL"),
        _number("settings.maxOfferTime", "trunc(extract(epoch FROM o.expires_at - o.created_at))"),
        _date("created", "o.created_at", ordered_by="o.id"),
        _date("modified", "o.changed_at"),
    )
)
_WHOLE = frozenset({"seats", "score"})  # columns that hold numbers


def _registered(kind: registers.Kind, *more: Property) -> Table:
    """The properties of a register's entries by its table of columns; `more` comes in their place or beside them."""
    found = [
        _id("id", kind.id, "v.id", indexed=True),
        _date("created", "v.created_at", ordered_by="v.id"),
        _date("modified", "v.changed_at"),
    ]
    if kind.company:
        found.append(_id("companyId", "company", "v.tenant_id"))
    if kind.expires:
        found.append(_date("expired", _FIVE_YEARS_ON.format("v.created_at")))
    for path, column in kind.columns.items():
        if path in kind.references:
            found.append(_id(path, kind.references[path], f"v.{column}"))
        else:
            found.append((_number if column in _WHOLE else _text)(path, f"v.{column}"))
    return _table((*found, *more), _sent if kind.documents else None)


DRIVERS: Final = _registered(registers.DRIVER, _text("ssn", "x.document ->> 'ssn'"))
VEHICLES: Final = _registered(
    registers.VEHICLE,
    _object("status", "true", open=True),
    _text("status.state", "v.state"),
    _text("formattedLicensePlate", "x.document ->> 'formattedLicensePlate'"),
    Property(path="healthChecked", kind=Kind.BOOLEAN, sql="(x.document -> 'healthChecked') = 'true'::jsonb"),
    Property(path="wheelchair", kind=Kind.BOOLEAN, sql="nullif(v.wheelchair, false)"),
)
DEBTORS: Final = _registered(registers.DEBTOR)
RATINGS: Final = _registered(registers.RATING)
PASSENGERS: Final = _registered(registers.PASSENGER)
COMPANIES: Final = _table(
    (
        _id("id", "company", "v.id", indexed=True),
        _text("name", "v.name"),
        _text("email", "v.email"),
        _text("phoneNumber", "v.phone"),
        _text("city", "v.city"),
        _object("appSettings", "true"),
        _date("created", "v.created_at", ordered_by="v.id"),
    ),
    None,
)
# Of another company's driver and car, what a ride makes public (design 3.4).
PUBLIC_DRIVER: Final = DRIVERS.only(frozenset({"id", "fname", "lname", "phoneNumber"}))
PUBLIC_VEHICLE: Final = VEHICLES.only(frozenset({"id", "brand", "model", "type", "licensePlate", "maxPassengers"}))


def prefix(id_kind: str) -> str:
    """The fixed digits of an id of this kind."""
    return encode(id_kind, 0)[:8]
