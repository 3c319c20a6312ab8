"""A company that books rides at the door: its prices, an employee, what his rides are booked on, and who drives."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cabstand.app import SPEAKERS
from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.corporate import follow
from cabstand.core.dispatch import service as dispatch
from cabstand.core.dispatch.views import Asked
from cabstand.core.quotes.model import PriceList
from cabstand.doors.corp99.ids import ride_id
from cabstand.infra.fanout import fan_out
from tests.core.corporate.desk import PRICES, a_market, a_plan, set_prices
from tests.support.corporate import Client, client, cost_center_of, employee_of, ok, project_of
from tests.support.drivers import Driver, signed_in
from tests.support.exchange import Company, Running

_places = itertools.count(1)
EVERYTHING = ["regular-taxi", "pop99", "delivery99"]


@dataclass(frozen=True, kw_only=True)
class Traveller:
    """An employee of the client's first company, and how rides are booked for him."""

    client: Client
    employee: int
    cost_center: int
    project: int
    lat: float = -23.564758
    lng: float = -46.651850

    @property
    def here(self) -> Running:
        return self.client.here

    def a_ride(self, **changes: Any) -> dict[str, Any]:
        """POST /ride."""
        body = {
            "employeeID": self.employee,
            "from": self.place("Av Paulista, 1000, São Paulo - SP, Brasil", number="1000", reference=""),
            "phoneNumber": "11999999999",
            "costCenterID": self.cost_center,
            "categoryID": "pop99",
            "to": self.place("Av. Faria Lima, 3000, São Paulo - SP, Brasil", -0.026, -0.0302),
            "notes": "reunião com cliente",
            "projectID": self.project,
        }
        return {**body, **changes}

    def place(self, street: str, up: float = 0.0, right: float = 0.0, **more: Any) -> dict[str, Any]:
        return {"latitude": self.lat + up, "longitude": self.lng + right, "street": street, **more}

    def trip(self, **changes: str) -> str:
        """The query of an estimate."""
        ends = {
            "fromLat": f"{self.lat}",
            "fromLng": f"{self.lng}",
            "toLat": f"{self.lat - 0.026}",
            "toLng": f"{self.lng - 0.0302}",
        }
        return "&".join(f"{name}={value}" for name, value in {**ends, **changes}.items())

    async def estimated(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ok(
            await self.client.call("GET", f"/employee/{self.employee}/categories?{self.trip()}")
        )
        return found

    async def booked(self, **changes: Any) -> str:
        """A ride's word."""
        assert await self.estimated()
        return str(ok(await self.client.call("POST", "/ride", self.a_ride(**changes)))["rideID"])

    async def read(self, ride: str) -> dict[str, Any]:
        found: dict[str, Any] = ok(await self.client.call("GET", f"/ride/{ride}"))
        return found

    async def say(self, ride: str, *words: str) -> None:
        for word in words:
            ok(await self.client.call("PATCH", f"/ride/{ride}", {"status": word}), 204)

    async def ended(self, **changes: Any) -> str:
        """A sandbox ride that was driven, and has its receipt."""
        ride = await self.booked(**changes)
        await self.say(ride, "RIDE_ENDED")
        await settled(self.here)
        return ride


async def settled(here: Running) -> None:
    """Do all that follows from what has happened."""
    while await fan_out(here.pool, SPEAKERS, here.base_url, here.clock(), reactions=follow.REACTIONS):
        pass
    await here.run_due()


async def a_traveller(
    here: Running,
    *,
    environment: str = "sandbox",
    prices: PriceList = PRICES,
    categories: Sequence[str] = EVERYTHING,
    companies: int = 1,
) -> Traveller:
    """Of a tenant of his own; live where nobody else drives."""
    asked = await client(here, environment=environment, companies=companies)
    await set_prices(here.pool, asked.tenant_id, environment, prices)
    employee, center = await employee_of(asked, categories=list(categories)), await cost_center_of(asked)
    ok(await asked.call("PATCH", f"/employee/{employee}/costcenter", {"costCenterIDs": [center]}))
    made = Traveller(client=asked, employee=employee, cost_center=center, project=await project_of(asked))
    if environment == "sandbox":
        return made
    lat, lng = -60.0 + 0.5 * (number := next(_places)), -44.0
    await a_market(here.pool, f"travel-{asked.tenant_id}-{number}", lat, lng)
    await a_plan(here.pool, asked.tenant_id)
    return Traveller(client=asked, employee=employee, cost_center=center, project=made.project, lat=lat, lng=lng)


def the_tenant(traveller: Traveller) -> Company:
    """The tenant, as one whom others may serve."""
    return Company(id=traveller.client.tenant_id, slug="", keys={}, credentials={})


async def a_driver(traveller: Traveller, **options: Any) -> Driver:
    """On shift, of a company that may serve the traveller's tenant."""
    company = await traveller.here.company(supplies=the_tenant(traveller))
    return await (await signed_in(traveller.here, company, **options)).on_shift()


async def offered_to(traveller: Traveller, ride: str, driver_id: int) -> int:
    """The ride offered to a driver, as its market would; the offer's id."""
    access = Access(
        tenant_id=traveller.client.tenant_id,
        environment=Environment(traveller.client.environment),
        credential_id=None,
        door="corp99",
        kind=CredentialKind.DISPATCH,
        name="market",
    )
    id = ride_id(ride)
    assert id is not None
    async with traveller.here.pool.transaction() as connection:
        return await dispatch.send(
            connection,
            access,
            id,
            Asked(drivers=(driver_id,)),
            lasts=timedelta(minutes=2),
            now=traveller.here.clock(),
        )
