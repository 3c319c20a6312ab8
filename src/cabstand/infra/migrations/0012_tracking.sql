-- Where a ride's car drove: chunks while it goes on, one track afterwards (design 3.7).

CREATE TABLE ride_traces (
    ride_id bigint NOT NULL,
    minute  integer NOT NULL,           -- of the fixes, since the epoch
    fixes   bytea NOT NULL,             -- appended to; core/fleet/tracking/trace.py says how
    PRIMARY KEY (ride_id, minute)
);
CREATE TABLE ride_tracks (
    ride_id bigint PRIMARY KEY,
    fixes   bytea NOT NULL,
    metres  integer NOT NULL            -- with the passenger on board
);
