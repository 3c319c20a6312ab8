"""SQL of markets and plans, and how their rows become values."""

from typing import TYPE_CHECKING, Any, Final

import msgspec

from cabstand.core.access.model import Environment
from cabstand.core.dispatch.markets.model import DispatchPlan, Market, Rules, corners_of
from cabstand.core.quotes.model import Zone
from cabstand.core.sql import Statement

if TYPE_CHECKING:
    import asyncpg

LEASE_SECONDS: Final = 5.0  # the same as in the SQL below
_ZONE: Final = msgspec.json.Decoder(Zone)
_RULES: Final = msgspec.json.Decoder(Rules)

MARKETS = Statement("SELECT * FROM markets ORDER BY id")
MARKET = Statement("SELECT * FROM markets WHERE id = :id")
SET_MARKET = Statement(
    """INSERT INTO markets (slug, environment, name, time_zone, currency, zone, area, rules, changed_at)
    VALUES (:slug, :environment, :name, :time_zone, :currency, :zone::jsonb, :area::text::polygon, :rules::jsonb, :now)
    ON CONFLICT (slug, environment) DO UPDATE SET name = excluded.name, time_zone = excluded.time_zone,
        currency = excluded.currency, zone = excluded.zone, area = excluded.area, rules = excluded.rules,
        changed_at = excluded.changed_at"""
)
PLANS = Statement(
    """SELECT tenant_id, environment, door, channels, grace_seconds, search_seconds, drivers_seconds, own_seconds,
        handed_back_seconds FROM plans WHERE tenant_id = ANY(:tenants) ORDER BY door"""
)
FORGET_PLANS = Statement("DELETE FROM plans WHERE tenant_id = :tenant AND environment = :environment")
SET_PLAN = Statement(
    """INSERT INTO plans (tenant_id, environment, door, channels, grace_seconds, search_seconds, drivers_seconds,
        own_seconds, handed_back_seconds)
    VALUES (:tenant, :environment, :door, :channels::text[], :grace_seconds, :search_seconds, :drivers_seconds,
        :own_seconds, :handed_back_seconds)"""
)

# Whose lease has run out, or has none. FOR UPDATE waits for a window of the former owner that is being written
# (FOR KEY SHARE, ON_DUTY); after it, the former owner's epoch is over.
TAKE = Statement(
    """UPDATE markets m SET owner = :owner, epoch = m.epoch + 1,
        leased_until = clock_timestamp() + interval '5 s'
    FROM (SELECT id FROM markets WHERE id = :market AND (leased_until IS NULL OR leased_until < clock_timestamp())
        FOR UPDATE) free
    WHERE m.id = free.id RETURNING m.epoch"""
)
KEEP = Statement(
    """UPDATE markets SET leased_until = clock_timestamp() + interval '5 s'
    WHERE id = ANY(:markets::bigint[]) AND owner = :owner AND leased_until IS NOT NULL RETURNING id, epoch"""
)
GIVE_BACK = Statement("UPDATE markets SET leased_until = NULL, owner = NULL WHERE owner = :owner")
GIVE_ALL_BACK = Statement("UPDATE markets SET leased_until = NULL, owner = NULL WHERE owner IS NOT NULL")
FREE = Statement("SELECT id FROM markets WHERE leased_until IS NULL OR leased_until < clock_timestamp() ORDER BY id")
ON_DUTY = Statement("SELECT id FROM markets WHERE id = :market AND epoch = :epoch FOR KEY SHARE")
# A process that stops in the middle of a window must not keep the next owner waiting for its locks.
IMPATIENT = Statement("SET LOCAL idle_in_transaction_session_timeout = '3s'")


def market(row: "asyncpg.Record") -> Market:
    """A row of `markets`."""
    return Market(
        id=row["id"],
        slug=row["slug"],
        environment=Environment(row["environment"]),
        name=row["name"],
        time_zone=row["time_zone"],
        currency=row["currency"],
        zone=_ZONE.decode(row["zone"]),
        rules=_RULES.decode(row["rules"]),
    )


def plan(row: "asyncpg.Record") -> DispatchPlan:
    """A row of `plans`."""
    return DispatchPlan(
        door=row["door"],
        channels=tuple(row["channels"]),
        grace_seconds=row["grace_seconds"],
        search_seconds=row["search_seconds"],
        drivers_seconds=row["drivers_seconds"],
        own_seconds=row["own_seconds"],
        handed_back_seconds=row["handed_back_seconds"],
    )


def values_of(zone: Zone, rules: Rules) -> dict[str, Any]:
    """The columns of an area and its rules."""
    corners = ",".join(f"({lat!r},{lng!r})" for lat, lng in corners_of(zone))
    return {
        "zone": msgspec.json.encode(zone).decode(),
        "area": f"({corners})",
        "rules": msgspec.json.encode(rules).decode(),
    }
