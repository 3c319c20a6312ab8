"""Companies that a partner brings in (dispatchapi contract 3.9)."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cabstand.core.access import service, store
from cabstand.core.access.model import Access, CredentialKind
from cabstand.core.database import Connection
from cabstand.core.errors import AlreadyThere, NotAllowed


@dataclass(frozen=True, kw_only=True, slots=True)
class NewCompany:
    """A company to be brought in."""

    name: str
    email: str
    phone: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BroughtIn:
    """What the partner needs of it."""

    access: Access  # of the new company's key
    key: str  # shown only now


async def bring_in(connection: Connection, access: Access, company: NewCompany, *, now: datetime) -> BroughtIn:
    """A new company under the caller's, with a key in the caller's environment; in a transaction.

    It has the partner's country, currency and time zone, and serves the partner's rides. Raises NotAllowed for a key
    that is no partner's, AlreadyThere if the partner has brought in one with that e-mail and phone.
    """
    if access.kind is not CredentialKind.PARTNER:
        raise NotAllowed("Only a partner's key can bring in a company.")
    who = f"{access.tenant_id}|{access.environment}|{company.email.lower()}|{company.phone}"
    tenant_id: int | None = await store.BRING_IN.value(
        connection,
        slug=f"company-{hashlib.sha256(who.encode()).hexdigest()[:16]}",
        parent=access.tenant_id,
        environment=access.environment,
        name=company.name,
        email=company.email,
        phone=company.phone,
        now=now,
    )
    if tenant_id is None:
        raise AlreadyThere
    id, key = await service.issue(
        connection,
        tenant_id=tenant_id,
        environment=access.environment,
        door=access.door,
        kind=CredentialKind.BOOKING,
        name=access.name,
        now=now,
    )
    theirs = Access(
        tenant_id=tenant_id,
        environment=access.environment,
        credential_id=id,
        door=access.door,
        kind=CredentialKind.BOOKING,
        name=access.name,
    )
    return BroughtIn(access=theirs, key=key)
