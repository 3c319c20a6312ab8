"""`GET /pictures/NAME`: pictures of fleets' drivers, for everybody who was given the address."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cabstand.core.dispatch.fleets.photos import service as photos
from cabstand.doors.edge import services
from cabstand.doors.wire import json_response

_LONGEST: Final = 100
_HEADERS: Final = {
    "Cache-Control": "public, max-age=86400",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


async def picture(request: Request) -> Response:
    """The picture, or 404."""
    name: str = request.path_params["name"]
    found = None
    if len(name) <= _LONGEST and name.isascii() and name.isprintable():
        async with services(request).database.connection() as connection:
            found = await photos.read(connection, name)
    if found is None:
        return json_response({"error": {"statusCode": 404, "message": "There is no such picture."}}, 404)
    return Response(found.content, 200, _HEADERS, found.media)


ROUTES: Final = (Route("/pictures/{name}", picture, methods=["GET"]),)
