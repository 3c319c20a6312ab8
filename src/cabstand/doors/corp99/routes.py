"""What all endpoints share: the ids in a path; and the one that concerns no single company."""

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.errors import NotFound
from cabstand.doors.corp99 import auth, ids, registers
from cabstand.doors.wire import json_response


def number_of(request: Request, name: str = "id") -> int:
    """The number in the path. Raises NotFound for what is none."""
    found = ids.number(request.path_params[name])
    if found is None:
        raise NotFound
    return found


async def companies(request: Request) -> Response:
    """GET /companies. Whoever asks for the list may not know yet which company to name."""
    access = await auth.key(request)
    return json_response([registers.company(company) for company in access.companies])
