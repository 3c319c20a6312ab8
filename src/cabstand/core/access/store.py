"""SQL of tenants, credentials, destinations and links."""

from typing import TYPE_CHECKING

from cabstand.core.access.model import Access, CredentialKind, Environment, Tenant
from cabstand.core.corporate.model import Company
from cabstand.core.database import Connection
from cabstand.core.sql import Statement

if TYPE_CHECKING:
    import asyncpg

# A credential acts for the companies that are listed for it, or, where none is listed, for all of its tenant.
FIND = Statement(
    """SELECT c.id, c.tenant_id, c.environment, c.door, c.kind, c.name, c.driver_id, k.ids, k.uuids, k.names
    FROM credentials c LEFT JOIN drivers d ON d.id = c.driver_id
    CROSS JOIN LATERAL (
        SELECT array_agg(k.id ORDER BY x.position, k.id) AS ids, array_agg(k.uuid ORDER BY x.position, k.id) AS uuids,
            array_agg(k.name ORDER BY x.position, k.id) AS names
        FROM companies k LEFT JOIN credential_companies x ON x.company_id = k.id AND x.credential_id = c.id
        WHERE k.tenant_id = c.tenant_id AND k.environment = c.environment AND c.driver_id IS NULL AND (
            x.company_id IS NOT NULL OR NOT EXISTS (SELECT FROM credential_companies y WHERE y.credential_id = c.id))
        ) k
    WHERE c.key_hash = :key_hash AND c.revoked_at IS NULL AND (c.driver_id IS NULL OR d.status = 'accepted')"""
)
TENANT = Statement("""SELECT * FROM tenants WHERE id = :id""")
NEW_CREDENTIAL = Statement(
    """INSERT INTO credentials (tenant_id, environment, door, kind, name, hint, key_hash, created_at, driver_id)
    VALUES (:tenant_id, :environment, :door, :kind, :name, :hint, :key_hash, :now, :driver_id)
    RETURNING id"""
)
REVOKE = Statement(
    """WITH revoked AS (
        UPDATE credentials SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL RETURNING id),
    silenced AS (UPDATE destinations d SET url = NULL FROM revoked WHERE d.credential_id = revoked.id)
    SELECT id FROM revoked"""
)
SET_WEBHOOK = Statement(
    """INSERT INTO destinations (tenant_id, environment, credential_id, url, sealed_secret)
    SELECT tenant_id, environment, id, :url, :sealed_secret FROM credentials WHERE id = :id AND revoked_at IS NULL
    ON CONFLICT (credential_id) DO UPDATE SET url = excluded.url, sealed_secret = excluded.sealed_secret,
        failures = 0, paused_until = NULL,
        next_due = (SELECT min(next_at) FROM deliveries
                    WHERE destination_id = destinations.id AND state = 'pending')
    RETURNING id"""
)
BRING_IN = Statement(
    """WITH company AS (
        INSERT INTO tenants (slug, name, email, phone, country, currency, time_zone, demonstration, parent_id,
            created_at)
        SELECT :slug, :name, :email, :phone, country, currency, time_zone, demonstration, id, :now FROM tenants
        WHERE id = :parent ON CONFLICT (slug) DO NOTHING RETURNING id),
    link AS (INSERT INTO links (demand_id, supply_id, environment) SELECT :parent, id, :environment FROM company)
    SELECT id FROM company"""
)
WEBHOOK_OF = Statement("SELECT url, sealed_secret FROM destinations WHERE credential_id = :id")
LIST = Statement(
    """SELECT c.id, t.slug AS tenant, c.environment, c.door, c.kind, c.name, c.hint, c.created_at, c.revoked_at,
        d.url, d.sealed_secret IS NOT NULL AS signed
    FROM credentials c JOIN tenants t ON t.id = c.tenant_id LEFT JOIN destinations d ON d.credential_id = c.id
    WHERE (:tenant::text IS NULL OR t.slug = :tenant) AND (:revoked OR c.revoked_at IS NULL) AND c.driver_id IS NULL
    ORDER BY t.slug, c.environment, c.door, c.name, c.id"""
)
APPLY_LOCK = 0x636163
LOCK_APPLY = Statement(f"SELECT pg_advisory_xact_lock({APPLY_LOCK})")
TENANTS = Statement("SELECT * FROM tenants WHERE slug = ANY(:slugs)")
NEW_TENANT = Statement(
    """INSERT INTO tenants (slug, name, email, phone, city, country, currency, time_zone, demonstration, created_at)
    VALUES (:slug, :name, :email, :phone, :city, :country, :currency, :time_zone, :demonstration, :now)
    RETURNING id"""
)
CHANGE_TENANT = Statement(
    """UPDATE tenants SET name = :name, email = :email, phone = :phone, city = :city, country = :country,
        currency = :currency, time_zone = :time_zone, demonstration = :demonstration
    WHERE id = :id"""
)
IN_FORCE = Statement(
    """SELECT c.id, c.tenant_id, c.environment, c.door, c.kind, c.name, d.url, ARRAY(
        SELECT k.slug FROM credential_companies x JOIN companies k ON k.id = x.company_id
        WHERE x.credential_id = c.id ORDER BY x.position) AS companies
    FROM credentials c LEFT JOIN destinations d ON d.credential_id = c.id
    WHERE c.tenant_id = ANY(:tenant_ids) AND c.revoked_at IS NULL AND c.driver_id IS NULL"""
)
CREDENTIAL = Statement(
    """SELECT c.id, c.environment, d.url, d.sealed_secret
    FROM credentials c LEFT JOIN destinations d ON d.credential_id = c.id
    WHERE c.id = :id AND c.revoked_at IS NULL"""
)
# How many of `:slugs` are companies of the credential's tenant in its environment.
SET_COMPANIES = Statement(
    """WITH listed AS (
        SELECT k.id, s.position FROM credentials c
        JOIN companies k ON k.tenant_id = c.tenant_id AND k.environment = c.environment
        JOIN unnest(:slugs::text[]) WITH ORDINALITY AS s(slug, position) ON s.slug = k.slug
        WHERE c.id = :id AND c.revoked_at IS NULL),
    gone AS (DELETE FROM credential_companies WHERE credential_id = :id AND company_id NOT IN (SELECT id FROM listed)),
    come AS (
        INSERT INTO credential_companies (credential_id, company_id, position) SELECT :id, id, position FROM listed
        ON CONFLICT (credential_id, company_id) DO UPDATE SET position = excluded.position)
    SELECT count(*) FROM listed"""
)
CHANGE_KIND = Statement("UPDATE credentials SET kind = :kind WHERE id = :id")
CHANGE_KEY = Statement(
    """UPDATE credentials SET key_hash = :key_hash, hint = :hint WHERE id = :id AND revoked_at IS NULL RETURNING id"""
)
LINKS = Statement(
    """SELECT demand_id, supply_id, environment, price_rule FROM links
    WHERE demand_id = ANY(:ids) AND supply_id = ANY(:ids)"""
)
NEW_LINK = Statement(
    """INSERT INTO links (demand_id, supply_id, environment, price_rule)
    VALUES (:demand_id, :supply_id, :environment, :price_rule)"""
)
CHANGE_LINK = Statement(
    """UPDATE links SET price_rule = :price_rule
    WHERE demand_id = :demand_id AND supply_id = :supply_id AND environment = :environment"""
)


async def find(connection: Connection, key_hash: bytes) -> Access | None:
    """The access a key gives, or None."""
    row = await FIND.row(connection, key_hash=key_hash)
    if row is None:
        return None
    return Access(
        tenant_id=row["tenant_id"],
        environment=Environment(row["environment"]),
        credential_id=row["id"],
        door=row["door"],
        kind=CredentialKind(row["kind"]),
        name=row["name"],
        driver_id=row["driver_id"],
        companies=tuple(
            Company(id=id, uuid=uuid, name=name)
            for id, uuid, name in zip(row["ids"] or (), row["uuids"] or (), row["names"] or (), strict=True)
        ),
    )


async def tenant(connection: Connection, id: int) -> Tenant | None:
    """A tenant by id."""
    row = await TENANT.row(connection, id=id)
    return Tenant(**row) if row else None


async def credentials(connection: Connection, *, tenant: str | None, revoked: bool) -> "list[asyncpg.Record]":
    """All credentials, or one tenant's (by slug), with their webhook; revoked ones only if asked for.

    Those of drivers, one for each time that one signs in, are left out.
    """
    return await LIST.rows(connection, tenant=tenant, revoked=revoked)


async def tenants(connection: Connection, slugs: list[str]) -> dict[str, Tenant]:
    """Tenants by slug; unknown ones are left out."""
    return {row["slug"]: Tenant(**row) for row in await TENANTS.rows(connection, slugs=slugs)}


async def webhook_of(connection: Connection, id: int) -> tuple[str | None, bytes | None]:
    """Where a credential's events go and the sealed secret that signs them; (None, None) if nowhere."""
    row = await WEBHOOK_OF.row(connection, id=id)
    return (row["url"], row["sealed_secret"]) if row else (None, None)
