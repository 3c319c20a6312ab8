"""The endpoints of companies and of partners that bring companies in."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.access.partners import BroughtIn, NewCompany, bring_in
from cabstand.core.database import Connection
from cabstand.core.errors import NotAllowed, UnknownKey
from cabstand.core.register import service as registers
from cabstand.core.register.model import DRIVERS
from cabstand.doors.dispatchapi import documents, wire
from cabstand.doors.dispatchapi.auth import access as access_of
from cabstand.doors.dispatchapi.ids import encode
from cabstand.doors.edge import command, services
from cabstand.doors.wire import Shape, decode_with_raw, json_response, read_body

Phone = Annotated[str, Meta(min_length=3, max_length=32)]
Email = Annotated[str, Meta(min_length=3, max_length=255, pattern="^[^@\\s]+@[^@\\s]+$")]


class IntegrationCompany(msgspec.Struct):
    """The company to be made."""

    name: wire.Required
    email: Email
    phoneNumber: Phone


class IntegrationDriver(msgspec.Struct):
    """Its owner, who is invited."""

    fname: wire.Required
    lname: wire.Required
    email: Email
    phoneNumber: Phone


class IntegrationMessage(msgspec.Struct):
    """POST /integrations; the capitals are the document's."""

    company: IntegrationCompany = msgspec.field(name="Company")
    driver: IntegrationDriver = msgspec.field(name="Driver")
    daAppId: wire.Short | None = None


INTEGRATION = Shape(IntegrationMessage, strict=False)


async def create_integration(request: Request) -> Response:
    """POST /integrations: a new company, its owner invited, a key for it."""
    access, here = await access_of(request), services(request)
    message, _ = decode_with_raw(await read_body(request), INTEGRATION)
    now = here.clock()

    async def make(connection: Connection) -> BroughtIn:
        company = NewCompany(name=message.company.name, email=message.company.email, phone=message.company.phoneNumber)
        made = await bring_in(connection, access, company, now=now)
        owner = {
            "origin": "dispatchapi",
            "first_name": message.driver.fname,
            "last_name": message.driver.lname,
            "email": message.driver.email,
            "phone": message.driver.phoneNumber,
            "status": "pending",
            "role": "admin",
        }
        document = {"daAppId": message.daAppId} if message.daAppId else {}
        await registers.add(
            connection, made.access, DRIVERS, owner, documents=documents.DRIVERS, document=document, now=now
        )
        return made

    try:
        made = await command(here.database, make)
    except NotAllowed:
        raise UnknownKey from None  # contract 3.9: without the partner flag 401
    assert made.access.tenant_id is not None
    answer: dict[str, Any] = {"accessToken": made.key, "companyId": encode("company", made.access.tenant_id)}
    return json_response(answer)
