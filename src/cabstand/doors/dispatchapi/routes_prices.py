"""The endpoint of prices: read the wire, call the core, write the wire."""

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.quotes import service as quotes
from cabstand.core.quotes.estimate import straight_line
from cabstand.core.rides.service import active_from
from cabstand.doors.dispatchapi import prices, vocab
from cabstand.doors.dispatchapi.auth import access as access_of
from cabstand.doors.edge import services
from cabstand.doors.wire import decode, json_response, read_body


async def create_prices(request: Request) -> Response:
    """POST /prices: what a trip costs, by type of vehicle; nothing is stored."""
    access, here = await access_of(request), services(request)
    message = decode(await read_body(request), prices.PRICES)
    now = here.clock()
    ahead = active_from(prices.start(message, now), vocab.POLICY, now) is not None
    question = prices.question(message, now=now, ahead=ahead)
    async with here.database.connection() as connection:
        found = await quotes.quotes(connection, access, question, straight_line)
    return json_response([prices.quote(each) for each in found])
