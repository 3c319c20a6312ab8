"""The endpoints of a company's webhook."""

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.access.secrets import WEBHOOK, SealBroken
from cabstand.core.corporate import webhooks
from cabstand.core.database import Connection
from cabstand.doors.corp99 import auth, errors, webhook_wire
from cabstand.doors.corp99.hooks import LOCATION
from cabstand.doors.corp99.webhook_wire import Authentication
from cabstand.doors.edge import command, services
from cabstand.doors.wire import NotAnObject, json_response, parse, read_body

_SECRET = {"Cache-Control": "no-store"}  # the document answers the password in clear


async def read(request: Request) -> Response:
    """GET /webhooks/."""
    here, (_, company) = services(request), await auth.access(request)
    async with here.database.connection() as connection:
        found = await webhooks.read(connection, company)
    try:
        username, _, password = here.secrets.open(found.sealed_secret, purpose=WEBHOOK).partition(":")
    except SealBroken:
        return errors.invalid([webhook_wire.LOST_PASSWORD], 409)
    shown = {
        "url": found.url,
        "authentication": {"username": username, "password": password},
        "subscriptions": found.kinds,
    }
    return json_response(shown, headers=_SECRET)


async def replace(request: Request) -> Response:
    """PUT /webhooks/."""
    here, (access, company) = services(request), await auth.access(request)
    raw, now = parse(await read_body(request)), here.clock()
    if type(raw) is not dict:
        raise NotAnObject
    if faults := webhook_wire.faults(raw, access.environment, here.reach):
        unreadable = any(fault.code == errors.UNREADABLE for fault in faults)
        return errors.invalid(faults, 400 if unreadable else 422)
    said = webhook_wire.read(raw)
    secret = here.secrets.close(_pair(said.authentication), purpose=WEBHOOK)
    webhook = webhooks.Webhook(url=said.url, sealed_secret=secret, kinds=tuple(said.subscriptions))

    async def set_it(connection: Connection) -> None:
        await webhooks.set_to(connection, access, company, webhook, location_kind=LOCATION, now=now)

    await command(here.database, set_it)
    here.database.wake("deliveries")
    return json_response(said, headers=_SECRET)


async def delete(request: Request) -> Response:
    """DELETE /webhooks/."""
    here, (_, company) = services(request), await auth.access(request)
    await command(here.database, lambda connection: webhooks.switch_off(connection, company))
    return Response(status_code=204)


def _pair(authentication: Authentication) -> str:
    return f"{authentication.username}:{authentication.password}"
