-- Companies that book for their staff. The wall is the tenant and the company (design 3.9).

CREATE TABLE companies (
    id          bigint GENERATED ALWAYS AS IDENTITY (START WITH 9001) PRIMARY KEY,
    tenant_id   bigint NOT NULL REFERENCES tenants,
    environment text NOT NULL CHECK (environment IN ('sandbox', 'live')),
    slug        text NOT NULL,
    uuid        uuid NOT NULL UNIQUE,   -- by which integrators name it
    name        text NOT NULL,
    created_at  timestamptz NOT NULL,
    UNIQUE (tenant_id, environment, slug)
);

-- The companies that a credential may act for, its primary one first.
CREATE TABLE credential_companies (
    credential_id bigint NOT NULL REFERENCES credentials ON DELETE CASCADE,
    company_id    bigint NOT NULL REFERENCES companies,
    position      smallint NOT NULL,
    PRIMARY KEY (credential_id, company_id)
);

-- `folded` is the name as searches compare it: without case and accents (core/corporate/search.py).
CREATE TABLE employees (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    company_id    bigint NOT NULL REFERENCES companies,
    name          text NOT NULL,
    folded        text NOT NULL,
    phone         text NOT NULL,        -- digits with the area code
    phone_country text NOT NULL,        -- ISO 3166-1 alpha-3
    email         text NOT NULL,
    national_id   text,
    pin           text,
    external_id   bigint,
    supervisor_id bigint REFERENCES employees,
    services      text[] NOT NULL,      -- that may be booked for them
    enabled       boolean NOT NULL DEFAULT true,
    version       integer NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL,
    CHECK (national_id IS NOT NULL OR pin IS NOT NULL)
);
CREATE UNIQUE INDEX employees_by_email ON employees (company_id, lower(email)) WHERE enabled;
CREATE INDEX employees_of_company ON employees (company_id, id);
CREATE INDEX employees_by_national_id ON employees (company_id, national_id) WHERE national_id IS NOT NULL;

CREATE TABLE cost_centers (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    company_id bigint NOT NULL REFERENCES companies,
    name       text NOT NULL,
    folded     text NOT NULL,
    enabled    boolean NOT NULL DEFAULT true,
    version    integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX cost_centers_by_name ON cost_centers (company_id, name) WHERE enabled;
CREATE INDEX cost_centers_of_company ON cost_centers (company_id, id);

CREATE TABLE projects (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    company_id bigint NOT NULL REFERENCES companies,
    name       text NOT NULL,
    folded     text NOT NULL,
    enabled    boolean NOT NULL DEFAULT true,   -- a disabled one is found no more; receipts keep its name
    version    integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX projects_of_company ON projects (company_id, id);

CREATE TABLE employee_cost_centers (
    employee_id    bigint NOT NULL REFERENCES employees,
    cost_center_id bigint NOT NULL REFERENCES cost_centers,
    PRIMARY KEY (employee_id, cost_center_id)
);

-- The newest estimate of a service for an employee: no ride without one (contracts/corp99, section 6).
CREATE TABLE ride_estimates (
    employee_id bigint NOT NULL REFERENCES employees,
    service     text NOT NULL,
    made_at     timestamptz NOT NULL,
    PRIMARY KEY (employee_id, service)
);

-- What a company's ride is besides a ride. Written once, with its ride; no foreign keys (decision 0010).
CREATE TABLE corporate_rides (
    ride_id        bigint PRIMARY KEY,
    company_id     bigint NOT NULL,
    employee_id    bigint NOT NULL,
    cost_center_id bigint NOT NULL,
    project_id     bigint,
    service        text NOT NULL,       -- as it was ordered; dispatch software may name another class of vehicle
    reason         text,                -- why it is needed: the company's own business, no note for who drives
    accepted_text  bigint,              -- the message that told the passenger who comes
    cancelled_text bigint               -- the message that told of the driver's cancel
);
CREATE INDEX corporate_rides_of_company ON corporate_rides (company_id, ride_id DESC);

-- Receipts, made after the ride from its fare; never changed. A correction is a new one that refers to the old.
-- The columns beside the document are what reports filter and sum.
CREATE TABLE corporate_receipts (
    id             bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000000) PRIMARY KEY,
    ride_id        bigint NOT NULL,
    company_id     bigint NOT NULL,
    fare_id        bigint NOT NULL,
    corrects       bigint REFERENCES corporate_receipts,
    newest         boolean NOT NULL DEFAULT true,
    ended_at       timestamptz NOT NULL,
    cost_center_id bigint NOT NULL,
    project_id     bigint,
    service        text NOT NULL,
    currency       text NOT NULL,
    total          bigint NOT NULL,     -- minor units
    document       jsonb NOT NULL,      -- the receipt as it was written: names, places, lengths
    created_at     timestamptz NOT NULL,
    UNIQUE (ride_id, fare_id)
);
CREATE UNIQUE INDEX corporate_receipts_newest ON corporate_receipts (ride_id) WHERE newest;
CREATE INDEX corporate_receipts_of_company ON corporate_receipts (company_id, ended_at, id) WHERE newest;

-- What only the corp99 door knows of a ride.
CREATE TABLE corp99_rides (id bigint PRIMARY KEY, document jsonb NOT NULL);
