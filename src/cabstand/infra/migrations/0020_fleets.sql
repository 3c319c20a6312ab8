-- Partner fleets: a channel of supply that is asked over the network (design 3.3, 3.6).

-- A fleet is a tenant that is called at an address; one per tenant, environment and door.
CREATE TABLE fleets (
    id                   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id            bigint NOT NULL REFERENCES tenants,
    environment          text NOT NULL CHECK (environment IN ('sandbox', 'live')),
    door                 text NOT NULL,
    endpoint             text,          -- where it is called, without a slash at its end; NULL: not called
    sealed_authorization bytea,         -- what it wants in `Authorization`, where that was agreed
    rules                jsonb NOT NULL,-- how it is asked (core/dispatch/fleets/model.py); what is missing has its default
    paused_by            text CHECK (paused_by IN ('fleet', 'operator')),
    failures             integer NOT NULL DEFAULT 0,  -- calls in a row that failed
    resting_until        timestamptz,   -- it failed too often: asked again after this
    changed_at           timestamptz NOT NULL,
    UNIQUE (tenant_id, environment, door)
);

-- What a fleet was asked with an offer, and what it said besides yes and no. The offer's id is the order's id.
CREATE TABLE fleet_orders (
    offer_id       bigint PRIMARY KEY,
    ride_id        bigint NOT NULL,
    fleet_id       bigint NOT NULL,
    environment    text NOT NULL,
    ahead          boolean NOT NULL,    -- asked to reserve
    quote_id       text,                -- the fleet's own
    quoted         bigint,              -- minor units of the currency; NULL: the fleet names no price
    final          bigint,              -- the newest price that it told
    fee            bigint,              -- what a cancelled order costs, where the fleet says so
    currency       text,
    pickup_seconds integer,             -- as quoted
    accept_by      timestamptz,         -- a reserved order must be accepted until then
    heard_at       timestamptz,         -- when it last said anything about the order
    withdrawn_at   timestamptz,         -- when it was told that the order is over, or said so itself
    created_at     timestamptz NOT NULL
);
CREATE INDEX fleet_orders_of_ride ON fleet_orders (ride_id);
CREATE INDEX fleet_orders_of_fleet ON fleet_orders (fleet_id, offer_id DESC);

-- Answers to exact repeats of a fleet's calls (gett contract, A2).
CREATE TABLE fleet_calls (
    offer_id   bigint NOT NULL,
    call       text NOT NULL,
    body_hash  bytea NOT NULL,
    answer     bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (offer_id, call, body_hash)
);
CREATE INDEX fleet_calls_by_age ON fleet_calls (created_at);

-- A plan asks its channels one after the other; a ride takes its tenant's along.
ALTER TABLE plans ADD COLUMN drivers_seconds integer NOT NULL DEFAULT 60;  -- for own drivers before the next channel
ALTER TABLE ride_plans ADD COLUMN channels text[] NOT NULL DEFAULT '{drivers}',
    ADD COLUMN drivers_seconds integer NOT NULL DEFAULT 60;

-- `says_when`: whoever took it says itself when a driver sets off, so a timer must not make a reserved ride assigned.
ALTER TABLE offers ADD COLUMN reference text,   -- the supplier's own number for the order
    ADD COLUMN says_when boolean NOT NULL DEFAULT false;

-- A ride that somebody must look after: a flag beside its state.
CREATE TABLE ride_care (
    ride_id     bigint PRIMARY KEY,
    environment text NOT NULL,
    reason      text NOT NULL,
    since       timestamptz NOT NULL,
    over_at     timestamptz
);
CREATE INDEX ride_care_open ON ride_care (environment, since) WHERE over_at IS NULL;

-- Calls to a partner are deliveries with a method and a path, whose answers mean something.
ALTER TABLE destinations DROP CONSTRAINT destinations_owner, DROP CONSTRAINT destinations_door;
ALTER TABLE destinations ADD COLUMN fleet_id bigint UNIQUE REFERENCES fleets,
    ADD CONSTRAINT destinations_owner CHECK (num_nonnulls(credential_id, company_id, fleet_id) = 1),
    ADD CONSTRAINT destinations_door CHECK ((credential_id IS NULL) = (door IS NOT NULL));
ALTER TABLE deliveries ADD COLUMN method text NOT NULL DEFAULT 'POST',
    ADD COLUMN path text NOT NULL DEFAULT '',   -- behind the destination's address
    ADD COLUMN answer_job text;                 -- the kind of job that hears the answer when the delivery is over

-- OAuth 2 client credentials: the short-lived tokens that they give.
CREATE TABLE access_tokens (
    token_hash    bytea PRIMARY KEY,
    credential_id bigint NOT NULL REFERENCES credentials ON DELETE CASCADE,
    scope         text NOT NULL,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL
);
CREATE INDEX access_tokens_by_age ON access_tokens (expires_at);
-- A client's id is no secret; its secret is the credential's key, its constant token a second one.
ALTER TABLE credentials ADD COLUMN client_id text UNIQUE, ADD COLUMN token_hash bytea UNIQUE;

-- How many requests a fleet has made in the window of now; lost without harm.
CREATE UNLOGGED TABLE request_quotas (
    fleet_id      bigint PRIMARY KEY,
    window_start  timestamptz NOT NULL,
    used          integer NOT NULL
);

-- The newest price that a fleet told of an order, in lines that add up to `fleet_orders.final`.
CREATE TABLE fleet_prices (
    offer_id bigint PRIMARY KEY,
    lines    jsonb NOT NULL,            -- kind of line, minor units
    told_at  timestamptz NOT NULL
);
