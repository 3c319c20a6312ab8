"""Companies, staff, cost centres and projects as this door shows them."""

from typing import Any

from cabstand.core.corporate.model import Company, CostCenter, Employee, Project
from cabstand.doors.corp99.vocab import BY_SERVICE


def company(shown: Company) -> dict[str, Any]:
    """A company by the id that integrators know."""
    return {"id": str(shown.uuid), "name": shown.name}


def employee(of: Company, shown: Employee) -> dict[str, Any]:
    """An employee."""
    said = shown.said
    return {
        "id": shown.id,
        "name": said.name,
        "phone": {"number": said.phone, "country": said.phone_country},
        "email": said.email,
        "company": company(of),
        "nationalId": said.national_id,
        "supervisorId": said.supervisor_id,
        "pin": said.pin,
        "enabled": shown.enabled,
        "externalId": said.external_id,
        "categories": [BY_SERVICE[service].id for service in said.services],
    }


def listed(of: Company, shown: Employee) -> dict[str, Any]:
    """An employee in a list, which still has the number by which the company was known before."""
    return {**employee(of, shown), "companyId": of.id}


def cost_center(of: Company, shown: CostCenter) -> dict[str, Any]:
    """A cost centre."""
    return {"id": shown.id, "name": shown.name, "enabled": shown.enabled, "company": company(of)}


def cost_center_with_key(of: Company, shown: CostCenter) -> dict[str, Any]:
    """The same by its id: there the document calls the company's id its key."""
    return {**cost_center(of, shown), "company": {**company(of), "key": str(of.uuid)}}


def project(of: Company, shown: Project) -> dict[str, Any]:
    """A project."""
    return {"id": shown.id, "name": shown.name, "company": company(of)}
