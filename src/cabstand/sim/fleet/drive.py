"""One order in the fleet's hands: yes or no, the way to the pickup, the trip, the final price."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from cabstand.sim.city.choices import source
from cabstand.sim.city.movement import Way, after, bent
from cabstand.sim.city.places import Point, towards
from cabstand.sim.city.world import hour_in
from cabstand.sim.fleet import prices
from cabstand.sim.fleet.cars import Car, city_of
from cabstand.sim.fleet.exchange import Away, Decision, Refused
from cabstand.sim.fleet.habits import Lie, resolve
from cabstand.sim.fleet.orders import Order, Stage
from cabstand.sim.fleet.world import World

TICK: Final = 0.25  # seconds between two looks at a car that drives
LEAD: Final = timedelta(minutes=20)  # before the pickup a driver sets off to a ride that was reserved
DISPATCH: Final = "rex_dispatch"
log = structlog.get_logger()


class Lost(Exception):
    """The order is no longer ours."""


class Drive:
    """Sees to one order until it is over; begins where the order stands."""

    def __init__(self, world: World, order: Order) -> None:
        city = city_of((order.wish.origin.lat, order.wish.origin.lng))
        assert city is not None, "orders from elsewhere are refused"
        self._world, self._order, self._city = world, order, city
        self._resolve = resolve(world.seed, world.name, order.id, world.habits)
        self._chance = source(world.seed, "drive", world.name, order.id)

    async def run(self) -> None:
        """Go on until it is over."""
        order = self._order
        try:
            if order.stage is Stage.ASKED:
                await self._decide()
            if order.stage is Stage.RESERVED:
                await self._wait_for_its_time()
                await self._accept(self._car())
            if order.stage is Stage.COMING:
                await self._drive_to(self._pickup)
                await self._become(Stage.WAITING, "arrived", self._here())
            if order.stage is Stage.WAITING:
                await self._board()
                await self._become(Stage.DRIVING, "start", self._here())
            if order.stage is Stage.DRIVING:
                await self._deliver()
        except (Lost, Refused, Away) as error:
            log.info("the order is lost", fleet=self._world.name, order=order.id, why=str(error))
            order.refused = str(error)
            self._set(Stage.GONE)

    async def late_yes(self) -> None:
        """Accept an order that is over, as a fleet does that lies."""
        if (car := self._world.garage.nearest(self._pickup())) is not None:
            decision = await self._say("accept", self._acceptance(car), family=DISPATCH)
            log.info("said yes too late", fleet=self._world.name, order=self._order.id, success=decision.success)

    async def _decide(self) -> None:
        await asyncio.sleep(self._resolve.thinks)
        if self._resolve.lie is Lie.LATE_YES:
            await asyncio.Event().wait()  # whoever cancels it ends this too
        car = self._world.garage.nearest(self._pickup())
        if self._resolve.rejects or car is None:
            reason = "no_drivers" if car is None else "other"
            if self._resolve.lie is Lie.UNKNOWN_WORDS:
                reason = "mercury_in_retrograde"
            await self._say("reject", {"reason": reason}, family=DISPATCH)
            self._order.refused = reason
            self._set(Stage.GONE)
        elif self._order.ahead:
            body = {"external_order_id": self._order.reference}
            await self._become(Stage.RESERVED, "reserve_future_order", body, family=DISPATCH)
        else:
            await self._accept(car)

    async def _wait_for_its_time(self) -> None:
        """Sets off when the pickup is near; news of another time are heard while it waits."""
        if self._resolve.lie is Lie.NEVER_COMES:
            await asyncio.Event().wait()
        await self._until_the_pickup(LEAD)

    async def _until_the_pickup(self, before: timedelta) -> None:
        """Until so long before the time for which the ride was booked, which may change."""
        while True:
            at = self._order.wish.scheduled_at
            left = 0.0 if at is None else (at - before - datetime.now(UTC)).total_seconds()
            if left <= 0:
                return
            await asyncio.sleep(min(left, 1.0))

    def _car(self) -> Car:
        car = self._world.garage.nearest(self._pickup())
        if car is None:
            raise Lost("no car is free")
        return car

    async def _accept(self, car: Car) -> None:
        order = self._order
        if self._resolve.lie is Lie.UNKNOWN_WORDS:
            await self._babble()
        if self._resolve.lie is Lie.TWO_ACCEPTS:
            car = await self._faster(car)
        car.order, order.driver = order.id, car.id
        order.lat, order.lng = car.at
        if not order.ahead and self._resolve.lie is not Lie.TWO_ACCEPTS:
            body = {"external_order_id": order.reference}
            await self._say("submit_external_order_id", body, family=DISPATCH)
        await self._become(Stage.COMING, "accept", self._acceptance(car), family=DISPATCH)
        log.info("accepted", fleet=self._world.name, order=order.id, driver=car.id)

    async def _faster(self, car: Car) -> Car:
        """Accept with two drivers at once; the one who gets the order."""
        car.order = self._order.id
        other = self._world.garage.nearest(self._pickup()) or car
        said = (self._say("accept", self._acceptance(each), family=DISPATCH) for each in (car, other))
        answers = await asyncio.gather(*said, return_exceptions=True)
        car.order = None
        return other if isinstance(answers[1], Decision) and answers[1].success else car

    async def _babble(self) -> None:
        """Words that there are not; whatever is answered, we go on."""
        for call, family in (("teleport", "rex_ride"), ("arrived", "rex_warp")):
            try:
                await self._world.exchange.say(self._order.id, call, {"status": "Beaming"}, family=family)
            except Refused as error:
                log.debug("not understood", fleet=self._world.name, error=str(error))

    def _acceptance(self, car: Car) -> dict[str, Any]:
        body = {
            "driver": dict(car.driver),
            "external_order_id": self._order.reference,
            "eta": self._world.arrival(car, self._pickup()),
            "location": {"lat": car.at[0], "lng": car.at[1]},
        }
        if self._resolve.lie is Lie.UNKNOWN_WORDS:
            body |= {"mood": "splendid", "status": "Teleporting"}
        return body

    async def _board(self) -> None:
        """Until the passenger has got in; not before the time for which the ride was booked."""
        await self._until_the_pickup(timedelta(0))
        await asyncio.sleep(self._world.real(self._resolve.boards))
        self._order.waited = self._resolve.boards * 60

    async def _deliver(self) -> None:
        began = time.monotonic()
        await self._drive_to(self._dropoff(), passenger=True)
        order = self._order
        await self._become(Stage.DONE, "complete", self._here())
        order.final, body = prices.final(order, (time.monotonic() - began) * self._world.pace)
        self._world.book.keep()
        await self._say("final_price", body)
        log.info("driven", fleet=self._world.name, order=order.id, final=order.final, currency=order.currency)

    async def _drive_to(self, target: Callable[[], Point], *, passenger: bool = False) -> None:
        """Drive there; where it is may change on the way."""
        order, last, done = self._order, time.monotonic(), 0.0
        goal, way = target(), self._way(target())
        while done < way.metres or goal != target():
            if goal != target():
                goal, way, done = target(), self._way(target()), 0.0
            await asyncio.sleep(TICK)
            now = time.monotonic()
            before, done = done, after(now - last, hour_in(self._city), done, way.metres, self._world.pace)
            last, spot = now, way.at(done)
            order.lat, order.lng, order.heading = spot.lat, spot.lng, spot.heading
            order.metres += done - before if passenger else 0.0

    def _way(self, goal: Point) -> Way:
        """From where the car is."""
        here = (self._order.lat, self._order.lng)
        return bent(goal if here[0] is None or here[1] is None else (here[0], here[1]), goal, self._chance)

    def _pickup(self) -> Point:
        return self._order.wish.origin.lat, self._order.wish.origin.lng

    def _dropoff(self) -> Callable[[], Point]:
        """Where the trip goes; somewhere, if nobody says."""
        somewhere = towards(self._pickup(), self._city, prices.SUPPOSED, self._chance)

        def target() -> Point:
            place = self._order.wish.destination
            return (place.lat, place.lng) if place else somewhere

        return target

    def _here(self) -> dict[str, Any]:
        return {"location": {"lat": self._order.lat, "lng": self._order.lng}}

    async def _become(self, stage: Stage, call: str, body: dict[str, Any], *, family: str = "rex_ride") -> None:
        """Say a step; the order has come so far once the exchange agrees. Raises Lost, Refused, Away."""
        decision = await self._say(call, body, family=family)
        if not decision.success:
            raise Lost(f"{call}: {decision.reason}, the order is {decision.status}")
        self._set(stage)

    async def _say(self, call: str, body: dict[str, Any], *, family: str = "rex_ride") -> Decision:
        return await self._world.exchange.say(self._order.id, call, body, family=family)

    def _set(self, stage: Stage) -> None:
        """Where the car stays is where it is free; the order has come so far."""
        order = self._order
        order.stage = stage
        car = self._world.garage.of(order.driver) if order.driver else None
        if car is not None and order.lat is not None and order.lng is not None:
            car.at = (order.lat, order.lng)
        self._world.book.keep()


def resume(world: World) -> None:
    """Go on with all orders that are not over, as they were left."""
    for order in list(world.book):
        if order.stage in (Stage.DONE, Stage.GONE):
            continue
        car = world.garage.of(order.driver) if order.driver else None
        if car is not None:
            car.order = order.id
        world.begin(order, Drive(world, order).run())
