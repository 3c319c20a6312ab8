-- Codes that were said at a pickup: after five nobody is heard for a minute.

CREATE TABLE boarding_tries (
    ride_id  bigint PRIMARY KEY,
    tries    smallint NOT NULL,
    tried_at timestamptz NOT NULL
);
