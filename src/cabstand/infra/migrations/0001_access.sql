-- Who may knock: tenants, their credentials, where their webhooks go, who may serve whom (design 3.9).

CREATE TABLE tenants (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug          text NOT NULL UNIQUE,
    name          text NOT NULL,
    email         text,
    phone         text,
    city          text,
    country       text NOT NULL,
    currency      text NOT NULL,
    time_zone     text NOT NULL,
    demonstration boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL
);

CREATE TABLE credentials (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id   bigint NOT NULL REFERENCES tenants,
    environment text NOT NULL CHECK (environment IN ('sandbox', 'live')),
    door        text NOT NULL,
    kind        text NOT NULL,
    name        text NOT NULL,
    hint        text NOT NULL,          -- the first characters of the key, to recognise it by
    key_hash    bytea NOT NULL UNIQUE,  -- SHA-256 of a high-entropy key; the key itself is nowhere
    created_at  timestamptz NOT NULL,
    revoked_at  timestamptz
);
CREATE UNIQUE INDEX credentials_in_force ON credentials (tenant_id, environment, door, name) WHERE revoked_at IS NULL;

-- Where a credential's webhooks go. The row is also the queue's turnstile: due, leased, paused (design 3.5).
CREATE TABLE destinations (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id     bigint NOT NULL REFERENCES tenants,
    environment   text NOT NULL CHECK (environment IN ('sandbox', 'live')),
    credential_id bigint NOT NULL UNIQUE REFERENCES credentials,
    url           text,                 -- NULL: switched off, what is queued waits
    sealed_secret bytea,                -- signs the body where the owner asked for it
    next_due      timestamptz,          -- NULL: nothing is queued
    leased_until  timestamptz,
    leased_by     text,
    paused_until  timestamptz,
    failures      integer NOT NULL DEFAULT 0  -- in a row
);
CREATE INDEX destinations_due ON destinations (next_due) WHERE next_due IS NOT NULL AND url IS NOT NULL;

CREATE TABLE links (
    demand_id   bigint NOT NULL REFERENCES tenants,
    supply_id   bigint NOT NULL REFERENCES tenants,
    environment text NOT NULL CHECK (environment IN ('sandbox', 'live')),
    PRIMARY KEY (demand_id, supply_id, environment),
    CHECK (demand_id <> supply_id)
);
