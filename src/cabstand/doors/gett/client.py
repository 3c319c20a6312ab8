"""Calls to fleets whose answers are waited for: quotes, and whether anybody is there (gett contract, A4.1)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from cabstand.core.clock import Clock
from cabstand.core.database import Database
from cabstand.core.dispatch.fleets.eligible import service_of
from cabstand.core.dispatch.fleets.model import (
    POLL_SECONDS,
    POLLED_SECONDS,
    QUOTE_SECONDS,
    WHEELCHAIR,
    Enquiry,
    Fleet,
    FleetQuote,
    QuoteMode,
)
from cabstand.core.dispatch.fleets.outgoing import service
from cabstand.core.dispatch.fleets.outgoing.model import Logged
from cabstand.core.events.calls import Call, Caller, Reply
from cabstand.doors.gett import heard, orders
from cabstand.doors.gett.heard import Quoted
from cabstand.doors.gett.names import PUBLISHED, Names
from cabstand.doors.wire import as_json

PROBE_SECONDS: Final = 10.0
SHORTEST: Final = 0.05  # seconds: with less left nobody is called any more


@dataclass(slots=True)
class _Talk:
    """A request for quotes and its answers so far."""

    body: bytes = b""
    replies: list[tuple[datetime, Reply]] = field(default_factory=list)
    quoted: Quoted | None = None  # the newest answer that made sense


class Partners:
    """Calls fleets through `caller`; `unseal` opens what a fleet wants in `Authorization`."""

    def __init__(
        self,
        database: Database,
        caller: Caller,
        unseal: Callable[[bytes], str],
        clock: Clock,
        *,
        names: Names = PUBLISHED,
        quote_seconds: float = QUOTE_SECONDS,
        poll_seconds: float = POLL_SECONDS,
        polled_seconds: float = POLLED_SECONDS,
    ) -> None:
        self._database = database
        self._caller = caller
        self._unseal = unseal
        self._clock = clock
        self._names = names
        self._quote_seconds = quote_seconds
        self._poll_seconds = poll_seconds
        self._polled_seconds = polled_seconds

    async def quotes(self, fleet: Fleet, enquiry: Enquiry) -> list[FleetQuote] | None:
        """What the fleet would do; empty: it cannot come. None: the call failed, or its answer made no sense.

        The call is written to the log of deliveries.
        """
        talk = _Talk()
        if fleet.rules.quotes is QuoteMode.POLLING:
            await self._poll(fleet, enquiry, talk)
        else:
            await self._ask(fleet, enquiry, talk, self._quote_seconds)
        call = Call(method="POST", url=self._url(fleet), body=talk.body)
        well = talk.quoted is not None
        await self._log(fleet, call, "quotes", ("ride", enquiry.ride_id), tuple(talk.replies), well=well)
        return talk.quoted.quotes if talk.quoted is not None else None

    async def alive(self, fleet: Fleet) -> bool:
        """Whether anything answers at the fleet's address; any HTTP answer counts."""
        if fleet.endpoint is None:
            return False
        call = Call(method="HEAD", url=f"{fleet.endpoint}/", seconds=PROBE_SECONDS)
        at = self._clock()
        reply = await self._call(fleet, call)
        well = reply.status is not None
        await self._log(fleet, call, "probe", ("fleet", fleet.id), ((at, reply),), well=well)
        return well

    async def fetch(self, fleet: Fleet, driver_id: int, call: Call, *, own: bool) -> Reply:
        """A driver's picture, or what is answered instead; `own`: it is asked at the fleet's own address."""
        at = self._clock()
        reply = await (self._call(fleet, call) if own else self._caller(call))
        seen = replace(reply, body=b"") if reply.media.startswith("image/") else reply
        subject = ("driver", driver_id)
        await self._log(fleet, call, "driver_photo", subject, ((at, seen),), well=reply.error is None)
        return reply

    async def _call(self, fleet: Fleet, call: Call) -> Reply:
        """A call with the fleet's authorization."""
        if fleet.sealed_authorization is not None:
            headers = {**call.headers, "Authorization": self._unseal(fleet.sealed_authorization)}
            call = replace(call, headers=headers)
        return await self._caller(call)

    async def _poll(self, fleet: Fleet, enquiry: Enquiry, talk: _Talk) -> None:
        """Ask again until the fleet has finished or the time is over; then what it has said by then counts."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        while (left := start + self._polled_seconds - loop.time()) > SHORTEST:
            asked_at = loop.time()
            if not await self._ask(fleet, enquiry, talk, min(left, self._quote_seconds)):
                return
            if talk.quoted is not None and talk.quoted.finished:
                return
            rest = asked_at + self._poll_seconds - loop.time()
            await asyncio.sleep(max(0.0, min(rest, start + self._polled_seconds - loop.time())))

    async def _ask(self, fleet: Fleet, enquiry: Enquiry, talk: _Talk, seconds: float) -> bool:
        """One request; whether its answer made sense. One that did not takes back what was said before."""
        wheelchair = enquiry.vehicle_class == WHEELCHAIR
        service_word = service_of(fleet.rules, enquiry.vehicle_class, wheelchair=wheelchair)
        id = talk.quoted.id if talk.quoted is not None else None
        talk.body = as_json(self._names.out(orders.enquiry(enquiry, service_word, id)))
        at = self._clock()
        call = Call(method="POST", url=self._url(fleet), body=talk.body, seconds=seconds)
        reply = await self._call(fleet, call)
        said = None
        if reply.error is None:
            said = heard.quotes(self._names, reply.body, fleet_id=fleet.id, currency=enquiry.currency)
            if said is None:
                reply = replace(reply, error="the answer makes no sense")
        talk.replies.append((at, reply))
        if said is not None and said.id is None and id is not None:
            said = replace(said, id=id)
        talk.quoted = said
        return said is not None

    def _url(self, fleet: Fleet) -> str:
        return f"{fleet.endpoint}{self._names.served('quotes')}"

    async def _log(
        self,
        fleet: Fleet,
        call: Call,
        kind: str,
        subject: tuple[str, int],
        replies: tuple[tuple[datetime, Reply], ...],
        *,
        well: bool,
    ) -> None:
        logged = Logged(
            environment=fleet.environment,
            fleet_id=fleet.id,
            subject=subject[0],
            subject_id=subject[1],
            kind=kind,
            method=call.method,
            path=call.url.removeprefix(fleet.endpoint or ""),
            body=call.body,
            well=well,
            replies=replies,
        )
        async with self._database.connection() as connection:
            await service.log(connection, logged, now=self._clock())
