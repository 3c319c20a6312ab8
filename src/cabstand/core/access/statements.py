"""SQL of OAuth clients, their tokens, and how many requests they have made."""

from typing import Final

from cabstand.core.sql import Statement

CLIENT: Final = Statement(
    """SELECT id, tenant_id, environment, door, kind, name, key_hash, token_hash FROM credentials
    WHERE client_id = :client_id AND revoked_at IS NULL"""
)
MAKE_CLIENT: Final = Statement(
    """UPDATE credentials SET client_id = coalesce(client_id, :client_id), token_hash = :token_hash
    WHERE id = :id AND revoked_at IS NULL RETURNING client_id"""
)
GRANT: Final = Statement(
    """INSERT INTO access_tokens (token_hash, credential_id, scope, created_at, expires_at)
    VALUES (:token_hash, :credential, :scope, :now, :expires_at)"""
)
BEARER: Final = Statement(
    """SELECT c.id, c.tenant_id, c.environment, c.door, c.kind, c.name, c.token_hash, t.scope, t.expires_at
    FROM access_tokens t JOIN credentials c ON c.id = t.credential_id
    WHERE t.token_hash = :token_hash AND c.revoked_at IS NULL"""
)

# One request more in the window that began at `:window`, or in a later one where another process is ahead of us. No
# row comes back for what is too much: nothing is written for it.
COUNT_REQUEST: Final = Statement(
    """INSERT INTO request_quotas AS q (fleet_id, window_start, used) VALUES (:fleet, :window, 1)
    ON CONFLICT (fleet_id) DO UPDATE SET window_start = greatest(q.window_start, excluded.window_start),
        used = CASE WHEN q.window_start < excluded.window_start THEN 1 ELSE q.used + 1 END
    WHERE q.window_start < excluded.window_start OR q.used < :limit
    RETURNING used, window_start"""
)
