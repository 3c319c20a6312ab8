"""The operations of this door, with all that its reference says of them."""

from typing import Final

from cabstand.core import errors as core
from cabstand.doors.base import Operation, Security
from cabstand.doors.driver import answers, examples, routes, wire
from cabstand.doors.driver.manifest_rides import OFFERS, RESERVATIONS, RIDES
from cabstand.doors.driver.refusing import AWAY, BODY, NOT_ON_SHIFT, RACED, TOKEN, invalid, no, unknown
from cabstand.doors.problems import ProblemKind

ABOUT: Final = (
    "For drivers' apps. A driver signs in with his phone, starts a shift with a vehicle of his company, reports where "
    "he is, answers offers, and says each step of a ride.",
    "Bodies are JSON. Ids are whole numbers, times RFC 3339 in UTC, money is in minor units with its ISO 4217 "
    "currency. What is somebody else's is answered as unknown.",
    "In the sandbox, and of demonstration companies, the code is always `123456`.",
    "`GET /ws` is a WebSocket for an app that stays connected. The token goes into `Authorization`, into `?token=`, or "
    'into a first message `{"type": "hello", "token": TOKEN}`. What is open is sent at once, and from then on what is '
    'new: `{"type": "offer", "offer": …}`, `{"type": "offer_over", "offer_id", "state"}`, `{"type": "ride", "ride": '
    '…}`, and `{"type": "ride_over", "ride_id"}` where a ride goes on without you. It takes `{"type": "positions", '
    '"positions": […]}` and answers `{"type": "positions", "accepted", "dropped"}`. What is wrong with a message is '
    'told as `{"type": "error", "error": …}`. It is closed with 4401 when the token counts no more, and with 1013 when '
    "it is worth another try. A message has at most 64 kB.",
)
SECURITY: Final = (
    Security(
        name="token",
        about="The token of a session; for trackers the dispatch key of a company at this door.",
        scheme={"type": "http", "scheme": "bearer"},
        example="Authorization: Bearer TOKEN",
    ),
)

SIGN_IN: Final = (
    Operation(
        method="POST",
        path="/codes",
        summary="Ask for a code to sign in",
        handler=routes.send_code,
        open=True,
        about=(
            "It is sent by text message and counts for five minutes and five tries. The answer is the same for a phone "
            "that is no driver's.",
        ),
        body=wire.CodeRequest,
        sent=examples.CODE_REQUEST,
        answer=answers.CodeSent,
        answered=examples.CODE_SENT,
        status=202,
        refusals=(
            *BODY,
            invalid("phone"),
            no(
                "One code in 30 seconds and five in an hour go to a phone, and 100 in an hour are asked for from one "
                "address; `Retry-After` says when.",
                core.TooMany(30),
            ),
            AWAY,
        ),
    ),
    Operation(
        method="POST",
        path="/sessions",
        summary="Sign in",
        handler=routes.open_session,
        open=True,
        about=("A driver who was invited may drive from then on. The token counts until it is revoked.",),
        body=wire.SignIn,
        sent=examples.SIGN_IN,
        answer=answers.Session,
        answered=examples.SESSION,
        status=201,
        refusals=(
            *BODY,
            invalid("code"),
            no("The code is wrong, was used, is too old, or was tried too often.", core.WrongCode()),
            no(
                "Thirty codes from your address were wrong in an hour: none is heard until it is over.",
                core.TooMany(900),
            ),
            no(
                "The code is right, and you drive for several companies: send it again with one of these.",
                core.ChooseCompany([("canal-cabs", "Canal Cabs"), ("dam-taxi", "Dam Taxi")]),
            ),
            RACED,
            AWAY,
        ),
    ),
    Operation(
        method="DELETE",
        path="/sessions/current",
        summary="Sign out",
        handler=routes.close_session,
        status=204,
        refusals=(*TOKEN, unknown("session")),
    ),
    Operation(
        method="GET",
        path="/me",
        summary="Who am I",
        handler=routes.me,
        answer=answers.Driver,
        answered=examples.DRIVER,
        refusals=(*TOKEN,),
    ),
)
SHIFTS: Final = (
    Operation(
        method="GET",
        path="/vehicles",
        summary="List the company's vehicles",
        handler=routes.vehicles,
        group="shift",
        answer=answers.Vehicles,
        answered=examples.VEHICLES,
        refusals=TOKEN,
    ),
    Operation(
        method="POST",
        path="/shift",
        summary="Start a shift",
        handler=routes.start_shift,
        about=("Again with the same vehicle it is 200 and the same shift.",),
        body=wire.NewShift,
        sent=examples.NEW_SHIFT,
        answer=answers.Shift,
        answered=examples.SHIFT,
        status=201,
        also={200: "You are on shift with this vehicle already."},
        refusals=(
            *TOKEN,
            *BODY,
            invalid("vehicle_id"),
            unknown("vehicle"),
            no("Another driver is on shift with it.", core.VehicleInUse()),
            no("You are on shift with another vehicle.", core.OnShift()),
            RACED,
        ),
    ),
    Operation(
        method="GET",
        path="/shift",
        summary="Show the open shift",
        handler=routes.read_shift,
        answer=answers.Shift,
        answered=examples.SHIFT,
        refusals=(*TOKEN, no("There is none.", core.NotFound("There is no open shift."))),
    ),
    Operation(
        method="DELETE",
        path="/shift",
        summary="End the shift",
        handler=routes.end_shift,
        about=(
            "Offers that were made to you alone are declined. Rides that you have reserved stay yours. A shift that "
            "was forgotten is ended after twelve hours without a position, unless a ride is due.",
        ),
        answer=answers.Shift,
        answered=examples.ENDED_SHIFT,
        refusals=(*TOKEN, NOT_ON_SHIFT, no("You have a ride that is due.", core.OnARide()), RACED),
    ),
    Operation(
        method="POST",
        path="/positions",
        summary="Report where you are",
        handler=routes.positions,
        about=(
            "One fix, or up to 500 in `positions`. The newest counts; what is not plausible is dropped and counted, "
            "which is no error. A car that has not reported for two minutes is not offered rides.",
        ),
        body=wire.Positions,
        sent=examples.POSITIONS,
        answer=answers.Taken,
        answered=examples.TAKEN,
        refusals=(*TOKEN, *BODY, invalid("positions.3.lat", ProblemKind.TOO_LARGE), NOT_ON_SHIFT),
    ),
    Operation(
        method="POST",
        path="/traccar",
        summary="Take positions that Traccar forwards",
        handler=routes.traccar,
        group="positions",
        about=(
            "For trackers in cars: Traccar's `forward.url` with `forward.type` `json`, and in `forward.header` the "
            "dispatch key of a company at this door. The device's `uniqueId` is the plate of a vehicle, or the phone "
            "number of a driver. Of who is not on shift the fix is dropped as `not_on_shift`.",
        ),
        body=wire.Traccar,
        sent=examples.TRACCAR,
        answer=answers.Taken,
        answered=examples.TRACCAR_TAKEN,
        refusals=(
            no("The token is missing, unknown, or counts no more.", core.UnknownKey()),
            no("It is a driver's token.", core.NotAllowed("Only a company's dispatch key may do that.")),
            AWAY,
            *BODY,
            invalid("device.uniqueId"),
            unknown("driver"),
        ),
    ),
)
OPERATIONS: Final = (*SIGN_IN, *SHIFTS, *OFFERS, *RIDES, *RESERVATIONS)
