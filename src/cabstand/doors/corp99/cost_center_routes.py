"""The endpoints of cost centres."""

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.corporate import cost_centers
from cabstand.doors.corp99 import auth, registers, wire
from cabstand.doors.corp99.routes import number_of
from cabstand.doors.edge import services, statement
from cabstand.doors.wire import json_response, read_body


async def search(request: Request) -> Response:
    """GET /costcenter."""
    here, (_, company) = services(request), await auth.access(request)
    page = wire.page(request.query_params)
    async with here.database.connection() as connection:
        found = await cost_centers.search(connection, company, page)
    return json_response([registers.cost_center(company, each) for each in found])


async def read(request: Request) -> Response:
    """GET /costcenter/{id}."""
    here, (_, company) = services(request), await auth.access(request)
    async with here.database.connection() as connection:
        found = await cost_centers.read(connection, company, number_of(request))
    return json_response(registers.cost_center_with_key(company, found))


async def add(request: Request) -> Response:
    """POST /costcenter."""
    here, (access, company) = services(request), await auth.access(request)
    name, now = wire.name(await read_body(request)), here.clock()
    added = await statement(
        here.database, lambda connection: cost_centers.add(connection, access, company, name, now=now)
    )
    return json_response(registers.cost_center(company, added), 201)


async def disable(request: Request) -> Response:
    """DELETE /costcenter/{id}."""
    here, (access, company) = services(request), await auth.access(request)
    id, now = number_of(request), here.clock()
    await statement(here.database, lambda connection: cost_centers.disable(connection, access, company, id, now=now))
    return Response(status_code=204)
