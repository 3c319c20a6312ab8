"""The endpoints of employees, and of the cost centres that they may book on."""

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.corporate import employees
from cabstand.core.corporate.model import Employee
from cabstand.core.corporate.welcome import welcome
from cabstand.core.database import Connection
from cabstand.doors.corp99 import auth, registers, wire
from cabstand.doors.corp99.routes import number_of
from cabstand.doors.edge import command, services, statement
from cabstand.doors.wire import json_response, read_body


async def search(request: Request) -> Response:
    """GET /employee."""
    here, (_, company) = services(request), await auth.access(request)
    page, national_id = wire.page(request.query_params), wire.national_id(request.query_params)
    async with here.database.connection() as connection:
        found = await employees.search(connection, company, page, national_id=national_id)
    return json_response([registers.listed(company, each) for each in found])


async def read(request: Request) -> Response:
    """GET /employee/{id}."""
    here, (_, company) = services(request), await auth.access(request)
    async with here.database.connection() as connection:
        found = await employees.read(connection, company, number_of(request))
    return json_response(registers.employee(company, found))


async def add(request: Request) -> Response:
    """POST /employee."""
    here, (access, company) = services(request), await auth.access(request)
    said, wants_welcome = wire.employee(await read_body(request))
    now = here.clock()

    async def add_one(connection: Connection) -> Employee:
        added = await employees.add(connection, access, company, said, now=now)
        if wants_welcome:
            await welcome(connection, access, company, added.id, now=now)
        return added

    run = command if wants_welcome else statement
    return json_response(registers.employee(company, await run(here.database, add_one)), 201)


async def replace(request: Request) -> Response:
    """PUT /employee/{id}: what is left out is emptied."""
    here, (access, company) = services(request), await auth.access(request)
    id, (said, wants_welcome) = number_of(request), wire.employee(await read_body(request))
    now = here.clock()

    async def replace_one(connection: Connection) -> Employee:
        replaced = await employees.replace(connection, access, company, id, said, now=now)
        if wants_welcome:
            await welcome(connection, access, company, id, now=now)
        return replaced

    return json_response(registers.employee(company, await command(here.database, replace_one)))


async def deactivate(request: Request) -> Response:
    """DELETE /employee/{id}."""
    here, (access, company) = services(request), await auth.access(request)
    id, now = number_of(request), here.clock()
    await statement(here.database, lambda connection: employees.deactivate(connection, access, company, id, now=now))
    return Response(status_code=204)


async def drop_supervisor(request: Request) -> Response:
    """DELETE /employee/{id}/supervisor."""
    here, (access, company) = services(request), await auth.access(request)
    id, now = number_of(request), here.clock()
    await statement(
        here.database, lambda connection: employees.drop_supervisor(connection, access, company, id, now=now)
    )
    return Response(status_code=204)


async def cost_centers(request: Request) -> Response:
    """GET /employee/{id}/costcenter."""
    here, (_, company) = services(request), await auth.access(request)
    async with here.database.connection() as connection:
        found = await employees.cost_centers_of(connection, company, number_of(request))
    return json_response([registers.cost_center(company, each) for each in found])


async def set_cost_centers(request: Request) -> Response:
    """PATCH /employee/{id}/costcenter: the employee has these and no others."""
    here, (access, company) = services(request), await auth.access(request)
    id, ids = number_of(request), wire.cost_centers(await read_body(request))
    now = here.clock()
    found = await command(
        here.database,
        lambda connection: employees.set_cost_centers(connection, access, company, id, ids, now=now),
    )
    return json_response({"costCenterIDs": found})


async def drop_cost_center(request: Request) -> Response:
    """DELETE /employee/{employeeID}/costcenter/{costcenterID}."""
    here, (access, company) = services(request), await auth.access(request)
    id, dropped = number_of(request, "employeeID"), number_of(request, "costcenterID")
    now = here.clock()
    await command(
        here.database,
        lambda connection: employees.drop_cost_center(connection, access, company, id, dropped, now=now),
    )
    return Response(status_code=204)
