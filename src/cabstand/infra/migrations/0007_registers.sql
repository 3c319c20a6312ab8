-- What only the dispatchapi door knows of debtors, ratings and passengers (0004 has the others).

CREATE TABLE dispatchapi_debtors    (id bigint PRIMARY KEY, document jsonb NOT NULL);
CREATE TABLE dispatchapi_ratings    (id bigint PRIMARY KEY, document jsonb NOT NULL);

-- Drivers are also asked by phone number.
CREATE INDEX drivers_by_phone ON drivers (tenant_id, environment, phone);

-- A company that a partner brought in.
ALTER TABLE tenants ADD COLUMN parent_id bigint REFERENCES tenants;

-- An offer to a company as a whole: any of its drivers may take it, also one who is named later.
ALTER TABLE offers ADD COLUMN to_company boolean NOT NULL DEFAULT false;
