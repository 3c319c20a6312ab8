"""The endpoints of projects."""

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.corporate import projects
from cabstand.doors.corp99 import auth, registers, wire
from cabstand.doors.corp99.routes import number_of
from cabstand.doors.edge import services, statement
from cabstand.doors.wire import json_response, read_body


async def search(request: Request) -> Response:
    """GET /project."""
    here, (_, company) = services(request), await auth.access(request)
    page = wire.page(request.query_params)
    async with here.database.connection() as connection:
        found = await projects.search(connection, company, page)
    return json_response([registers.project(company, each) for each in found])


async def read(request: Request) -> Response:
    """GET /project/{id}."""
    here, (_, company) = services(request), await auth.access(request)
    async with here.database.connection() as connection:
        found = await projects.read(connection, company, number_of(request))
    return json_response(registers.project(company, found))


async def add(request: Request) -> Response:
    """POST /project."""
    here, (access, company) = services(request), await auth.access(request)
    name, now = wire.name(await read_body(request)), here.clock()
    added = await statement(here.database, lambda connection: projects.add(connection, access, company, name, now=now))
    return json_response(registers.project(company, added), 201)


async def rename(request: Request) -> Response:
    """PUT /project/{id}. The document answers 201, too, although nothing is created."""
    here, (access, company) = services(request), await auth.access(request)
    id, name = number_of(request), wire.name(await read_body(request))
    now = here.clock()
    renamed = await statement(
        here.database, lambda connection: projects.rename(connection, access, company, id, name, now=now)
    )
    return json_response(registers.project(company, renamed), 201)


async def disable(request: Request) -> Response:
    """DELETE /project/{id}."""
    here, (access, company) = services(request), await auth.access(request)
    id, now = number_of(request), here.clock()
    await statement(here.database, lambda connection: projects.disable(connection, access, company, id, now=now))
    return Response(status_code=204)
