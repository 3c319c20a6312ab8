-- Drivers with an app: how they sign in, their shifts, and what finds their offers and rides (design 3.3, 3.9).

-- A driver's session is a credential of one driver; it ends when it is revoked or the driver may not drive any more.
ALTER TABLE credentials ADD COLUMN driver_id bigint;

-- The code that was sent to a phone last, also to one that nobody has: asking tells nothing. Whom it lets in was
-- settled when it was sent. The row of a phone is the lock and the memory of its limits.
CREATE TABLE sign_in_codes (
    environment text NOT NULL CHECK (environment IN ('sandbox', 'live')),
    phone       text NOT NULL,
    driver_ids  bigint[] NOT NULL,
    salt        bytea NOT NULL,
    code_hash   bytea,                  -- NULL: it was used
    tries       integer NOT NULL DEFAULT 0,
    expires_at  timestamptz NOT NULL,
    sent        timestamptz[] NOT NULL, -- when codes were sent, of the last hour, the newest last
    PRIMARY KEY (environment, phone)
);
CREATE INDEX sign_in_codes_by_age ON sign_in_codes (expires_at);

-- Phones are compared by their digits; what they mean in the company's country is settled by the program.
CREATE FUNCTION phone_digits(phone text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
    RETURN regexp_replace(phone, '[^0-9]', '', 'g');
CREATE INDEX drivers_to_sign_in ON drivers (environment, phone_digits(phone)) WHERE phone IS NOT NULL;

CREATE TABLE shifts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    driver_id   bigint NOT NULL,
    tenant_id   bigint NOT NULL,
    environment text NOT NULL,
    vehicle_id  bigint NOT NULL,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz
);
CREATE UNIQUE INDEX shifts_open_of_driver ON shifts (driver_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX shifts_open_of_vehicle ON shifts (vehicle_id) WHERE ended_at IS NULL;

-- Offers that wait for an answer, and what a driver said yes to of late: both are asked for all the time.
CREATE INDEX offers_open ON offers (expires_at) WHERE state = 'sent';
CREATE INDEX offers_of_driver_lately ON offers (driver_id, changed_at) WHERE driver_id IS NOT NULL;

-- What the rider tells the driver when getting in, where the ride asks for it.
ALTER TABLE ride_details ADD COLUMN boarding_code text;
