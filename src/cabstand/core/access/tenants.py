"""What others ask of a tenant."""

from collections.abc import Iterable

from cabstand.core import people
from cabstand.core.access import store
from cabstand.core.database import Connection


async def dialling_from(connection: Connection, tenant_id: int | None, phones: Iterable[str]) -> str:
    """The country (ISO 3166-1 alpha-2) in which a tenant dials these numbers; empty where they all name theirs.

    One statement, none in the latter case.
    """
    if tenant_id is None or all(people.names_country(phone) for phone in phones):
        return ""
    found = await store.tenant(connection, tenant_id)
    return found.country if found else ""
