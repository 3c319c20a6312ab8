"""Bring the prices of tenants to what a plan asks for. A price list is one value: it is replaced as a whole."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from cabstand.core.access.model import Environment
from cabstand.core.database import Connection
from cabstand.core.quotes import store
from cabstand.core.quotes.model import FixedPrice, PriceList, Tariff, Zone


@dataclass(frozen=True, kw_only=True)
class ChangedPrices:
    """A tenant's prices, where they are not what the file says."""

    tenant: str
    environment: Environment
    before: PriceList | None
    after: PriceList

    def __str__(self) -> str:
        before = _entries(self.before) if self.before else {}
        after = _entries(self.after)
        told = list(_told(before, after))
        if self.before and self.before.currency != self.after.currency:
            told.insert(0, f"currency {self.before.currency} → {self.after.currency}")
        what = ", ".join(told) or ("another order" if self.before else "none")
        return f"{'~' if self.before else '+'} prices {self.tenant}/{self.environment}: {what}"


def _entries(prices: PriceList) -> dict[str, Tariff | Zone | FixedPrice]:
    return {
        **{f"tariff {each.vehicle_class}": each for each in prices.tariffs},
        **{f"zone {each.name}": each for each in prices.zones},
        **{f"price {each.origin} to {each.target}": each for each in prices.fixed_prices},
    }


def _told(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    for name, value in after.items():
        if name not in before:
            yield f"+ {name}"
        elif before[name] != value:
            yield f"~ {name}"
    yield from (f"- {name}" for name in before if name not in after)


async def differences(
    connection: Connection, wanted: Mapping[str, tuple[int | None, PriceList | None]]
) -> list[ChangedPrices]:
    """What is to be changed. `wanted`: by slug the tenant's id, if it is there, and its prices, if the file has any."""
    found = await store.price_lists(connection, [id for id, _ in wanted.values() if id is not None])
    return list(_changes(found, wanted))


def _changes(
    found: Mapping[tuple[int, str], PriceList], wanted: Mapping[str, tuple[int | None, PriceList | None]]
) -> Iterable[ChangedPrices]:
    for slug, (id, prices) in wanted.items():
        for environment in Environment if prices is not None else ():
            assert prices is not None
            before = found.get((id, environment)) if id is not None else None
            # The time zone is the tenant's own value, and told as such.
            if before is None or replace(before, time_zone=prices.time_zone) != prices:
                yield ChangedPrices(tenant=slug, environment=environment, before=before, after=prices)


async def write(connection: Connection, tenant_id: int, change: ChangedPrices, now: datetime) -> None:
    """Replace a tenant's prices."""
    await store.SET_PRICE_LIST.run(
        connection, tenant=tenant_id, environment=change.environment, **store.values_of(change.after), now=now
    )
