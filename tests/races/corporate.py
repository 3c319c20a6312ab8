"""Races about a company's ride between two doors: its key cancels while dispatch software of a fleet acts."""

from collections.abc import Sequence
from dataclasses import dataclass

from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.corporate import employees, estimates, rides
from cabstand.core.corporate.model import NewEmployee, Order, Service
from cabstand.core.places import Place
from cabstand.core.quotes import store as quotes
from cabstand.core.quotes.estimate import straight_line
from cabstand.core.rides.model import RideState
from cabstand.core.rides.views import Booking, Rider
from cabstand.doors.corp99.ids import ride_word
from tests.races.duel import Act, Race, Round, outcome
from tests.races.offers import ends, pairs
from tests.races.stage import Stage, staged
from tests.support.corporate import Client, client
from tests.support.exchange import Answer, Running
from tests.support.prices import a_list, a_tariff

PICKUP = Place(label="Av Paulista, 1000", lat=-23.564758, lng=-46.651850)
DROPOFF = Place(label="Av. Faria Lima, 3000", lat=-23.590760, lng=-46.682129)
AREA = "((-23.4,-46.5),(-23.4,-46.8),(-23.7,-46.8),(-23.7,-46.5))"


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The stage's owner as a company that books for its staff."""

    stage: Stage
    client: Client
    access: Access
    order: Order

    async def rides(self, count: int) -> list[int]:
        """So many rides of one employee, who asked before what they cost."""
        company, now = self.client.companies[0], self.stage.here.clock()
        booking = Booking(
            pickup_at=now, passenger_count=1, pickup=PICKUP, dropoff=DROPOFF, rider=Rider(phone="+5511999999999")
        )
        async with self.stage.here.pool.transaction() as connection:
            assert await estimates.offered(
                connection,
                self.access,
                company,
                self.order.employee_id,
                (PICKUP.lat, PICKUP.lng),
                (DROPOFF.lat, DROPOFF.lng),
                estimate=straight_line,
                pickup_time=lambda pickup, reach: 60,
                now=now,
            )
            return [
                (await rides.book(connection, self.access, company, self.order, booking, now=now)).id
                for _ in range(count)
            ]

    def cancels(self, ride: int) -> Act:
        """DELETE /ride/{id}, answered in the terms of `outcome`."""

        async def call() -> Answer:
            answer = await self.client.call("DELETE", f"/ride/{ride_word(ride)}")
            if answer.status == 204:
                return Answer(200, None, answer.headers)
            assert [each["code"] for each in answer.body["errors"]] == ["ride.cannot.be.canceled"], answer
            return Answer(answer.status, {"error": {"message": answer.body["errors"][0]["message"]}}, answer.headers)

        return call


async def at_the_desk(here: Running) -> Desk:
    """A fresh one, in a market around São Paulo."""
    stage = await staged(here)
    key = await client(here, environment="live", tenant_id=stage.owner.id)
    access = Access(
        tenant_id=stage.owner.id,
        environment=Environment.LIVE,
        credential_id=key.credential_id,
        door="corp99",
        kind=CredentialKind.BOOKING,
        name="staff travel",
        companies=key.companies,
    )
    company, now = key.companies[0], here.clock()
    prices = a_list(a_tariff(vehicle_class=Service.STANDARD), currency="BRL", time_zone="America/Sao_Paulo")
    async with here.pool.transaction() as connection:
        await quotes.SET_PRICE_LIST.run(
            connection, tenant=stage.owner.id, environment="live", **quotes.values_of(prices), now=now
        )
        await connection.execute(
            """INSERT INTO markets (slug, environment, name, time_zone, currency, zone, area, rules, changed_at)
            VALUES ($1, 'live', 'São Paulo', 'America/Sao_Paulo', 'BRL', '{}', $2::text::polygon, '{}', $3)""",
            *(f"desk-{stage.owner.id}", AREA, now),
        )
        await connection.execute(
            """INSERT INTO plans (tenant_id, environment, door, channels, grace_seconds, search_seconds,
                handed_back_seconds) VALUES ($1, 'live', 'corp99', '{drivers}', 600, 600, 0)""",
            stage.owner.id,
        )
        said = NewEmployee(
            name="José Santos",
            phone="11999999999",
            phone_country="BRA",
            email="jose@empresa.com.br",
            national_id=None,
            pin="053",
            external_id=None,
            supervisor_id=None,
            services=(Service.STANDARD,),
        )
        employee = await employees.add(connection, access, company, said, now=now)
        center = await connection.fetchval(
            """WITH c AS (INSERT INTO cost_centers (company_id, name, folded, created_at, changed_at)
                VALUES ($1, 'x', 'x', $3, $3) RETURNING id)
            INSERT INTO employee_cost_centers SELECT $2, id FROM c RETURNING cost_center_id""",
            *(company.id, employee.id, now),
        )
    order = Order(employee_id=employee.id, cost_center_id=center, project_id=None, service=Service.STANDARD)
    return Desk(stage=stage, client=key, access=access, order=order)


async def accept_and_cancel(here: Running, round_: Round) -> Sequence[str]:
    """A fleet's driver says yes while the company cancels: he is told so, or had it for a moment."""
    desk = await at_the_desk(here)
    stage, ids = desk.stage, await desk.rides(round_.size)
    drivers = await stage.drivers(stage.fleet, round_.size)
    offers = await stage.offers(ids, drivers)
    fought = await round_.fight(
        here,
        pairs(
            [stage.answers(stage.fleet, *both) for both in zip(offers, drivers, strict=True)],
            [desk.cancels(id) for id in ids],
        ),
        ids,
    )
    await ends(here, ids, "cancelled_by_passenger")
    async with here.pool.connection() as connection:
        rows = await connection.fetch("SELECT id, state FROM offers WHERE id = ANY ($1)", offers)
    states = {row["id"]: row["state"] for row in rows}
    found = [outcome(*answers) for answers in fought]
    assert [states[id] for id in offers] == ["released" if won == "both" else "withdrawn" for won in found]
    return found


async def boarding_and_cancel(here: Running, round_: Round) -> Sequence[str]:
    """The passenger gets in while the company cancels: from then on it cannot."""
    desk = await at_the_desk(here)
    stage, ids = desk.stage, await desk.rides(round_.size)
    await stage.driven(stage.fleet, ids, RideState.ARRIVED)
    fought = await round_.fight(
        here,
        pairs([stage.says(stage.fleet, id, "started") for id in ids], [desk.cancels(id) for id in ids]),
        ids,
    )
    found = [outcome(*answers) for answers in fought]
    await ends(here, [id for id, won in zip(ids, found, strict=True) if won == "left"], "on_board")
    await ends(here, [id for id, won in zip(ids, found, strict=True) if won == "right"], "cancelled_by_passenger")
    return found


async def giving_up_and_cancel(here: Running, round_: Round) -> Sequence[str]:
    """The driver gives the ride up while the company cancels: it ends once, by who was first."""
    desk = await at_the_desk(here)
    stage, ids = desk.stage, await desk.rides(round_.size)
    await stage.driven(stage.fleet, ids, RideState.APPROACHING)
    fought = await round_.fight(
        here,
        pairs([stage.says(stage.fleet, id, "canceled_driver") for id in ids], [desk.cancels(id) for id in ids]),
        ids,
    )
    found = [outcome(*answers) for answers in fought]
    for won, state in (("left", "cancelled_by_driver"), ("right", "cancelled_by_passenger")):
        await ends(here, [id for id, each in zip(ids, found, strict=True) if each == won], state)
    return found


RACES = {
    "a company's cancel against a fleet's yes": Race(scene=accept_and_cancel, outcomes=frozenset({"both", "right"})),
    "a company's cancel against boarding": Race(scene=boarding_and_cancel, outcomes=frozenset({"left", "right"})),
    "a company's cancel against the driver's": Race(scene=giving_up_and_cancel, outcomes=frozenset({"left", "right"})),
}
