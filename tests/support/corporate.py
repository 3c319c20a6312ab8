"""Companies that book for their staff, and calls of the corp99 door, for tests."""

import io
import itertools
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from cabstand.core.access import service as access
from cabstand.core.access.model import CredentialKind, Environment
from cabstand.core.clock import utcnow
from cabstand.core.corporate.model import Company
from cabstand.core.database import Connection
from tests.support.exchange import Answer, Running

BASE = "/corp99/v1"
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Client:
    """A key of the corp99 door, with its companies, the primary one first."""

    here: Running
    tenant_id: int
    environment: str
    credential_id: int
    key: str
    companies: tuple[Company, ...]

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        company: UUID | str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request. `body`: bytes as they are, anything else as JSON. `company`: what `x-company-id` says."""
        sent = {"x-api-key": self.key, **({"x-company-id": str(company)} if company else {}), **(headers or {})}
        return await call(self.here, method, path, body, headers=sent)


async def call(
    here: Running, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None
) -> Answer:
    """One request without a key. A redirect is an answer."""
    sent, data = dict(headers or {}), body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    if data is not None:
        sent.setdefault("Content-Type", "application/json")
    stream = None if data is None else io.BytesIO(data)
    url = f"{here.base_url}{BASE}{path}"
    async with here.http.request(method, url, data=stream, headers=sent, allow_redirects=False) as response:
        text = await response.text()
        return Answer(response.status, json.loads(text) if text else None, dict(response.headers))


async def client(
    here: Running, *, companies: int = 1, environment: str = "sandbox", tenant_id: int | None = None
) -> Client:
    """A new key with companies of its own; of a tenant of its own, too, unless one is named."""
    async with here.pool.transaction() as connection:
        tenant = tenant_id or await _tenant(connection)
        made = tuple([await _company(connection, tenant, environment) for _ in range(companies)])
    return await key_for(here, tenant, environment, made)


async def key_for(here: Running, tenant_id: int, environment: str, companies: Sequence[Company]) -> Client:
    """Another key for companies that there are."""
    async with here.pool.transaction() as connection:
        id, key = await access.issue(
            connection,
            tenant_id=tenant_id,
            environment=Environment(environment),
            door="corp99",
            kind=CredentialKind.BOOKING,
            name=f"staff travel {next(_numbers)}",
            now=utcnow(),
        )
        await connection.executemany(
            "INSERT INTO credential_companies (credential_id, company_id, position) VALUES ($1, $2, $3)",
            [(id, company.id, position) for position, company in enumerate(companies)],
        )
    return Client(
        here=here,
        tenant_id=tenant_id,
        environment=environment,
        credential_id=id,
        key=key,
        companies=tuple(companies),
    )


async def _tenant(connection: Connection) -> int:
    slug = f"contract-{next(_numbers)}-{os.urandom(4).hex()}"
    id: int = await connection.fetchval(
        """INSERT INTO tenants (slug, name, country, currency, time_zone, created_at)
        VALUES ($1, $1, 'BR', 'BRL', 'America/Sao_Paulo', $2) RETURNING id""",
        slug,
        utcnow(),
    )
    return id


async def _company(connection: Connection, tenant_id: int, environment: str) -> Company:
    number, uuid = next(_numbers), uuid4()
    id: int = await connection.fetchval(
        """INSERT INTO companies (tenant_id, environment, slug, uuid, name, created_at)
        VALUES ($1, $2, $3, $4, $5, $6) RETURNING id""",
        tenant_id,
        environment,
        f"company-{number}",
        uuid,
        f"Empresa {number}",
        utcnow(),
    )
    return Company(id=id, uuid=uuid, name=f"Empresa {number}")


def ok(answer: Answer, status: int = 200) -> Any:
    """The body of a success."""
    assert answer.status == status, answer
    return answer.body


def faults(answer: Answer, status: int = 422) -> list[tuple[str, str | None]]:
    """Code and field of each entry of a refusal."""
    assert answer.status == status, answer
    assert all(set(each) == {"code", "field", "message"} and each["message"] for each in answer.body["errors"])
    return [(each["code"], each["field"]) for each in answer.body["errors"]]


def an_employee(**changes: Any) -> dict[str, Any]:
    """POST /employee."""
    employee = {
        "name": "José Santos",
        "phone": {"number": "11999999999", "country": "BRA"},
        "email": f"jose.santos.{next(_numbers)}@empresa.com.br",
        "nationalId": "98765432100",
        "pin": "053",
        "externalId": 55091,
        "categories": ["regular-taxi", "turbo-taxi", "pop99"],
    }
    return {"employee": {**employee, **changes}}


async def employee_of(client: Client, *, company: UUID | str | None = None, **changes: Any) -> int:
    """A new employee's id."""
    return int(ok(await client.call("POST", "/employee", an_employee(**changes), company=company), 201)["id"])


async def cost_center_of(client: Client, *, company: UUID | str | None = None) -> int:
    """A new cost centre's id."""
    body = {"name": f"financeiro {next(_numbers)}"}
    return int(ok(await client.call("POST", "/costcenter", body, company=company), 201)["id"])


async def project_of(client: Client, *, company: UUID | str | None = None) -> int:
    """A new project's id."""
    body = {"name": f"evento brasil {next(_numbers)}"}
    return int(ok(await client.call("POST", "/project", body, company=company), 201)["id"])
