"""A partner fleet for tests: a tenant that is linked to a booker, its OAuth client, and the calls it makes."""

import io
import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cabstand.core.access import tokens
from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.access.tokens import ClientKeys
from cabstand.core.clock import utcnow
from cabstand.core.dispatch.fleets import asking, store
from cabstand.core.dispatch.fleets.model import FleetQuote
from cabstand.core.money import Money
from cabstand.core.places import Place
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, PolicyName, RideState
from cabstand.core.rides.views import Booking, Rider
from cabstand.doors.edge import command
from cabstand.infra.db import Pool
from tests.support.exchange import Answer, Company, Running, make_company

_numbers = itertools.count(1)
SCOPES = {"live": "ride_exchange", "sandbox": "ride_exchange_sandbox"}
FORM = "application/x-www-form-urlencoded"
PICKUP, DROPOFF = (52.3752, 4.9001), (52.3089, 4.7609)


def a_driver(**changes: Any) -> dict[str, Any]:
    """A driver as a fleet tells him."""
    vehicle = {"model": "Model 3", "make": "Tesla", "license_plate": "XB-123-C", "seats": 4}
    return {"id": "D-17", "name": "Anna de Vries", "phone": "+31612345678", "vehicle": vehicle, **changes}


@dataclass
class FleetClient:
    """A fleet that calls the gett door."""

    here: Running
    serves: Company  # the booker
    company: Company
    id: int
    keys: ClientKeys
    environment: str = "live"
    token: str = ""
    sent: dict[str, str] = field(default_factory=dict)  # headers in place of the usual ones

    async def post(
        self, path: str, body: Any = None, *, method: str = "POST", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request; `body`: bytes as they are, anything else as JSON."""
        usual = {"Authorization": f"Bearer {self.token}", "fleet-token": self.keys.fleet_token}
        data = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        sent = {"Content-Type": "application/json", **usual, **self.sent, **(headers or {})}
        url = f"{self.here.base_url}/gett{path}"
        async with self.here.http.request(method, url, data=io.BytesIO(data), headers=sent) as response:
            text = await response.text()
            return Answer(response.status, json.loads(text) if text else None, dict(response.headers))

    async def ask_token(self, *, prefix: str = "/v1", headers: Mapping[str, str] | None = None, **form: str) -> Answer:
        """The token endpoint with this form, or that of this client."""
        usual = {
            "grant_type": "client_credentials",
            "client_id": self.keys.client_id,
            "client_secret": self.keys.secret,
            "scope": SCOPES[self.environment],
        }
        async with self.here.http.post(
            f"{self.here.base_url}/gett{prefix}/oauth/token", data={**usual, **form}, headers=headers
        ) as response:
            return Answer(response.status, await response.json(), dict(response.headers))

    async def sign_in(self) -> None:
        """Get a token."""
        answer = await self.ask_token()
        assert answer.status == 200, answer
        self.token = answer.body["access_token"]

    async def call(self, name: str, order: int | str, body: Any = None, *, prefix: str = "/api/v1") -> Answer:
        """A call about an order, with a new token where the old one has expired."""
        family = "rex_ride" if name in RIDE_CALLS else "rex_dispatch"
        path = f"{prefix}/{family}/order/{order}/{name}"
        answer = await self.post(path, body)
        if answer.status != 401:
            return answer
        await self.sign_in()
        return await self.post(path, body)

    async def done(self, name: str, order: int, body: Any = None) -> str:
        """A call that must hold; the order's status."""
        answer = await self.call(name, order, body)
        assert (answer.status, answer.body.get("success")) == (200, True), answer
        return str(answer.body["status"])

    async def refused(self, name: str, order: int, body: Any = None) -> tuple[str, str]:
        """A call that must not hold; the reason and the order's status."""
        answer = await self.call(name, order, body)
        assert (answer.status, answer.body.get("success")) == (200, False), answer
        assert answer.body["action"] == "decline"
        return answer.body["reason"], answer.body["status"]


RIDE_CALLS = {"arrived", "start", "complete", "cancel", "location", "final_price", "stop_point"}


async def add_fleet(
    pool: Pool, company: Company, *, serves: Company, environment: str = "live", rules: Mapping[str, Any] | None = None
) -> tuple[int, ClientKeys]:
    """Make a company a fleet, linked as supply of another, straight in the database."""
    async with pool.transaction() as connection:
        id = await connection.fetchval(
            """INSERT INTO fleets (tenant_id, environment, door, endpoint, rules, changed_at)
            VALUES ($1, $2, 'gett', 'http://fleet.test', $3, $4) RETURNING id""",
            company.id,
            environment,
            json.dumps(dict(rules or {})),
            utcnow(),
        )
        await connection.execute(
            "INSERT INTO links VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", serves.id, company.id, environment
        )
        keys = await tokens.issue(
            connection,
            tenant_id=company.id,
            environment=Environment(environment),
            door="gett",
            name=f"fleet {next(_numbers)} {os.urandom(2).hex()}",
            now=utcnow(),
        )
    return id, keys


async def a_fleet(
    here: Running, serves: Company, *, environment: str = "live", rules: Mapping[str, Any] | None = None
) -> FleetClient:
    """A new fleet that may serve the company's rides, signed in."""
    company = await make_company(here.pool)
    id, keys = await add_fleet(here.pool, company, serves=serves, environment=environment, rules=rules)
    client = FleetClient(here=here, serves=serves, company=company, id=id, keys=keys, environment=environment)
    await client.sign_in()
    return client


async def in_the_sandbox(owner: FleetClient) -> FleetClient:
    """The same fleet in the other environment, signed in."""
    here, serves = owner.here, owner.serves
    id, keys = await add_fleet(here.pool, owner.company, serves=serves, environment="sandbox")
    twin = FleetClient(here=here, serves=serves, company=owner.company, id=id, keys=keys, environment="sandbox")
    await twin.sign_in()
    return twin


def booker(company: Company, environment: str = "live") -> Access:
    """The company's own access."""
    return Access(
        tenant_id=company.id,
        environment=Environment(environment),
        credential_id=company.credentials[environment, "booking"],
        door="dispatchapi",
        kind=CredentialKind.BOOKING,
        name="booker",
    )


async def a_ride(
    here: Running,
    company: Company,
    *,
    policy: PolicyName = PolicyName.AGAIN,
    environment: str = "live",
    ahead: timedelta | None = None,
) -> int:
    """A ride that the company books, wanted now or ahead of time."""
    now = here.clock()
    booking = Booking(
        pickup_at=now if ahead is None else now + ahead,
        passenger_count=1,
        pickup=Place(label="Dam 1", lat=PICKUP[0], lng=PICKUP[1]),
        dropoff=Place(label="Schiphol", lat=DROPOFF[0], lng=DROPOFF[1]),
        rider=Rider(first_name="John", last_name="Doe", phone="+31612000000"),
        note="blue coat",
    )
    async with here.pool.connection() as connection:
        view = await rides.book(connection, booker(company, environment), booking, policy=policy, now=now)
    return view.id


async def an_order(fleet: FleetClient, ride_id: int, *, price: int | None = 2500, ahead: bool = False) -> int:
    """The ride, offered to the fleet; the order's id."""
    now = fleet.here.clock()
    async with fleet.here.pool.transaction() as connection:
        found = await store.fleet(connection, fleet.id)
        assert found is not None
        quote = FleetQuote(
            fleet_id=fleet.id,
            quote_id="Q-1",
            price=None if price is None else Money(amount=price, currency="EUR"),
            pickup_seconds=240,
        )
        offer_id = await asking.offer(connection, found, ride_id, quote, ahead=ahead, now=now)
    assert offer_id is not None
    return offer_id


async def state_of(here: Running, ride_id: int) -> str:
    """Where the ride is."""
    async with here.pool.connection() as connection:
        return str(await connection.fetchval("SELECT state FROM rides WHERE id = $1", ride_id))


async def cancelled(here: Running, company: Company, ride_id: int, *, environment: str = "live") -> None:
    """The passenger cancels the ride."""
    to, access = RideState.CANCELLED_BY_PASSENGER, booker(company, environment)
    await command(
        here.pool,
        lambda connection: rides.advance(connection, access, ride_id, to, Actor.PASSENGER, now=here.clock()),
    )
