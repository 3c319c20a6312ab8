-- Rides that find their cars by themselves: markets, plans, rounds (design 3.6, 3.7).

-- Where it happens. One process at a time owns a market: whoever holds the lease of the newest epoch.
CREATE TABLE markets (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug         text NOT NULL,
    environment  text NOT NULL CHECK (environment IN ('sandbox', 'live')),
    name         text NOT NULL,
    time_zone    text NOT NULL,
    currency     text NOT NULL,
    zone         jsonb NOT NULL,        -- the area as it was given
    area         polygon NOT NULL,      -- the same as (latitude, longitude) corners, for the look-up at a booking
    rules        jsonb NOT NULL,        -- how it is dispatched; what is missing has its default
    changed_at   timestamptz NOT NULL,
    owner        text,
    epoch        bigint NOT NULL DEFAULT 0,
    leased_until timestamptz,
    UNIQUE (slug, environment)
);

-- What becomes of a tenant's rides that nobody was named for: one row per door at which it books.
CREATE TABLE plans (
    tenant_id           bigint NOT NULL REFERENCES tenants,
    environment         text NOT NULL CHECK (environment IN ('sandbox', 'live')),
    door                text NOT NULL,
    channels            text[] NOT NULL,
    grace_seconds       integer NOT NULL,  -- after the booking; until then the ride is its company's own
    search_seconds      integer NOT NULL,  -- how long a car is looked for
    handed_back_seconds integer NOT NULL,  -- how long dispatch software may decide about a ride that was handed back
    PRIMARY KEY (tenant_id, environment, door)
);

-- The plan of one ride, taken from its tenant's when it was booked; gone some time after the ride has ended.
CREATE TABLE ride_plans (
    ride_id             bigint PRIMARY KEY,
    market_id           bigint NOT NULL,
    begins_at           timestamptz NOT NULL,
    search_seconds      integer NOT NULL,
    handed_back_seconds integer NOT NULL
);
CREATE INDEX ride_plans_of_market ON ride_plans (market_id);

-- The driver whom a market asks, alone: nobody has two such offers at once.
-- `queued`: he is asked while he still has a passenger, for his time after that.
ALTER TABLE offers ADD COLUMN exclusive_driver_id bigint, ADD COLUMN pickup_seconds integer,
    ADD COLUMN queued boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX offers_one_exclusive ON offers (exclusive_driver_id)
    WHERE state = 'sent' AND exclusive_driver_id IS NOT NULL;
