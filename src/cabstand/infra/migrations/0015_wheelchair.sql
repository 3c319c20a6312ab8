-- Cars that can take a wheelchair and rides that need one; linked companies' drivers later than own ones; which rides a
-- window has to look at.

ALTER TABLE vehicles ADD COLUMN wheelchair boolean NOT NULL DEFAULT false;
ALTER TABLE ride_details ADD COLUMN wheelchair boolean NOT NULL DEFAULT false;

UPDATE ride_details d SET wheelchair = true FROM rides r JOIN dispatchapi_rides x ON x.id = r.id
WHERE d.ride_id = r.id AND r.ended_at IS NULL AND x.document -> 'meta' ->> 'wheelchair' IN ('true', '1');

-- For so long only drivers of the tenant that booked are asked; after that those of linked companies too.
ALTER TABLE plans ADD COLUMN own_seconds integer NOT NULL DEFAULT 0;
ALTER TABLE ride_plans ADD COLUMN own_seconds integer NOT NULL DEFAULT 0;

-- The pickup of a ride that is booked ahead and waits for its time, else the epoch: a window reads those with a pickup
-- soon, and all others.
ALTER TABLE ride_plans ADD COLUMN booked_for timestamptz NOT NULL DEFAULT 'epoch';
CREATE INDEX ride_plans_by_time ON ride_plans (market_id, booked_for, ride_id);
DROP INDEX ride_plans_of_market;

-- A search begins at the later of `begins_at` and the ride's own `active_from`, which may be brought forward.
UPDATE ride_plans p SET booked_for = r.pickup_at, begins_at = least(p.begins_at, r.changed_at)
FROM rides r WHERE r.id = p.ride_id AND r.active_from IS NOT NULL AND r.state IN ('scheduled', 'requested');
