"""Message shapes of the registers of the 99 Corp API, and how they are read. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from cabstand.core.corporate.model import NewEmployee, Page
from cabstand.doors import wire
from cabstand.doors.corp99.vocab import BY_ID
from cabstand.doors.problems import MESSAGES, Problem, ProblemKind
from cabstand.doors.shapes import EXACT
from cabstand.doors.wire import Invalid, NulCharacter, Shape

CategoryWord = Literal[
    "regular-taxi", "turbo-taxi", "top99", "pop99", "comfort99", "poupa99", "delivery99", "delivery-moto99", "moto99",
]  # fmt: skip
Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"\S")]
LARGEST_PAGE: Final = 100
LONGEST_SEARCH: Final = 128
BRAZIL: Final = "BRA"
NO_DOCUMENT: Final = "Employee national id or pin must be informed"
NO_BRAZILIAN: Final = "Employee phone number should contain ten or eleven digits, the area code included"


class Phone(msgspec.Struct):
    """A phone number; how many digits it has depends on its country."""

    number: Annotated[str, Meta(min_length=1, max_length=15, pattern=r"^[0-9]+$")]
    country: Annotated[str, Meta(min_length=3, max_length=3, pattern=r"^[A-Z]{3}$")] = BRAZIL


class Employee(msgspec.Struct, kw_only=True):
    """What is said of an employee. An empty national id or pin is none; one of the two there must be."""

    name: Name
    phone: Phone
    email: Annotated[str, Meta(min_length=1, max_length=254, pattern=r"^[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+$")]
    nationalId: Annotated[str, Meta(max_length=11, pattern=r"^([0-9]{11})?$")] | None = None
    pin: Annotated[str, Meta(max_length=3, pattern=r"^([0-9]{3})?$")] | None = None
    externalId: int | None = None
    supervisorId: Annotated[int, Meta(ge=1)] | None = None
    categories: Annotated[list[CategoryWord], Meta(min_length=1, max_length=100)]


class EmployeeBody(msgspec.Struct):
    """POST /employee and PUT /employee/{id}."""

    employee: Employee
    sendWelcomeEmail: bool = False


class NameBody(msgspec.Struct):
    """POST /costcenter, POST /project and PUT /project/{id}."""

    name: Name


class CostCenterIDs(msgspec.Struct):
    """PATCH /employee/{id}/costcenter: all that the employee has from now on."""

    costCenterIDs: Annotated[list[Annotated[int, Meta(ge=1)]], Meta(max_length=1000)]


# Clients whose language knows no whole numbers may write 4 as 4.0, or as text: so these are read leniently.
EMPLOYEE: Final = Shape(EmployeeBody, strict=False)
COST_CENTERS: Final = Shape(CostCenterIDs, strict=False)
NAME: Final = Shape(NameBody)


def problem(path: str, kind: ProblemKind, value: object, message: str | None = None) -> Problem:
    """One thing that is wrong; `message` in place of what is said of every problem of its kind."""
    return Problem(path=path, code=kind, message=message or MESSAGES[kind], value=value)


def employee(body: bytes) -> tuple[NewEmployee, bool]:
    """An employee, and whether to welcome him. Raises WireError, Invalid with all problems, those of rules included."""
    try:
        message = wire.decode(body, EMPLOYEE)
    except Invalid as error:
        raw = wire.parse(body).get("employee")
        rules = _rules(raw, {each.path for each in error.problems}) if isinstance(raw, dict) else ()
        raise Invalid((*error.problems, *rules)) from None
    if broken := tuple(_rules(msgspec.to_builtins(message.employee), set())):
        raise Invalid(broken)
    return _new_employee(message.employee), message.sendWelcomeEmail


def _rules(said: Mapping[str, Any], known: set[str]) -> Iterator[Problem]:
    """What no shape can tell, unless the fields at fault are `known` to be wrong already."""
    phone = said.get("phone")
    if isinstance(phone, dict) and not known & {"employee.phone.number", "employee.phone.country"}:
        number = phone.get("number")
        here = phone.get("country") in (None, BRAZIL)
        if not (isinstance(number, str) and re.fullmatch("[0-9]{10,11}" if here else "[0-9]{4,15}", number)):
            hint = NO_BRAZILIAN if here else None
            yield problem("employee.phone.number", ProblemKind.FORMAT, number, hint)
    if not known & {"employee.nationalId", "employee.pin"} and not any(
        isinstance(value := said.get(name), str) and value.strip() for name in ("nationalId", "pin")
    ):
        yield problem("employee.nationalId", ProblemKind.PRESENCE, None, NO_DOCUMENT)


def _new_employee(said: Employee) -> NewEmployee:
    return NewEmployee(
        name=said.name.strip(),
        phone=said.phone.number,
        phone_country=said.phone.country,
        email=said.email.strip(),
        national_id=(said.nationalId or "").strip() or None,
        pin=(said.pin or "").strip() or None,
        external_id=said.externalId,
        supervisor_id=said.supervisorId,
        services=tuple(dict.fromkeys(BY_ID[word].service for word in said.categories)),
    )


def name(body: bytes) -> str:
    """The name of a cost centre or project. Raises WireError, Invalid."""
    return wire.decode(body, NAME).name.strip()


def cost_centers(body: bytes) -> tuple[int, ...]:
    """The ids of cost centres, each once. Raises WireError, Invalid."""
    return tuple(dict.fromkeys(wire.decode(body, COST_CENTERS).costCenterIDs))


def page(query: Mapping[str, str], *, size: int = 50) -> Page:
    """The page of a list that is asked for. `page` counts where there is no `offset`. Raises Invalid, NulCharacter."""
    faults: list[Problem] = []
    word = "page" if not query.get("offset") and query.get("page") else "offset"
    number = max(1, _whole(query, word, 1, EXACT, faults))
    limit = _whole(query, "limit", size, LARGEST_PAGE, faults)
    if limit == 0:
        faults.append(problem("limit", ProblemKind.TOO_SMALL, limit))
    search = text(query, "search", LONGEST_SEARCH, faults)
    if faults:
        raise Invalid(tuple(faults))
    return Page(number=number, size=limit, search=search)


def national_id(query: Mapping[str, str]) -> str | None:
    """`nationalId` of a query. Raises Invalid, NulCharacter."""
    faults: list[Problem] = []
    found = text(query, "nationalId", 32, faults)
    if faults:
        raise Invalid(tuple(faults))
    return found


def text(query: Mapping[str, str], name: str, longest: int, faults: list[Problem]) -> str | None:
    """A text of a query; an empty one is none. Raises NulCharacter; what else is wrong is added to `faults`."""
    found = query.get(name, "").strip()
    if "\x00" in found:
        raise NulCharacter
    if len(found) > longest:
        faults.append(problem(name, ProblemKind.TOO_LONG, found))
    return found or None


def _whole(query: Mapping[str, str], name: str, default: int, largest: int, faults: list[Problem]) -> int:
    found = query.get(name, "").strip()
    if not found:
        return default
    if not re.fullmatch("-?[0-9]+", found, re.ASCII):
        faults.append(problem(name, ProblemKind.TYPE_INTEGER, found))
        return default
    if found.startswith("-") or len(found) > len(str(EXACT)) or int(found) > largest:
        faults.append(problem(name, ProblemKind.TOO_LARGE, found))
        return default
    return int(found)
