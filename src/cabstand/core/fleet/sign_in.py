"""How a driver signs in: a code is sent to his phone, and brings him a key of his own.

Asking for a code tells nothing: the answer is the same for a phone that nobody has, limits included.
"""

import hashlib
import hmac
import ipaddress
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import phonenumbers

from cabstand.core.access import service as access_service
from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.database import Connection
from cabstand.core.errors import ChooseCompany, TooMany, WrongCode
from cabstand.core.fleet import store
from cabstand.core.messages import store as messages
from cabstand.core.people import e164

if TYPE_CHECKING:
    import asyncpg

DOOR: Final = "driver"  # of the keys that signing in makes
LASTS: Final = timedelta(minutes=5)
TRIES: Final = 5  # of one code
PAUSE: Final = timedelta(seconds=30)  # between two codes for one phone
AN_HOUR: Final = timedelta(hours=1)
FORGOTTEN_AT_ONCE: Final = 20  # codes, whenever one is sent
CODES_AN_HOUR: Final = 5  # for one phone
ASKED_AN_HOUR: Final = 100  # codes, from one address: a depot's drivers, not a list of numbers
WRONG_AN_HOUR: Final = 30  # codes, from one address, whatever the phones
_A_SITE: Final = 64  # bits of an IPv6 address that are one customer's
FIXED_CODE: Final = "123456"  # in the sandbox, and of demonstration tenants
_NO_COUNTRY: Final = "ZZ"


class Counted(StrEnum):
    """What is counted by the address that it comes from."""

    ASKED = "asked"  # a code was asked for
    WRONG = "wrong"  # a code was wrong


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """A driver who has just signed in."""

    token: str  # can never be shown again
    access: Access


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """A code that was right."""

    phone: str
    environment: Environment
    driver_ids: tuple[int, ...]  # whom it lets in
    code_hash: bytes


def number(text: str) -> str | None:
    """A phone number with its country, in the form of E.164; None for any other text."""
    return e164(text, _NO_COUNTRY)


def site(address: str | None) -> str | None:
    """By what calls from an address are counted: itself, or the /64 of IPv6. None: they are not.

    This machine is not counted. Whoever is on it needs no guessing, and behind a proxy that is not told of
    (`CABSTAND_TRUSTED_PROXIES`) all the world seems to be here: one guesser must not lock out everybody.
    """
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            network = ipaddress.ip_network((found.packed, _A_SITE), strict=False)
            return None if found.is_loopback else str(network)
        found = found.ipv4_mapped
    return None if found.is_loopback else str(found)


async def _count(connection: Connection, site: str, what: Counted, most: int, now: datetime) -> None:
    """Raises TooMany."""
    scope = {"address": site, "what": what}
    if await store.COUNT_ADDRESS.value(connection, **scope, now=now, hour_ago=now - AN_HOUR, most=most) is None:
        since: datetime = await store.ADDRESS_SINCE.value(connection, **scope) or now
        raise TooMany(max(1, -int(-(since + AN_HOUR - now).total_seconds() // 1)))


async def count_asking(connection: Connection, address: str | None, *, now: datetime) -> None:
    """Count that a code is asked for from an address; committed before `send_code`, whatever comes of that.

    Every one counts, for whichever phone: else the limit would tell which phones are drivers'. Raises TooMany.
    """
    if (from_site := site(address)) is not None:
        await _count(connection, from_site, Counted.ASKED, ASKED_AN_HOUR, now)


def _hash(code: str, salt: bytes) -> bytes:
    return hashlib.sha256(salt + code.encode()).digest()


async def send_code(
    connection: Connection, phone: str, environment: Environment, company: str | None, *, now: datetime
) -> None:
    """Send a new code to a phone (E.164) if it is a driver's, of that company where one is named. In a transaction.

    The code before it counts no more. Raises TooMany.
    """
    drivers = await _drivers(connection, phone, environment, company)
    fixed = environment is Environment.SANDBOX or (drivers and all(row["demonstration"] for row in drivers))
    code = FIXED_CODE if fixed else f"{secrets.randbelow(10**6):06d}"
    salt = os.urandom(16)
    await store.FORGET_CODES.run(connection, before=now - AN_HOUR, limit=FORGOTTEN_AT_ONCE)
    kept = await store.KEEP_CODE.value(
        connection,
        environment=environment,
        phone=phone,
        drivers=[row["id"] for row in drivers],
        salt=salt,
        code_hash=_hash(code, salt),
        expires_at=now + LASTS,
        now=now,
        pause_ago=now - PAUSE,
        hour_ago=now - AN_HOUR,
        most=CODES_AN_HOUR,
    )
    if kept is None:
        raise TooMany(await _until_next(connection, phone, environment, now))
    if drivers:
        sender = drivers[0]
        text = f"{code} is your code to sign in at {sender['company']}. It counts for five minutes."
        await messages.text(connection, sender["tenant_id"], environment, phone, text, now)


async def _until_next(connection: Connection, phone: str, environment: Environment, now: datetime) -> int:
    """Seconds until another code may be sent."""
    sent: Sequence[datetime] = await store.CODES_SENT.value(connection, phone=phone, environment=environment) or [now]
    lately = [moment for moment in sent if moment > now - AN_HOUR]
    free = sent[-1] + PAUSE
    if len(lately) >= CODES_AN_HOUR:
        free = max(free, lately[-CODES_AN_HOUR] + AN_HOUR)
    return max(1, -int(-(free - now).total_seconds() // 1))


async def _drivers(
    connection: Connection, phone: str, environment: Environment, company: str | None
) -> "list[asyncpg.Record]":
    """Who can sign in with this phone. Numbers are kept as they were written, so what they mean is settled here."""
    parsed = phonenumbers.parse(phone, None)
    national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    digits = {phone[1:], "00" + phone[1:], "".join(filter(str.isdecimal, national))}
    rows = await store.TO_SIGN_IN.rows(connection, environment=environment, digits=sorted(digits), company=company)
    return [row for row in rows if e164(row["phone"], row["country"]) == phone]


async def try_code(
    connection: Connection,
    phone: str,
    environment: Environment,
    code: str,
    *,
    address: str | None = None,
    now: datetime,
) -> Tried:
    """Whether the code is the one that was sent; in no transaction, so that a wrong try counts.

    By the address that it comes from, a try counts as wrong until the code was right, however many come at once.
    Raises WrongCode, TooMany.
    """
    if (from_site := site(address)) is not None:
        await _count(connection, from_site, Counted.WRONG, WRONG_AN_HOUR, now)
    row = await store.TRY_CODE.row(connection, phone=phone, environment=environment, tries=TRIES, now=now)
    if row is None or not hmac.compare_digest(_hash(code, row["salt"]), row["code_hash"]) or not row["driver_ids"]:
        raise WrongCode
    if from_site is not None:
        await store.UNCOUNT_ADDRESS.run(connection, address=from_site, what=Counted.WRONG)
    return Tried(phone=phone, environment=environment, driver_ids=tuple(row["driver_ids"]), code_hash=row["code_hash"])


async def forget(connection: Connection, now: datetime, *, limit: int) -> bool:
    """Delete up to `limit` codes, and addresses, that limit nothing any more; returns whether there may be more."""
    before = now - AN_HOUR
    codes = await store.FORGET_CODES.value(connection, before=before, limit=limit)
    addresses = await store.FORGET_ADDRESSES.value(connection, before=before, limit=limit)
    return limit in (codes, addresses)


async def open_session(connection: Connection, tried: Tried, company: str | None, *, now: datetime) -> Session:
    """Use a right code up: a new key for the driver, who may drive from now on if he was invited. In a transaction.

    Raises ChooseCompany if he drives for several companies and names none of them; the code then still counts.
    """
    drivers = await store.MAY_SIGN_IN.rows(connection, ids=list(tried.driver_ids))
    companies = {row["slug"]: row["company"] for row in drivers}
    wanted = company if company is not None or len(companies) != 1 else next(iter(companies))
    if companies and wanted not in companies:
        raise ChooseCompany(list(companies.items()))
    drivers = [row for row in drivers if row["slug"] == wanted]
    if not drivers:
        raise WrongCode
    driver = drivers[0]
    used = await store.USE_CODE.value(
        connection, phone=tried.phone, environment=tried.environment, code_hash=tried.code_hash
    )
    if used is None:
        raise WrongCode
    name = f"driver {driver['id']}, {secrets.token_hex(8)}"
    id, token = await access_service.issue(
        connection,
        tenant_id=driver["tenant_id"],
        environment=tried.environment,
        door=DOOR,
        kind=CredentialKind.DRIVER,
        name=name,
        driver_id=driver["id"],
        now=now,
    )
    if driver["status"] == "pending":
        await store.ACCEPT_DRIVER.run(
            connection,
            id=driver["id"],
            by_credential=id,
            now=now,
            kinds=["driver.moved"],
            befores=["pending"],
            afters=["accepted"],
            datas=[None],
        )
    access = Access(
        tenant_id=driver["tenant_id"],
        environment=tried.environment,
        credential_id=id,
        door=DOOR,
        kind=CredentialKind.DRIVER,
        name=name,
        driver_id=driver["id"],
    )
    return Session(token=token, access=access)
