-- Prices and fares (design 3.8), debtors, ratings.

-- What a tenant asks for. A list is read, compared and replaced as a whole (`cabstand apply`) and never searched, so it
-- is one row of documents, not a row per tariff; amounts are minor units of `currency`, rates are text in the documents.
CREATE TABLE price_lists (
    tenant_id    bigint NOT NULL REFERENCES tenants,
    environment  text NOT NULL CHECK (environment IN ('sandbox', 'live')),
    currency     text NOT NULL,
    tariffs      jsonb NOT NULL,
    zones        jsonb NOT NULL,
    fixed_prices jsonb NOT NULL,
    changed_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, environment)
);

-- How the fares of both sides join where another tenant serves; who serves its own rides holds its price.
ALTER TABLE links ADD COLUMN price_rule text NOT NULL DEFAULT 'passed_through'
    CHECK (price_rule IN ('held', 'passed_through'));

-- What a ride costs its booker (demand), and what its server gets (supply: one per accepted offer). Rows are written
-- once and never changed. Lines are written and read with their fare and never alone, so they are a document in it.
CREATE TABLE fares (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ride_id     bigint NOT NULL,
    environment text NOT NULL,
    tenant_id   bigint NOT NULL,        -- whose fare it is: the booker's, the supplier's
    side        text NOT NULL CHECK (side IN ('demand', 'supply')),
    offer_id    bigint,                 -- NULL: the booker's
    basis       text NOT NULL CHECK (basis IN ('agreed', 'fixed', 'metered', 'planned')),
    price_rule  text NOT NULL CHECK (price_rule IN ('held', 'passed_through')),
    currency    text NOT NULL,
    total       bigint NOT NULL,        -- minor units including tax: the sum of the lines
    margin      bigint,                 -- demand: what is left between the two sides; NULL where that cannot be said
    lines       jsonb NOT NULL,
    created_at  timestamptz NOT NULL,
    CHECK ((side = 'supply') = (offer_id IS NOT NULL)),
    UNIQUE NULLS NOT DISTINCT (ride_id, offer_id)
);

CREATE TABLE debtors (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    bigint NOT NULL,
    environment  text NOT NULL,
    company_name text,
    email        text,
    phone        text,
    code         text,                  -- by which rides name it
    note         text,
    document     jsonb,                 -- what only its door knows
    version      integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    changed_at   timestamptz NOT NULL
);
CREATE INDEX debtors_of_tenant ON debtors (tenant_id, environment, id DESC);

CREATE TABLE ratings (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id   bigint NOT NULL,
    environment text NOT NULL,
    ride_id     bigint,
    driver_id   bigint,
    rider_id    bigint,
    score       smallint NOT NULL CHECK (score BETWEEN 1 AND 5),
    kind        text NOT NULL CHECK (kind IN ('passenger', 'operator')),
    comment     text,
    document    jsonb,                  -- what only its door knows
    version     integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL
);
CREATE INDEX ratings_of_tenant ON ratings (tenant_id, environment, id DESC);
CREATE INDEX ratings_of_ride ON ratings (ride_id);
