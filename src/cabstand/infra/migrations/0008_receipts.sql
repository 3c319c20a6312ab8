-- A correction of a fare is a new row that refers to the one before it (design 3.8). Rows still never change.

ALTER TABLE fares ADD COLUMN corrects bigint;  -- NULL: the first of its ride and side
ALTER TABLE fares DROP CONSTRAINT fares_ride_id_offer_id_key;
ALTER TABLE fares ADD CONSTRAINT fares_one_after_another UNIQUE NULLS NOT DISTINCT (ride_id, offer_id, corrects);
