"""The WebSocket: who gets in, what is pushed, positions over it, and when it is closed."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from cabstand.core.access import service as access
from cabstand.doors.dispatchapi.ids import encode
from cabstand.infra.db import Pool
from tests.support.builders import good, say
from tests.support.drivers import BASE, Driver, ok, signed_in
from tests.support.exchange import Running, running

pytestmark = pytest.mark.anyio
DAM = {"lat": 52.3731, "lng": 4.8926}


@contextlib.asynccontextmanager
async def socket(here: Running, token: str | None, query: str = "") -> AsyncIterator[ClientConnection]:
    url = here.base_url.replace("http", "ws") + f"{BASE}/ws{query}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with connect(url, additional_headers=headers) as opened:
        yield opened


async def next_of(opened: ClientConnection, kind: str | None = None) -> dict[str, Any]:
    """The next message, which must be of that kind."""
    async with asyncio.timeout(5):
        message: dict[str, Any] = json.loads(await opened.recv())
    assert kind is None or message["type"] == kind, message
    return message


async def on_shift(here: Running) -> Driver:
    return await (await signed_in(here, await here.company())).on_shift()


async def test_offers_and_rides_are_pushed_as_they_change(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await on_shift(here)
        async with socket(here, driver.token) as opened:
            offer, ride = await driver.offer()
            told = (await next_of(opened, "offer"))["offer"]
            assert told == ok(await driver.call("GET", "/offers"))["offers"][0]
            assert told["id"] == offer
            taken = ok(await driver.call("POST", f"/offers/{offer}/accept"))
            assert await next_of(opened) == {"type": "offer_over", "offer_id": offer, "state": "accepted"}
            assert await next_of(opened) == {"type": "ride", "ride": taken}
            arrived = ok(await driver.call("POST", f"/rides/{ride}/arrived"))
            assert await next_of(opened) == {"type": "ride", "ride": arrived}
            good(await say(here, driver.company, encode("ride", ride), "canceled_passenger", kind="booking"))
            assert (await next_of(opened, "ride"))["ride"]["state"] == "cancelled_by_passenger"


async def test_a_ride_that_is_taken_away_is_over_for_its_driver(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await on_shift(here)
        ride = await driver.driving()
        async with socket(here, driver.token) as opened:
            assert (await next_of(opened, "ride"))["ride"]["id"] == ride
            good(await say(here, driver.company, encode("ride", ride), "canceled_driver"))
            assert await next_of(opened) == {"type": "ride_over", "ride_id": ride}


async def test_a_ride_that_dispatch_software_gives_by_hand_is_pushed(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await on_shift(here)
        async with socket(here, driver.token) as opened:
            _, ride = await driver.offer()
            await next_of(opened, "offer")
            body = {"status": "assigned", "driverId": encode("driver", driver.id)}
            key = driver.company.key("dispatch")
            good(await here.call("PATCH", f"/rides/{encode('ride', ride)}", key, body))
            messages = [await next_of(opened), await next_of(opened)]
            assert [message["type"] for message in messages] == ["offer_over", "ride"]
            assert messages[0]["state"] == "withdrawn"
            assert (messages[1]["ride"]["id"], messages[1]["ride"]["state"]) == (ride, "assigned")


async def test_who_connects_is_told_what_is_open(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await on_shift(here)
        ride = await driver.driving()
        offer, _ = await driver.offer()
        async with socket(here, driver.token) as opened:
            assert (await next_of(opened, "ride"))["ride"]["id"] == ride
            assert (await next_of(opened, "offer"))["offer"]["id"] == offer


async def test_an_offer_that_expires_is_over_by_the_clock(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await on_shift(here)
        async with socket(here, driver.token) as opened:
            offer, _ = await driver.offer(seconds=30)
            await next_of(opened, "offer")
            here.clock.turn(seconds=31)
            assert await next_of(opened) == {"type": "offer_over", "offer_id": offer, "state": "expired"}


async def test_another_drivers_news_are_not_told(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver, colleague = [await (await signed_in(here, company)).on_shift() for _ in range(2)]
        async with socket(here, colleague.token) as opened:
            await driver.driving("arrived")
            offer, _ = await colleague.offer()
            assert (await next_of(opened, "offer"))["offer"]["id"] == offer


async def test_positions_are_taken_and_answered_and_a_fault_is_told(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await signed_in(here, await here.company())
        async with socket(here, driver.token) as opened:
            message = {"type": "positions", "positions": [DAM]}
            await opened.send(json.dumps(message))
            assert (await next_of(opened, "error"))["error"]["code"] == "not_on_shift"
            await driver.on_shift()
            await opened.send(json.dumps(message))
            assert await next_of(opened) == {"type": "positions", "accepted": 1, "dropped": {}}
            await opened.send(json.dumps(message).encode())
            assert (await next_of(opened, "positions"))["accepted"] in (0, 1)  # binary frames are as good
            for wrong, code in (
                ("{", "unreadable"),
                ("{}", "invalid"),
                ('{"type": "sing"}', "invalid"),
                ('{"type": "positions"}', "invalid"),
                ('{"type": "positions", "positions": [{"lat": 91, "lng": 4}]}', "invalid"),
            ):
                await opened.send(wrong)
                assert (await next_of(opened, "error"))["error"]["code"] == code
            assert here.exchange.fleet.place(driver.id) == (DAM["lat"], DAM["lng"])


async def test_the_token_may_come_in_three_ways(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await on_shift(here)
        offer, _ = await driver.offer()
        for token, query, hello in (
            (driver.token, "", None),
            (None, f"?token={driver.token}", None),
            (None, "", {"type": "hello", "token": driver.token}),
        ):
            async with socket(here, token, query) as opened:
                if hello:
                    await opened.send(json.dumps(hello))
                assert (await next_of(opened, "offer"))["offer"]["id"] == offer


async def test_a_wrong_token_is_told_and_hung_up_on(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        for token, hello in (
            ("wrong", None),
            (company.key("dispatch"), None),
            (None, {"type": "hello", "token": "wrong"}),
            (None, {"type": "hello"}),
            (None, {"type": "positions", "positions": [DAM]}),
        ):
            async with socket(here, token) as opened:
                if hello:
                    await opened.send(json.dumps(hello))
                assert (await next_of(opened, "error"))["error"]["code"] == "unauthorized"
                with pytest.raises(ConnectionClosed):
                    await opened.recv()
                assert opened.close_code == 4401


async def test_a_session_that_is_revoked_is_hung_up_on(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await on_shift(here)
        async with socket(here, driver.token) as opened:
            async with pool.connection() as connection:
                id = await connection.fetchval("SELECT max(id) FROM credentials WHERE driver_id = $1", driver.id)
                await access.revoke(connection, id, here.clock())
            with pytest.raises(ConnectionClosed):
                await next_of(opened)
            assert opened.close_code == 4401


async def test_a_message_that_is_too_large_ends_the_connection(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await on_shift(here)
        async with socket(here, driver.token) as opened:
            await opened.send(" " * 70_000)
            with pytest.raises(ConnectionClosed):
                await next_of(opened)
            assert opened.close_code == 1009
        ok(await driver.call("GET", "/me"))
