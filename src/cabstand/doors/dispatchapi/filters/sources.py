"""Where the rows of each model come from, behind which wall: FROM and the first of the conditions (design 3.4).

Fragments of SQL that store.py puts together. The conditions name the caller by `:tenant` and `:environment`.
"""

from dataclasses import dataclass
from typing import Final

from cabstand.core.rides.columns import view_columns
from cabstand.doors.dispatchapi import documents, registers
from cabstand.doors.dispatchapi.filters.properties import PUBLIC_DRIVER, PUBLIC_VEHICLE, Table
from cabstand.doors.dispatchapi.live import VISIBLE


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Rows behind one wall."""

    columns: str
    tables: str
    wall: str
    id: str  # the core number, never null, along an index behind the wall
    table: Table | None = None  # its properties, if they are others than the model's
    first: str = ""  # the table that wall and id belong to, p, if the others add one row each
    others: str = ""  # they, to be joined to it


_PARTY = "p.tenant_id = :tenant AND p.environment = :environment AND p.current"
_RIDE = view_columns(document=True)
_DOCUMENT = "LEFT JOIN {table} x ON x.id = {id}"

_OF_RIDE = f"""JOIN rides r ON r.id = p.ride_id JOIN ride_details d ON d.ride_id = p.ride_id
    LEFT JOIN offers o ON o.id = r.offer_id AND o.ride_id = r.id
    {_DOCUMENT.format(table=documents.RIDES, id="p.ride_id")}"""

# Rides as they are, for those who are parties to them.
_PRESENT = Source(
    columns=_RIDE,
    tables=f"ride_parties p {_OF_RIDE}",
    wall=f"{_PARTY} AND p.seen IS NULL",
    id="p.ride_id",
)
# Rides as they were when the party left: the same names over what it saw then, so that the same conditions hold.
_LEFT = Source(
    columns=_RIDE,
    tables="""ride_parties p CROSS JOIN LATERAL jsonb_populate_record(NULL::rides, p.seen) r
    CROSS JOIN LATERAL jsonb_populate_record(NULL::ride_details, p.seen) d
    CROSS JOIN LATERAL jsonb_to_record(p.seen) AS o (driver_id bigint, vehicle_id bigint)
    CROSS JOIN (VALUES (NULL::jsonb)) x (document)""",
    wall=f"{_PARTY} AND p.seen IS NOT NULL",
    id="p.ride_id",
)
RIDES: Final = (_PRESENT, _LEFT)
ANY_RIDE: Final = Source(
    columns=_RIDE,
    tables=_PRESENT.tables,
    wall=_PARTY,
    id="p.ride_id",
    first="ride_parties p",
    others=_OF_RIDE,
)

_OFFER = """o.*, x.document,
    ARRAY(SELECT driver_id FROM offer_drivers WHERE offer_id = o.id ORDER BY driver_id) AS drivers"""
_OFFERS = f"offers o {_DOCUMENT.format(table=documents.OFFERS, id='o.id')}"
OFFERS: Final = (  # those one makes, and those one is asked by others
    Source(columns=_OFFER, tables=_OFFERS, wall="o.tenant_id = :tenant AND o.environment = :environment", id="o.id"),
    Source(
        columns=_OFFER,
        tables=_OFFERS,
        wall="o.supplier_id = :tenant AND o.environment = :environment AND o.supplier_id <> o.tenant_id",
        id="o.id",
    ),
)

_OWN = "v.tenant_id = :tenant AND v.environment = :environment"


# Who says where a vehicle is: the driver of its open shift to its company, that of a ride to the ride's booker.
_ON_SHIFT = "(SELECT w.driver_id FROM shifts w WHERE w.vehicle_id = v.id AND w.ended_at IS NULL)"
_ON_RIDE = f"""(SELECT s.driver_id FROM offers s JOIN rides r ON r.id = s.ride_id AND r.offer_id = s.id
        JOIN ride_parties p ON p.ride_id = r.id AND {_PARTY} AND p.role = 'booker'
    WHERE s.vehicle_id = v.id AND r.state IN ({", ".join(f"'{state}'" for state in sorted(VISIBLE))})
    ORDER BY r.id DESC LIMIT 1)"""


def _entry(kind: registers.Kind, document: str, *, foreign: bool) -> str:
    names = ("id", "tenant_id", "version", "created_at", "changed_at", *kind.register.columns)
    seen_by = "NULL::bigint"
    if kind is registers.VEHICLE:
        seen_by = _ON_RIDE if foreign else _ON_SHIFT
    columns = ", ".join(f"v.{name}" for name in names)
    return f"{columns}, {document} AS document, {str(foreign).lower()} AS foreign, {seen_by} AS seen_by"


def own(kind: registers.Kind) -> Source:
    """A company's own entries of a register."""
    document = _DOCUMENT.format(table=kind.documents, id="v.id") if kind.documents else ""
    return Source(
        columns=_entry(kind, "x.document" if document else "NULL::jsonb", foreign=False),
        tables=f"{kind.register.table} v {document}",
        wall=_OWN,
        id="v.id",
    )


def _serving(kind: registers.Kind, column: str, properties: Table) -> Source:
    """Another company's, for who is driven by it: as long as a ride with it is the caller's to see."""
    return Source(
        columns=_entry(kind, "NULL::jsonb", foreign=True),
        tables=f"{kind.register.table} v",
        wall=f"""v.tenant_id <> :tenant AND v.environment = :environment AND EXISTS (
            SELECT FROM offers s JOIN rides r ON r.id = s.ride_id AND r.offer_id = s.id
                JOIN ride_parties p ON p.ride_id = r.id AND {_PARTY} AND p.seen IS NULL
            WHERE s.{column} = v.id)""",
        id="v.id",
        table=properties,
    )


SERVING_DRIVERS: Final = (own(registers.DRIVER), _serving(registers.DRIVER, "driver_id", PUBLIC_DRIVER))
SERVING_VEHICLES: Final = (own(registers.VEHICLE), _serving(registers.VEHICLE, "vehicle_id", PUBLIC_VEHICLE))
COMPANIES: Final = (Source(columns="v.*", tables="tenants v", wall="v.id = :tenant", id="v.id"),)
