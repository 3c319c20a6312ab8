"""SQL of price lists and fares, and how their rows become values."""

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from cabstand.core.database import Connection
from cabstand.core.quotes.model import Basis, Fare, FareLine, FixedPrice, PriceList, Tariff, Zone
from cabstand.core.sql import Statement

if TYPE_CHECKING:
    import asyncpg

    Row: TypeAlias = asyncpg.Record

_TARIFFS: Final = msgspec.json.Decoder(tuple[Tariff, ...])
_ZONES: Final = msgspec.json.Decoder(tuple[Zone, ...])
_FIXED: Final = msgspec.json.Decoder(tuple[FixedPrice, ...])
_LINES: Final = msgspec.json.Decoder(tuple[FareLine, ...])

PRICE_LIST = Statement(
    """SELECT l.currency, l.tariffs, l.zones, l.fixed_prices, t.time_zone
    FROM price_lists l JOIN tenants t ON t.id = l.tenant_id
    WHERE l.tenant_id = :tenant AND l.environment = :environment"""
)
PRICE_LISTS = Statement(
    """SELECT l.tenant_id, l.environment, l.currency, l.tariffs, l.zones, l.fixed_prices, t.time_zone
    FROM price_lists l JOIN tenants t ON t.id = l.tenant_id WHERE l.tenant_id = ANY(:tenants)"""
)
SET_PRICE_LIST = Statement(
    """INSERT INTO price_lists (tenant_id, environment, currency, tariffs, zones, fixed_prices, changed_at)
    VALUES (:tenant, :environment, :currency, :tariffs::jsonb, :zones::jsonb, :fixed_prices::jsonb, :now)
    ON CONFLICT (tenant_id, environment) DO UPDATE SET currency = excluded.currency, tariffs = excluded.tariffs,
        zones = excluded.zones, fixed_prices = excluded.fixed_prices, changed_at = excluded.changed_at"""
)

# Classes of vehicle that could come: an accepted driver of the tenant or of a company linked as its supply, in an
# available vehicle that is large enough. For a trip that is wanted now the driver's time must be free.
FREE_CLASSES = Statement(
    """SELECT DISTINCT v.class FROM drivers d JOIN vehicles v ON v.id = d.vehicle_id
    WHERE d.tenant_id = ANY(ARRAY(
            SELECT :tenant::bigint UNION ALL
            SELECT l.supply_id FROM links l WHERE l.demand_id = :tenant AND l.environment = :environment))
        AND d.environment = :environment AND d.status = 'accepted' AND v.state = 'available'
        AND v.seats >= :passengers AND v.class IS NOT NULL
        AND (:ahead::boolean OR NOT EXISTS (
            SELECT FROM driver_slots s WHERE s.driver_id = d.id AND s.slot = 'now'))"""
)

# All that a ride's fares are made of. Who serves its own ride holds its price.
TO_SETTLE = Statement(
    """SELECT r.tenant_id AS booker, r.pickup_at, r.boarded_at, r.offer_id, o.supplier_id AS supplier,
        d.passenger_count, d.vehicle_class, v.class AS car_class,
        d.pickup_lat, d.pickup_lng, d.dropoff_lat, d.dropoff_lng,
        x.final AS told_total, x.currency AS told_currency, y.lines AS told_lines,
        CASE WHEN o.supplier_id = r.tenant_id THEN 'held' ELSE coalesce(l.price_rule, 'passed_through') END AS rule,
        bt.time_zone AS booker_time_zone, b.currency AS booker_currency, b.tariffs AS booker_tariffs,
        b.zones AS booker_zones, b.fixed_prices AS booker_fixed_prices,
        st.time_zone AS supplier_time_zone, s.currency AS supplier_currency, s.tariffs AS supplier_tariffs,
        s.zones AS supplier_zones, s.fixed_prices AS supplier_fixed_prices
    FROM rides r JOIN ride_details d ON d.ride_id = r.id JOIN tenants bt ON bt.id = r.tenant_id
    LEFT JOIN price_lists b ON b.tenant_id = r.tenant_id AND b.environment = r.environment
    LEFT JOIN offers o ON o.id = r.offer_id LEFT JOIN vehicles v ON v.id = o.vehicle_id
    LEFT JOIN fleet_orders x ON x.offer_id = r.offer_id LEFT JOIN fleet_prices y ON y.offer_id = x.offer_id
    LEFT JOIN links l ON l.demand_id = r.tenant_id AND l.supply_id = o.supplier_id AND l.environment = r.environment
    LEFT JOIN tenants st ON st.id = o.supplier_id AND o.supplier_id <> r.tenant_id
    LEFT JOIN price_lists s ON s.tenant_id = st.id AND s.environment = r.environment
    WHERE r.id = :id AND r.environment = :environment"""
)
# What is the first fare of its side stays it; `:correcting` adds one after the newest, where it differs from that.
ADD_FARES = Statement(
    """INSERT INTO fares (ride_id, environment, tenant_id, side, offer_id, corrects, basis, price_rule, currency, total,
        margin, lines, created_at)
    SELECT :id, :environment, f.tenant_id, f.side, f.offer_id, newest.id, f.basis, :rule, f.currency, f.total,
        f.margin, f.lines::jsonb, :now
    FROM unnest(:tenants::bigint[], :sides::text[], :offers::bigint[], :bases::text[], :currencies::text[],
        :totals::bigint[], :margins::bigint[], :lines::text[])
        AS f (tenant_id, side, offer_id, basis, currency, total, margin, lines)
    LEFT JOIN LATERAL (
        SELECT b.id, b.basis, b.currency, b.margin, b.lines FROM fares b
        WHERE b.ride_id = :id AND b.offer_id IS NOT DISTINCT FROM f.offer_id ORDER BY b.id DESC LIMIT 1
    ) newest ON :correcting::boolean
    WHERE (newest.basis, newest.currency, newest.margin, newest.lines)
        IS DISTINCT FROM (f.basis, f.currency, f.margin, f.lines::jsonb)
    ON CONFLICT DO NOTHING"""
)

# A party's own fare of a ride: the booker's is the demand fare, a supplier's the supply fare of its newest offer.
RECEIPT = Statement(
    """SELECT f.basis, f.currency, f.lines FROM fares f
    JOIN ride_parties p ON p.ride_id = f.ride_id AND p.tenant_id = f.tenant_id AND p.environment = f.environment
    WHERE f.ride_id = :id AND f.tenant_id = :tenant AND f.environment = :environment
        AND f.side = CASE p.role WHEN 'booker' THEN 'demand' ELSE 'supply' END
    ORDER BY f.id DESC LIMIT 1"""
)


def own_fare(what: str) -> str:
    """`what` of the newest fare f that the party p has of its ride r, once that is completed; as an expression."""
    return f"""CASE WHEN r.state = 'completed' THEN (
        SELECT {what} FROM fares f WHERE f.ride_id = r.id AND f.tenant_id = p.tenant_id
            AND f.side = CASE p.role WHEN 'booker' THEN 'demand' ELSE 'supply' END
        ORDER BY f.id DESC LIMIT 1) END"""


FARE: Final = own_fare("jsonb_build_object('basis', f.basis, 'currency', f.currency, 'lines', f.lines)")
READ_FARE: Final = msgspec.json.Decoder(Fare)
"""Reads a value of that expression."""


def as_json(value: object) -> str:
    """Values as the documents of these tables have them: Decimals are text."""
    return msgspec.json.encode(value).decode()


def price_list_of(row: "Row", prefix: str = "") -> PriceList | None:
    """The price list in the columns of a row that begin with the prefix; None if there is none."""
    if row[f"{prefix}tariffs"] is None:
        return None
    return PriceList(
        currency=row[f"{prefix}currency"],
        time_zone=row[f"{prefix}time_zone"],
        tariffs=_TARIFFS.decode(row[f"{prefix}tariffs"]),
        zones=_ZONES.decode(row[f"{prefix}zones"]),
        fixed_prices=_FIXED.decode(row[f"{prefix}fixed_prices"]),
    )


async def price_list(connection: Connection, tenant: int | None, environment: str) -> PriceList | None:
    """A tenant's prices, or None if it has none."""
    row = await PRICE_LIST.row(connection, tenant=tenant, environment=environment)
    return price_list_of(row) if row else None


async def price_lists(connection: Connection, tenants: list[int]) -> dict[tuple[int, str], PriceList]:
    """The prices of several tenants, by tenant and environment."""
    lists = {}
    for row in await PRICE_LISTS.rows(connection, tenants=tenants):
        found = price_list_of(row)
        assert found is not None, "tariffs is NOT NULL"
        lists[row["tenant_id"], row["environment"]] = found
    return lists


def values_of(prices: PriceList) -> dict[str, Any]:
    """A price list as values of its table."""
    return {
        "currency": prices.currency,
        "tariffs": as_json(prices.tariffs),
        "zones": as_json(prices.zones),
        "fixed_prices": as_json(prices.fixed_prices),
    }


def told_fare(row: "Row") -> Fare | None:
    """What a fleet has told that the ride costs, in a row of TO_SETTLE; None if it has not."""
    if row["told_total"] is None:
        return None
    return Fare(basis=Basis.AGREED, currency=row["told_currency"], lines=_LINES.decode(row["told_lines"]))


def fare_of(row: "Row") -> Fare:
    """A row of `fares`."""
    return Fare(basis=Basis(row["basis"]), currency=row["currency"], lines=_LINES.decode(row["lines"]))
