"""A simulated driver: signs in, starts a shift, answers offers, drives rides, cruises, rests.

What he does next follows from what the exchange says of his ride. After anything odd (a refusal, a lost connection, a
restart on either side) he asks for his current rides and goes on from there.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
import msgspec
import structlog

from cabstand.sim.city import driverdoor
from cabstand.sim.city.choices import Answer, resolve, source
from cabstand.sim.city.door import AWAY, Door, Refused
from cabstand.sim.city.driverdoor import Ride
from cabstand.sim.city.job import STATES, Job, Word
from cabstand.sim.city.movement import CRUISING, Spot, Way, after, bent
from cabstand.sim.city.places import City, Point, city_of_phone, somewhere, towards
from cabstand.sim.city.record import Activity
from cabstand.sim.city.world import World

HEARTBEAT: Final = 20.0  # seconds; a server that hangs is noticed after so long, and half as long again
BACK_OFF: Final = (0.5, 15.0)  # seconds until a lost connection is tried again: at first, at most
STANDING: Final = 20.0  # seconds between positions of a car that does not move
MOVING: Final = 10.0  # seconds of the city between positions of one that does, though at most one a second
CRUISE: Final = 900.0  # metres, about
LONGEST_STEP: Final = 5.0  # seconds: after a pause of this process cars do not jump
_ANSWER_TO_POSITIONS: Final = '{"type":"positions"'
log = structlog.get_logger()


class Driver:
    """One driver. `live` is his life, `tick` moves his car."""

    def __init__(
        self,
        world: World,
        phone: str,
        *,
        company: str | None = None,
        city: City | None = None,
        vehicle: int | None = None,
    ) -> None:
        self.phone, self.company, self.city = phone, company, city or city_of_phone(phone)
        self.id = 0  # until he is signed in
        self.on_shift = False
        self.job: Job | None = None
        self._world, self._vehicle = world, vehicle
        self._offers = source(world.seed, phone, "offers")
        self._ways = source(world.seed, phone, "ways")
        self._rests = source(world.seed, phone, "rests")
        self._factor = source(world.seed, phone, "factor").uniform(0.9, 1.1) * world.pace
        lat, lng = somewhere(self.city, source(world.seed, phone, "place"))
        self._spot = Spot(lat, lng, 0.0)
        self._cruise: Way | None = None
        self._done = 0.0
        self._stands_until = 0.0
        self._ticked = self._told = world.clock()
        self._rest_at = self._ticked + self._until_rest()
        self._resting_until: float | None = None
        self._not_before = 0.0  # a step that failed is tried again then
        self._acting = False
        self._open: dict[int, Ride] = {}  # offers that may still be answered
        self._seen: set[int] = set()
        self._hands_back: dict[int, float] = {}  # rides that he will give back, and where
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._sending: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def door(self) -> Door:
        """The driver door with his own token."""
        return self._world.door(self._world.tokens.get(self.phone))

    @property
    def connected(self) -> bool:
        """Whether he hears of offers."""
        return self._socket is not None

    # -- his connection

    async def live(self) -> None:
        """Until cancelled: signed in, on shift, listening; whatever breaks is mended."""
        try:
            await self._keep_on()
        finally:
            for task in self._tasks:
                task.cancel()

    async def _keep_on(self) -> None:
        pause = BACK_OFF[0]
        while True:
            try:
                await self._get_ready()
                if self.on_shift or self._resting_until is not None:
                    pause = BACK_OFF[0]
                    await self._listen()
                    self._world.record.lost_connections += 1
            except Refused as refused:
                self._note("live", refused)
                pause = max(pause, refused.retry_after or 0.0)
            except AWAY:
                self._world.record.refusals["live: away"] += 1
            await asyncio.sleep(pause * self._ways.uniform(0.7, 1.3))
            pause = min(pause * 2, BACK_OFF[1])

    async def _get_ready(self) -> None:
        if self.phone not in self._world.tokens:
            self._world.tokens[self.phone] = await driverdoor.sign_in(self._world.door(), self.phone, self.company)
        try:
            me = await self.door.call("GET", "/me")
        except Refused as refused:
            if refused.status == 401:  # revoked, or of another database
                del self._world.tokens[self.phone]
            raise
        self.id, self.company = me["id"], me["company"]["slug"]
        self.on_shift = me["shift"] is not None
        if self._resting_until is None:
            await self._start_shift(me["vehicle_id"])
        await self._look()

    async def _start_shift(self, usual: int | None = None) -> None:
        """With the vehicle that was hired for him, else with his usual one, else with any that is free."""
        while not self.on_shift:
            vehicle = self._vehicle or usual
            usual = None
            if vehicle is None:
                vehicle = await self._world.garages[self.company or ""].take(self.door, self._world.clock())
            if vehicle is None:
                log.warning("no free vehicle", phone=self.phone, company=self.company)
                return
            try:
                await self.door.call("POST", "/shift", {"vehicle_id": vehicle})
                self.on_shift = True
            except Refused as refused:
                if refused.code != "vehicle_in_use" or vehicle == self._vehicle:
                    raise
        self._told = 0.0  # say where we are at once

    async def _listen(self) -> None:
        """Everything that the exchange pushes, until the connection ends."""
        door = self.door
        async with door.http.ws_connect(
            f"{door.base_url}/ws",
            headers={"Authorization": door.authorization or ""},
            heartbeat=HEARTBEAT,
            compress=0,
            max_msg_size=1 << 20,
        ) as socket:
            self._socket = socket
            self._told = 0.0
            try:
                async for message in socket:
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        continue
                    if not message.data.startswith(_ANSWER_TO_POSITIONS):
                        self._hear(msgspec.json.decode(message.data))
            finally:
                self._socket = None

    def _hear(self, message: Any) -> None:
        match message.get("type"):
            case "offer":
                self._consider(message["offer"])
            case "offer_over":
                self._open.pop(message["offer_id"], None)
            case "ride":
                self._hear_ride(message["ride"])
            case "ride_over" if self.job is not None and message["ride_id"] == self.job.id:
                self._lose(self.job)
            case "error" if message["error"]["code"] == "not_on_shift" and self._socket is not None:
                self.on_shift = False  # somebody has ended it; `live` begins again
                self._spawn(self._hang_up(self._socket))

    async def _hang_up(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        await socket.close()

    def _lose(self, job: Job) -> None:
        """Somebody else has the ride, or it has ended and is no longer ours to see."""
        job.hear({"state": "taken_away"}, self._place, self._world.clock(), self._ways)
        self._let_go()

    def _hear_ride(self, ride: Ride) -> None:
        """News of a ride of ours, or of one that became ours."""
        if self.job is None and ride["state"] in STATES:
            hands_back = self._hands_back.pop(ride["id"], None)
            self.job = Job(self._world, self.city, ride, self.id, hands_back)
            self._world.record.stints.append(self.job.stint)
            self._cruise = None
        if self.job is None or self.job.id != ride["id"]:
            return
        self.job.hear(ride, self._place, self._world.clock(), self._ways)
        if self.job.over:
            self._let_go()

    def _let_go(self) -> None:
        self.job, self._cruise, self._stands_until = None, None, 0.0

    async def _look(self) -> None:
        """Ask what we hold, and go on from there: after a connection, a refusal, the end of a ride."""
        rides = [ride for ride in await driverdoor.current_rides(self.door) if ride["state"] in STATES]
        if self.job is not None and all(ride["id"] != self.job.id for ride in rides):
            with contextlib.suppress(Refused):  # how it ended, if it is still ours to see
                self._hear_ride(await self.door.call("GET", f"/rides/{self.job.id}"))
            if self.job is not None:
                self._lose(self.job)
        for ride in rides:
            self._hear_ride(ride)

    # -- offers

    def _consider(self, offer: Ride) -> None:
        if offer["id"] in self._seen:
            return  # said again after a connection was lost
        self._seen.add(offer["id"])
        self._open[offer["id"]] = offer
        self._world.record.offers[offer["ride"]["id"]].add(offer["id"])
        wish = resolve(self._offers, self._world.habits)
        self._world.record.answers[wish.answer] += 1
        if wish.hands_back is not None:
            self._hands_back[offer["ride"]["id"]] = wish.hands_back
        if wish.answer is not Answer.IGNORE:
            self._spawn(self._answer(offer, wish.answer, wish.after))

    async def _answer(self, offer: Ride, answer: Answer, after: float) -> None:
        await asyncio.sleep(after)
        if self._open.pop(offer["id"], None) is None:
            return
        try:
            ride = await self.door.call("POST", f"/offers/{offer['id']}/{answer}")
        except Refused as refused:
            self._note(answer, refused)  # over: somebody was faster, or the rider has cancelled
            return
        if ride is not None:
            self._hear_ride(ride)

    # -- time passes

    def tick(self, now: float, hour: int) -> None:
        """Move the car, say what is due, tell the exchange where we are."""
        seconds = min(now - self._ticked, LONGEST_STEP)
        self._ticked = now
        if self._resting_until is not None and (now >= self._resting_until or self._world.calm):
            self._do(now, self._come_back())
        if not self.on_shift:
            return
        self._world.record.seconds[self.activity] += seconds
        if self.job is not None:
            self._work(self.job, now, seconds, hour)
        else:
            self._pass_time(now, seconds, hour)
        self._tell(now)

    @property
    def activity(self) -> Activity:
        """What he is doing, on shift."""
        if self.job is None:
            return Activity.FREE
        return Activity.WITH_PASSENGER if self.job.state == "on_board" else Activity.ON_THE_WAY

    @property
    def _place(self) -> Point:
        return self._spot.lat, self._spot.lng

    def _work(self, job: Job, now: float, seconds: float, hour: int) -> None:
        job.drive(seconds, hour, self._factor)
        self._spot = job.spot or self._spot
        if (word := job.due(now)) is not None:
            self._do(now, self._say(job, word))

    def _pass_time(self, now: float, seconds: float, hour: int) -> None:
        if self._world.calm:
            return
        if now >= self._rest_at and not self._open:
            self._do(now, self._rest())
        elif self._cruise is not None:
            self._done = after(seconds, hour, self._done, self._cruise.metres, self._factor * CRUISING)
            self._spot = self._cruise.at(self._done)
            if self._done >= self._cruise.metres:
                self._cruise = None
        elif now >= self._stands_until:
            if self._ways.random() < self._world.habits.stands:
                self._stands_until = now + self._world.real(self._ways.uniform(2, 6))
            else:
                self._done = 0.0
                self._cruise = bent(self._place, towards(self._place, self.city, CRUISE, self._ways), self._ways)

    def _tell(self, now: float) -> None:
        """Our position, if it is time; a position that the exchange cannot take yet is left out, not kept."""
        moves = self._cruise is not None or (self.job is not None and self.job.spot is not None)
        every = max(1.0, MOVING / self._world.pace) if moves else STANDING
        if self._socket is None or now - self._told < every - 0.1 or (self._sending and not self._sending.done()):
            return
        self._told = now
        self._world.record.positions += 1
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        fix = f'"lat":{self._spot.lat:.6f},"lng":{self._spot.lng:.6f},"at":"{at}","heading":{self._spot.heading:.0f}'
        self._sending = asyncio.ensure_future(self._send(f'{{"type":"positions","positions":[{{{fix}}}]}}'))

    async def _send(self, text: str) -> None:
        if self._socket is not None:
            with contextlib.suppress(*AWAY):  # `live` hears of it too
                await self._socket.send_str(text)

    # -- steps

    async def _say(self, job: Job, word: Word) -> None:
        try:
            ride = await self.door.call("POST", f"/rides/{job.id}/{word}", job.body(word))
        except Refused as refused:
            self._note(word, refused)
            now = self._world.clock()
            if refused.code == "too_early":
                job.wait(now)
            elif refused.code == "wrong_code":
                job.rider_without_code(now)
            else:
                if word is Word.HAND_BACK:
                    job.keep()
                self._not_before = now + BACK_OFF[0]
                await self._look()
            return
        self._hear_ride(ride)
        if self.job is None:
            await self._look()  # the next one may be waiting

    async def _rest(self) -> None:
        """End the shift for a while."""
        await self.door.call("DELETE", "/shift")
        self.on_shift = False
        self._open.clear()
        now = self._world.clock()
        self._resting_until = now + self._world.real(self._rests.uniform(*self._world.habits.rests))

    async def _come_back(self) -> None:
        await self._start_shift()
        if self.on_shift:
            self._resting_until = None
            self._rest_at = self._world.clock() + self._until_rest()

    def _until_rest(self) -> float:
        rate = self._world.habits.breaks_an_hour
        return self._world.real(60 * self._rests.expovariate(rate)) if rate else float("inf")

    async def go_home(self) -> None:
        """End the shift for good. Raises Refused while he has a ride, or one of AWAY."""
        if self.on_shift:
            await self.door.call("DELETE", "/shift")
            self.on_shift = False

    def _do(self, now: float, step: Coroutine[Any, Any, None]) -> None:
        """Begin a step unless one is being made, or the last has just failed."""
        if self._acting or now < self._not_before:
            step.close()
            return
        self._acting = True
        self._spawn(self._step(step))

    async def _step(self, step: Coroutine[Any, Any, None]) -> None:
        try:
            await step
        except (Refused, *AWAY):
            self._not_before = self._world.clock() + self._ways.uniform(1.0, 3.0)
            raise
        finally:
            self._acting = False

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        """What goes wrong in a step is counted and mended by the next."""
        try:
            await work
        except Refused as refused:
            self._note("step", refused)
        except AWAY:
            self._world.record.refusals["step: away"] += 1

    def _note(self, what: str, refused: Refused) -> None:
        self._world.record.refusals[f"{what}: {refused.code or refused.status}"] += 1
        log.debug("refused", phone=self.phone, what=what, answer=str(refused))
