-- What drivers' reads and tracking need to stay fast and small (design 3.3, 3.7, 3.9).

-- What is known of a trip from its driver's side, as it was priced: told by him, else measured by his positions.
-- The track beside it (0012) is what his positions say, whatever he told.
CREATE TABLE ride_meters (
    ride_id         bigint PRIMARY KEY,
    metres          integer,
    seconds         integer,
    waiting_seconds integer,
    extras          jsonb NOT NULL      -- what he paid on the way: kind of line, minor units
);

-- The ride of an accepted offer has ended. Set some time after that, by upkeep: no command waits for it, and whoever
-- reads by it looks at the ride, too.
ALTER TABLE offers ADD COLUMN ended boolean NOT NULL DEFAULT false;
CREATE INDEX offers_held ON offers (driver_id) WHERE state = 'accepted' AND NOT ended;

-- When its car reported, to some ten minutes; NULL: not yet.
ALTER TABLE shifts ADD COLUMN seen_at timestamptz;

CREATE INDEX boarding_tries_by_age ON boarding_tries (tried_at);

-- How often codes were asked for, and wrong ones sent, from one address in an hour: the limit of all processes.
CREATE TABLE sign_in_addresses (
    address text NOT NULL,              -- IPv4, or the /64 of an IPv6 address
    what    text NOT NULL CHECK (what IN ('asked', 'wrong')),
    since   timestamptz NOT NULL,       -- when its hour began
    count   integer NOT NULL,
    PRIMARY KEY (address, what)
);
CREATE INDEX sign_in_addresses_by_age ON sign_in_addresses (since);

-- A tracker is known by the plate of its vehicle, or by the phone of its driver (0010).
CREATE FUNCTION plate_letters(plate text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
    RETURN regexp_replace(upper(plate), '[^0-9A-Z]', '', 'g');
CREATE INDEX vehicles_by_plate ON vehicles (tenant_id, environment, plate_letters(plate)) WHERE plate IS NOT NULL;
CREATE INDEX drivers_of_vehicle ON drivers (vehicle_id) WHERE vehicle_id IS NOT NULL;
