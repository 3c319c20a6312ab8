"""The endpoints of receipts."""

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.corporate import receipts
from cabstand.doors.corp99 import auth, render, ride_wire
from cabstand.doors.corp99.ride_routes import ride_of
from cabstand.doors.edge import services
from cabstand.doors.wire import json_response


async def search(request: Request) -> Response:
    """GET /job: a report."""
    here, (access, company) = services(request), await auth.access(request)
    wanted, page = ride_wire.receipts(request.query_params)
    async with here.database.connection() as connection:
        found, summary = await receipts.search(connection, access, company, wanted, page, now=here.clock())
    return json_response(render.receipts(found, summary))


async def read(request: Request) -> Response:
    """GET /job/{id}: the receipt of a ride, once there is one."""
    here, (access, company) = services(request), await auth.access(request)
    id = ride_of(request)
    async with here.database.connection() as connection:
        found = await receipts.of_ride(connection, access, company, id, now=here.clock())
    return Response(status_code=204) if found is None else json_response(render.receipt(found))
