"""The operations of rides, of the estimates before them and the receipts after them."""

from typing import Final

from cabstand.core.corporate.model import Fault
from cabstand.core.errors import MayNotBook
from cabstand.doors.base import Operation, Parameter
from cabstand.doors.corp99 import errors, job_routes, ride_answers, ride_examples, ride_routes, ride_wire
from cabstand.doors.corp99.refusing import (
    BODY,
    CALLER,
    COMPANY,
    LIMIT,
    OFFSET,
    PAGE,
    RACED,
    UNFIT_PAGE,
    UNREADABLE_PAGE,
    id_of,
    invalid,
    mistaken,
    query,
    refusal,
    unknown,
)
from cabstand.doors.corp99.vocab import CATEGORIES
from cabstand.doors.problems import MESSAGES, Problem, ProblemKind

_RIDE: Final = Parameter(
    name="id",
    place="path",
    about="The `rideID`.",
    schema={"type": "string", "pattern": "^[1-9][0-9]{9,18}$"},
    example="1000123456",
)
_DEGREES: Final = {"type": "string", "pattern": r"^-?[0-9]{1,3}([.,][0-9]{1,30})?$"}
_DAY: Final = {"type": "string", "format": "date"}
_KEY: Final = Parameter(
    name="Idempotency-Key",
    place="header",
    about="Your own word for this booking: sent again within 24 hours it answers the ride that was booked before.",
    schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
)
_MAY_NOT: Final = refusal(
    "The employee is disabled, may not book the category, or has no estimate of it that is recent enough.",
    errors.may_not_book(str(MayNotBook())),
)
_MISTAKEN: Final = (
    mistaken("There is no such employee in the company.", "employee_id", Fault.UNKNOWN),
    mistaken("The cost centre is disabled.", "cost_center_id", Fault.DISABLED),
    mistaken("The cost centre is not the employee's.", "cost_center_id", Fault.NOT_LINKED),
    mistaken("There is no such project in the company.", "project_id", Fault.UNKNOWN),
    mistaken("Nobody drives where the ride begins.", "pickup", Fault.NO_SERVICE_HERE),
)
_KEY_USED: Final = refusal(
    "The `Idempotency-Key` was used with another body before.",
    errors.invalid(
        [
            errors.Fault(
                code="duplicate-idempotency-key",
                field="Idempotency-Key",
                message="The idempotency key was already used with another body.",
            )
        ]
    ),
)
_TOO_LATE: Final = refusal(
    "The passenger is on board, or the ride has ended otherwise.",
    errors.invalid([errors.Fault(code=errors.TOO_LATE, field="id", message="The ride cannot be canceled any more")]),
)
_BAD_STATUS: Final = refusal(
    "There is no such status, or the ride cannot have it now.",
    errors.bad_request("The ride cannot have this status now", "status"),
)
_NO_SUCH_CATEGORY: Final = refusal(
    "There is no such category.",
    errors.of_problems(
        [Problem(path="taxiCategory", code=ProblemKind.INCLUSION, message=MESSAGES[ProblemKind.INCLUSION])]
    ),
)

ESTIMATES: Final = (
    Operation(
        method="GET",
        path="/employee/{id}/categories",
        summary="Estimate a ride in each category of an employee",
        handler=ride_routes.estimate,
        takes_id=True,
        about=(
            "All four coordinates are needed. A category that is answered here can be booked for the employee in the "
            "next 30 minutes, any number of times; without an estimate no ride is booked.",
            "The list is empty where nobody drives, and for an employee who was deleted. What a ride costs in the end "
            "may be more or less.",
        ),
        parameters=(
            id_of("employee"),
            query(
                "fromLat",
                "Where the ride begins. The decimal mark is a point or a comma.",
                _DEGREES,
                "-23.5986665",
                needed=True,
            ),
            query("fromLng", "Its longitude.", _DEGREES, "-46.6907445", needed=True),
            query("toLat", "Where it ends.", _DEGREES, "-23,6822", needed=True),
            query("toLng", "Its longitude.", _DEGREES, "-46,6896", needed=True),
            COMPANY,
        ),
        answer=list[ride_answers.Estimate],
        answered=ride_examples.ESTIMATES,
        refusals=(*CALLER, unknown("Employee"), invalid("fromLat")),
    ),
)
RIDES: Final = (
    Operation(
        method="POST",
        path="/ride",
        summary="Book a ride",
        handler=ride_routes.book,
        about=(
            "For now, and for one employee, of whom the category was estimated before. A driver who gives the ride up "
            "ends it: book another one then.",
        ),
        parameters=(_KEY, COMPANY),
        body=ride_wire.RideBody,
        sent=ride_examples.NEW_RIDE,
        answer=ride_answers.BookedRide,
        answered=ride_examples.BOOKED,
        refusals=(*CALLER, *BODY, invalid("from.street"), *_MISTAKEN, _MAY_NOT, _KEY_USED, RACED),
    ),
    Operation(
        method="GET",
        path="/ride",
        summary="List the rides in progress",
        handler=ride_routes.in_progress,
        about=("The company's rides that have not ended, the newest first, a thousand at most.",),
        parameters=(COMPANY,),
        answer=list[ride_answers.Ride],
        answered=[ride_examples.RIDE],
        refusals=CALLER,
    ),
    Operation(
        method="GET",
        path="/ride/{id}",
        summary="Read a ride",
        handler=ride_routes.read,
        takes_id=True,
        about=(
            "Also one that has ended. A sandbox ride is found for 72 hours. Photos of drivers are not kept here, so "
            "`running.driver.img` is left out.",
        ),
        parameters=(_RIDE, COMPANY),
        answer=ride_answers.Ride,
        answered=ride_examples.RIDE,
        refusals=(*CALLER, unknown("Ride")),
    ),
    Operation(
        method="DELETE",
        path="/ride/{id}",
        summary="Cancel a ride",
        handler=ride_routes.cancel,
        takes_id=True,
        about=("Until the passenger is on board. A ride that was cancelled by this already is 204, too.",),
        parameters=(_RIDE, COMPANY),
        status=204,
        refusals=(*CALLER, unknown("Ride"), _TOO_LATE, RACED),
    ),
    Operation(
        method="PATCH",
        path="/ride/{id}",
        summary="Set the status of a sandbox ride",
        handler=ride_routes.set_status,
        takes_id=True,
        about=(
            "A ride goes forward only, over as many steps as it takes; the status that it has already changes "
            "nothing. Driver and car are always the same. Live rides are not found here.",
        ),
        parameters=(_RIDE, COMPANY),
        body=ride_wire.StatusBody,
        sent=ride_examples.STATUS,
        status=204,
        refusals=(*CALLER, *BODY, _BAD_STATUS, unknown("Ride"), RACED),
    ),
)
RECEIPTS: Final = (
    Operation(
        method="GET",
        path="/job",
        summary="Report on receipts",
        handler=job_routes.search,
        about=(
            "Of rides that ended from `startDate` to `endDate`, which are both needed: days in São Paulo, the last one "
            "included. The ride that ended last comes first. The summary is that of all pages.",
            "Of a ride whose fare was corrected the newest receipt counts.",
        ),
        parameters=(
            query("startDate", "The first day.", _DAY, "2017-06-01", needed=True),
            query("endDate", "The last day.", _DAY, "2017-06-02", needed=True),
            query("costCenterID", "Only those of this cost centre.", {"type": "integer", "minimum": 0}, 20),
            query("projectID", "Only those of this project.", {"type": "integer", "minimum": 0}, 15),
            query("taxiCategory", "Only those of this category.", {"enum": [each.id for each in CATEGORIES]}, "pop99"),
            OFFSET,
            query("limit", "So many at most; 20 by default.", dict(LIMIT.schema), 10),
            PAGE,
            COMPANY,
        ),
        answer=ride_answers.Receipts,
        answered=ride_examples.RECEIPTS,
        refusals=(*CALLER, UNREADABLE_PAGE, UNFIT_PAGE, invalid("startDate"), _NO_SUCH_CATEGORY),
    ),
    Operation(
        method="GET",
        path="/job/{id}",
        summary="Read the receipt of a ride",
        handler=job_routes.read,
        takes_id=True,
        parameters=(_RIDE, COMPANY),
        answer=ride_answers.Receipt,
        answered=ride_examples.RECEIPT,
        also={204: "There is no receipt, or not yet: the ride has not ended, or there is no such ride."},
        refusals=(*CALLER, refusal("The id can be no ride's.", errors.not_found("Ride"))),
    ),
)
OPERATIONS: Final[tuple[Operation, ...]] = (*ESTIMATES, *RIDES, *RECEIPTS)
