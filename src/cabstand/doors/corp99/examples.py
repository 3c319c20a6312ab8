"""Bodies for the reference: the document's own, with what its samples leave out."""

from typing import Any, Final

UUID: Final = "47a3083b-5d03-4e05-ad9d-9fd6fddd613e"
COMPANY: Final = {"id": UUID, "name": "99"}
COMPANIES: Final = [
    {"id": "6d74008f-d2d5-4f79-95f5-4e049bdbac99", "name": "99 matriz"},
    {"id": "5169224d-30c5-4bdf-ba2c-019aa51c3829", "name": "99 filial"},
]
_PERSON: Final[dict[str, Any]] = {
    "name": "José Santos",
    "phone": {"number": "11999999999", "country": "BRA"},
    "email": "jose.santos@empresa.com.br",
    "nationalId": "98765432100",
    "pin": "053",
    "externalId": 55091,
    "supervisorId": None,
    "categories": ["regular-taxi", "turbo-taxi", "pop99"],
}
NEW_EMPLOYEE: Final[dict[str, Any]] = {
    "employee": {name: value for name, value in _PERSON.items() if value is not None},
    "sendWelcomeEmail": False,
}
EMPLOYEE: Final[dict[str, Any]] = {**_PERSON, "id": 125, "company": COMPANY, "enabled": True}
CHANGES: Final[dict[str, Any]] = {"supervisorId": 256, "pin": "123", "externalId": 55666, "categories": ["pop99"]}
EMPLOYEE_CHANGE: Final[dict[str, Any]] = {
    "employee": {**NEW_EMPLOYEE["employee"], **CHANGES},
    "sendWelcomeEmail": False,
}
CHANGED_EMPLOYEE: Final[dict[str, Any]] = {**EMPLOYEE, **CHANGES}
EMPLOYEES: Final = [{**EMPLOYEE, "companyId": 9001}]
COST_CENTERS: Final[list[dict[str, Any]]] = [
    {"id": 1, "name": "financeiro", "enabled": True, "company": COMPANY},
    {"id": 2, "name": "recursos humanos", "enabled": True, "company": COMPANY},
]
COST_CENTER: Final[dict[str, Any]] = {**COST_CENTERS[0], "company": {**COMPANY, "key": UUID}}
NEW_COST_CENTER: Final = {"name": "recursos humanos"}
COST_CENTER_IDS: Final = {"costCenterIDs": [100, 200, 300]}
PROJECT: Final[dict[str, Any]] = {"id": 5, "name": "expo 2015", "company": COMPANY}
PROJECTS: Final = [
    {"id": 1, "name": "evento brasil 2017", "company": COMPANY},
    {"id": 2, "name": "project financeiro", "company": COMPANY},
]
NEW_PROJECT: Final = {"name": "expo 2015"}
PROJECT_CHANGE: Final = {"name": "expo 2017"}
CHANGED_PROJECT: Final[dict[str, Any]] = {**PROJECT, **PROJECT_CHANGE}

_TOLD: Final[dict[str, Any]] = {
    "data": {
        "ride": {
            "id": "1000123456",
            "status": "on-the-way",
            "category": "99POP",
            "corporate": {"employee": {"id": 125}, "note": "reunião com cliente externo"},
            "origin": {"latitude": -23.563157, "longitude": -46.654316},
            "destination": {"latitude": -23.599713, "longitude": -46.687777},
            "driver": {"name": "Claudio Moreira Cruz", "phone": "11223344559"},
            "vehicle": {"model": "Volkswagen GOL", "plate": "ABC-1234"},
            "location": {"latitude": -23.565678, "longitude": -46.680754},
        }
    }
}


def _event(kind: str, id: str) -> dict[str, Any]:
    return {"event": {"id": id, "date": 1519918755701, "type": kind, "notification": kind}, **_TOLD}


EVENTS: Final[dict[str, Any]] = {
    "ride-status": _event("ride-status", "5c99bf07-a852-42ed-9bff-30ff13ed888a"),
    "ride-driver-location": _event("ride-driver-location", "7a2b9c54-64a7-4d0e-8d4e-2f1c6b0a9d10"),
}
