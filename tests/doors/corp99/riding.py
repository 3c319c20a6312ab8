"""Rides of a company that go their way without a door, and the receiver of their events."""

import base64
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cabstand.app import SPEAKERS
from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.corporate import follow
from cabstand.core.corporate.model import Service
from cabstand.core.places import Place
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, PolicyName, RideState
from cabstand.core.rides.service import Hold
from cabstand.core.rides.views import Booking
from cabstand.doors.corp99.ids import ride_word
from cabstand.infra.db import Pool
from cabstand.infra.deliveries.sender import Sender
from cabstand.infra.fanout import fan_out
from tests.infra.outbox import Receiver, rows
from tests.support.corporate import Client, employee_of, ok
from tests.support.exchange import Running

USERNAME, PASSWORD = "username", "password123&&"
BASIC = "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
PICKUP, DROPOFF = (-23.563157, -46.654316), (-23.599713, -46.687777)
NOTE = "reunião com cliente externo"
S = RideState
_plates = itertools.count(1)


def a_webhook(url: str = "https://app.99taxis.com/v1/webhook", **changes: Any) -> dict[str, Any]:
    """PUT /webhooks/."""
    return {
        "url": url,
        "authentication": {"username": USERNAME, "password": PASSWORD},
        "subscriptions": ["ride-status", "ride-driver-location"],
        **changes,
    }


async def listen(client: Client, url: str, *subscriptions: str) -> None:
    """The company's events go to a receiver on this machine, which a live key may not choose itself."""
    wanted = list(subscriptions) or ["ride-status", "ride-driver-location"]
    if client.environment == "sandbox":
        ok(await client.call("PUT", "/webhooks/", a_webhook(url, subscriptions=wanted)))
        return
    ok(await client.call("PUT", "/webhooks/", a_webhook(subscriptions=wanted)))
    async with client.here.pool.connection() as connection:
        await connection.execute("UPDATE destinations SET url = $2 WHERE company_id = $1", client.companies[0].id, url)


@dataclass(kw_only=True)
class CompanyRide:
    """A ride of the client's first company, with whoever drives it."""

    client: Client
    id: int
    employee_id: int
    driver_id: int
    vehicle_id: int
    plate: str

    @property
    def word(self) -> str:
        return ride_word(self.id)

    async def move(self, *states: RideState, by: Actor = Actor.DISPATCH) -> None:
        """Each a call of its own."""
        access = access_of(self.client)
        hold = Hold(
            supplier_id=self.client.tenant_id, door="corp99", driver_id=self.driver_id, vehicle_id=self.vehicle_id
        )
        for state in states:
            async with self.client.here.pool.transaction() as connection:
                now = self.client.here.clock()
                await rides.advance(
                    connection, access, self.id, state, by, hold=hold if state in _GIVEN else None, now=now
                )


_GIVEN = frozenset({S.ASSIGNED, S.APPROACHING})


def access_of(client: Client) -> Access:
    """What the client's key gives."""
    return Access(
        tenant_id=client.tenant_id,
        environment=Environment(client.environment),
        credential_id=client.credential_id,
        door="corp99",
        kind=CredentialKind.BOOKING,
        name="staff travel",
        companies=client.companies,
    )


async def a_company_ride(
    client: Client, *, service: Service = Service.STANDARD, note: str | None = NOTE
) -> CompanyRide:
    """A ride that is wanted now, and a driver with a car who may take it."""
    employee = await employee_of(client)
    booking = Booking(
        pickup_at=client.here.clock(),
        passenger_count=1,
        pickup=Place(label="Av. Paulista 1000", lat=PICKUP[0], lng=PICKUP[1]),
        dropoff=Place(label="Av. Faria Lima 3000", lat=DROPOFF[0], lng=DROPOFF[1]),
        vehicle_class=service,
    )
    async with client.here.pool.transaction() as connection:
        view = await rides.book(
            connection,
            access_of(client),
            booking,
            policy=PolicyName.FINAL,
            documents="corp99_rides",
            now=client.here.clock(),
        )
        await connection.execute(
            "INSERT INTO corporate_rides (ride_id, company_id, employee_id, cost_center_id, service, reason)"
            " VALUES ($1, $2, $3, 1, $4, $5)",
            *(view.id, client.companies[0].id, employee, service, note),
        )
        plate = f"ABC-{next(_plates):04d}"
        [car] = await connection.fetch(_CAR, client.tenant_id, client.environment, plate)
    return CompanyRide(
        client=client,
        id=view.id,
        employee_id=employee,
        driver_id=car["id"],
        vehicle_id=car["vehicle_id"],
        plate=plate,
    )


_CAR = """
    WITH car AS (
        INSERT INTO vehicles (tenant_id, environment, origin, make, model, plate, state, created_at, changed_at)
        VALUES ($1, $2, 'own', 'Volkswagen', 'GOL', $3, 'available', now(), now()) RETURNING id)
    INSERT INTO drivers (tenant_id, environment, origin, first_name, last_name, phone, status, role, vehicle_id,
        created_at, changed_at)
    SELECT $1, $2, 'own', 'Claudio', 'Moreira Cruz', '+5511223344559', 'accepted', 'driver', id, now(), now() FROM car
    RETURNING id, vehicle_id
"""


async def tell(here: Running, receiver: Receiver | None = None) -> list[Any]:
    """Fan out all that has happened and send what is due; what the receiver got by then."""
    while await fan_out(here.pool, SPEAKERS, here.base_url, here.clock(), reactions=follow.REACTIONS):
        pass
    async with a_sender(here) as sender:
        await sender.send_due()
    return [hit.message for hit in receiver.hits] if receiver else []


def a_sender(here: Running) -> Sender:
    """A sender of this exchange."""
    unseal = lambda sealed: here.exchange.seal.open(sealed, purpose="webhook").encode()  # noqa: E731
    return Sender(here.pool, SPEAKERS, here.clock, unseal=unseal, allow_loopback=True)


def told(messages: Sequence[Any]) -> list[str]:
    """Kind and status of each event, such as `status on-the-way`; a position as `location on-the-way`."""
    return [f"{each['event']['type'].split('-')[-1]} {each['data']['ride']['status']}" for each in messages]


async def queued(pool: Pool) -> list[str]:
    """The states of all deliveries, in their order."""
    return [row["state"] for row in await rows(pool, "SELECT state FROM deliveries ORDER BY id")]
