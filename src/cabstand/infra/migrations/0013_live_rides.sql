-- Rides that go on: few among all that ever were. Of a ride's updates only the last is not HOT for it.
CREATE INDEX rides_live ON rides (id) WHERE ended_at IS NULL;
