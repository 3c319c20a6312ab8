"""The sandbox's tools: what the document's developer dashboard does by hand (contract section 4)."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.access.model import CredentialKind, Environment
from cabstand.core.database import Connection
from cabstand.core.errors import NotAllowed
from cabstand.core.rides import service as rides
from cabstand.core.rides.views import RideView, Role
from cabstand.doors.dispatchapi import documents, render, steps, wire
from cabstand.doors.dispatchapi.auth import access as access_of
from cabstand.doors.dispatchapi.list_routes import number
from cabstand.doors.dispatchapi.live import moment
from cabstand.doors.edge import command, services
from cabstand.doors.wire import decode, json_response, read_body


async def set_status(request: Request) -> Response:
    """POST /sandbox/rides/{id}/status: what dispatch software would say of the ride."""
    access, here = await access_of(request), services(request)
    if access.environment is not Environment.SANDBOX:
        raise NotAllowed("Only a sandbox key can use the tools of the sandbox.")
    id, message = number(request, "ride"), decode(await read_body(request), wire.STATUS)
    software, now = replace(access, kind=CredentialKind.DISPATCH), here.clock()

    async def say(connection: Connection) -> RideView:
        view = await rides.read(connection, software, id, documents=documents.RIDES)
        unserved = view.role is Role.BOOKER and view.offer_id is None
        giver = await steps.fixture(connection, software, now) if unserved else None
        return await steps.say(connection, software, view, message.status, giver, now=now)

    return json_response(render.ride(await command(here.database, say), moment(here)))
