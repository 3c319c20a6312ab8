"""The endpoints of rides: what they would cost, booking, reading, cancelling, and the sandbox's way to move them."""

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core import people
from cabstand.core.access import tenants
from cabstand.core.access.model import Access
from cabstand.core.corporate import estimates, rides, running
from cabstand.core.corporate.model import Company, CorporateRide
from cabstand.core.database import Connection
from cabstand.core.errors import NotFound
from cabstand.core.quotes.estimate import straight_line
from cabstand.doors.corp99 import auth, documents, errors, ids, render, ride_wire
from cabstand.doors.corp99.routes import number_of
from cabstand.doors.edge import command, once, services
from cabstand.doors.wire import Invalid, idempotency_key, json_response, read_body


def ride_of(request: Request) -> int:
    """The ride in the path. Raises NotFound for what can be none."""
    found = ids.ride_id(request.path_params["id"])
    if found is None:
        raise NotFound
    return found


async def estimate(request: Request) -> Response:
    """GET /employee/{id}/categories: what a trip would cost; without it no ride is booked."""
    here, (access, company) = services(request), await auth.access(request)
    id, (pickup, dropoff) = number_of(request), ride_wire.trip(request.query_params)
    now = here.clock()
    async with here.database.connection() as connection:
        found = await estimates.offered(
            connection,
            access,
            company,
            id,
            pickup,
            dropoff,
            estimate=straight_line,
            pickup_time=estimates.nearest_car(here.fleet, now),
            now=now,
        )
    return json_response([render.estimate(each) for each in found])


async def book(request: Request) -> Response:
    """POST /ride."""
    here, (access, company) = services(request), await auth.access(request)
    body = await read_body(request)
    key, said, now = idempotency_key(request), ride_wire.ride(body), here.clock()

    async def make(connection: Connection) -> int:
        view = await rides.book(
            connection,
            access,
            company,
            ride_wire.order(said),
            ride_wire.booking(said, now),
            documents=documents.RIDES,
            document=ride_wire.document(said, await _receiver_phone(connection, access, said)),
            now=now,
        )
        return view.id

    async def book_once(connection: Connection) -> CorporateRide:
        if key is None:
            id = await make(connection)
        else:
            id, _ = await once(connection, access, _operation(company), key, body, make, now=now)
        _, ride = await rides.read(connection, access, company, id, now=now)
        return ride

    return json_response(render.booked(await command(here.database, book_once)))


def _operation(company: Company) -> str:
    """What a key is used for: that of another company's booking is another."""
    return f"POST /ride {company.id}"


async def _receiver_phone(connection: Connection, access: Access, said: ride_wire.RideBody) -> str | None:
    """Of a delivery, as it is dialled."""
    phone = ride_wire.receiver_phone(said)
    if phone is None:
        return None
    return people.phone(phone, await tenants.dialling_from(connection, access.tenant_id, (phone,)))


async def in_progress(request: Request) -> Response:
    """GET /ride: the company's rides that go on."""
    here, (access, company) = services(request), await auth.access(request)
    now = here.clock()
    async with here.database.connection() as connection:
        found = await rides.in_progress(connection, access, company, documents=documents.RIDES, now=now)
        progress = await running.progress(connection, here.fleet, [view for view, _ in found], now=now)
    return json_response([render.ride(view, ride, progress[view.id], here.public_url) for view, ride in found])


async def read(request: Request) -> Response:
    """GET /ride/{id}."""
    here, (access, company) = services(request), await auth.access(request)
    id, now = ride_of(request), here.clock()
    async with here.database.connection() as connection:
        view, ride = await rides.read(connection, access, company, id, documents=documents.RIDES, now=now)
        progress = await running.progress(connection, here.fleet, [view], now=now)
    return json_response(render.ride(view, ride, progress[id], here.public_url))


async def cancel(request: Request) -> Response:
    """DELETE /ride/{id}."""
    here, (access, company) = services(request), await auth.access(request)
    id, now = ride_of(request), here.clock()
    await command(here.database, lambda connection: rides.cancel(connection, access, company, id, now=now))
    return Response(status_code=204)


async def set_status(request: Request) -> Response:
    """PATCH /ride/{id}, in the sandbox."""
    here, (access, company) = services(request), await auth.access(request)
    id, body = ride_of(request), await read_body(request)
    try:
        to = ride_wire.state(body)
    except Invalid as error:  # of this operation the document knows 400 only
        return errors.invalid(map(errors.fault_of, error.problems), 400)
    now = here.clock()
    await command(here.database, lambda connection: rides.say(connection, access, company, id, to, now=now))
    return Response(status_code=204)
