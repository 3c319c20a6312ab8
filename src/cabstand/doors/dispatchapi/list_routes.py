"""The endpoints that read: lists, counts, one by id, for each model in the same way (contract sections 2 and 7)."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.errors import NotFound
from cabstand.doors.dispatchapi import filters
from cabstand.doors.dispatchapi.auth import access as access_of
from cabstand.doors.dispatchapi.ids import decode
from cabstand.doors.edge import services
from cabstand.doors.wire import json_response

Endpoint = Callable[[Request], Awaitable[Response]]


def number(request: Request, kind: str, name: str = "id") -> int:
    """The core number of an id in the path. Raises NotFound for what is no id of this kind."""
    found = decode(kind, request.path_params[name])
    if found is None:
        raise NotFound
    return found


def find(model: str) -> Endpoint:
    """GET /models: those that the caller may see."""

    async def endpoint(request: Request) -> Response:
        access, here = await access_of(request), services(request)
        wanted = filters.read(request.query_params.multi_items())
        return json_response(
            await filters.find(here.database, access, model, wanted, now=here.clock(), fleet=here.fleet)
        )

    return endpoint


def find_one(model: str) -> Endpoint:
    """GET /models/findOne: the first of them."""

    async def endpoint(request: Request) -> Response:
        access, here = await access_of(request), services(request)
        wanted = filters.read(request.query_params.multi_items())
        found = await filters.find_one(here.database, access, model, wanted, now=here.clock(), fleet=here.fleet)
        if found is None:
            raise NotFound
        return json_response(found)

    return endpoint


def count(model: str) -> Endpoint:
    """GET /models/count: how many."""

    async def endpoint(request: Request) -> Response:
        access, here = await access_of(request), services(request)
        where = filters.read_where(request.query_params.multi_items())
        return json_response({"count": await filters.count(here.database, access, model, where, now=here.clock())})

    return endpoint


def by_id(model: str) -> Endpoint:
    """GET /models/{id}: one, with the fields and relations that the filter wants."""

    async def endpoint(request: Request) -> Response:
        access, here = await access_of(request), services(request)
        id, wanted = number(request, model.lower()), filters.read(request.query_params.multi_items())
        found = await filters.find_by_id(here.database, access, model, id, wanted, now=here.clock(), fleet=here.fleet)
        return json_response(found)

    return endpoint


def exists(model: str) -> Endpoint:
    """GET /models/{id}/exists: whether there is such a one; what is no id is none."""

    async def endpoint(request: Request) -> Response:
        access, here = await access_of(request), services(request)
        id = decode(model.lower(), request.path_params["id"])
        found = id is not None and await filters.exists(here.database, access, model, id)
        return json_response({"exists": found})

    return endpoint


async def find_company_rides(request: Request) -> Response:
    """GET /companies/{id}/rides."""
    access, here = await access_of(request), services(request)
    id, wanted = number(request, "company"), filters.read(request.query_params.multi_items())
    found = await filters.find_related(here.database, access, id, "rides", wanted, now=here.clock(), fleet=here.fleet)
    return json_response(found)


async def count_company_rides(request: Request) -> Response:
    """GET /companies/{id}/rides/count."""
    access, here = await access_of(request), services(request)
    id, where = number(request, "company"), filters.read_where(request.query_params.multi_items())
    counted = await filters.count_related(here.database, access, id, "rides", where, now=here.clock())
    return json_response({"count": counted})


async def read_company_ride(request: Request) -> Response:
    """GET /companies/{id}/rides/{fk}: a ride of the caller's own company."""
    access, here = await access_of(request), services(request)
    if number(request, "company") != access.tenant_id:
        raise NotFound
    id, wanted = number(request, "ride", "fk"), filters.read(request.query_params.multi_items())
    return json_response(
        await filters.find_by_id(here.database, access, "Ride", id, wanted, now=here.clock(), fleet=here.fleet)
    )
