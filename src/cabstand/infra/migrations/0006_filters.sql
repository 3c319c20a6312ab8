-- What the filters of lists need: lists of offers and passengers along an index, the rides of a driver or vehicle,
-- and the few rides that a party has left.

CREATE INDEX ride_parties_left ON ride_parties (tenant_id, environment, ride_id DESC)
    WHERE current AND seen IS NOT NULL;
CREATE INDEX riders_of_tenant ON riders (tenant_id, environment, id DESC);
CREATE INDEX offers_of_tenant ON offers (tenant_id, environment, id DESC);
CREATE INDEX offers_of_supplier ON offers (supplier_id, environment, id DESC) WHERE supplier_id <> tenant_id;
CREATE INDEX offers_of_driver ON offers (driver_id, ride_id) WHERE driver_id IS NOT NULL;
CREATE INDEX offers_of_vehicle ON offers (vehicle_id, ride_id) WHERE vehicle_id IS NOT NULL;

-- Whether PostgreSQL takes a pattern: one that it refuses is matched literally.
CREATE FUNCTION dispatchapi_is_pattern(pattern text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    PERFORM '' ~ pattern;
    RETURN true;
EXCEPTION WHEN invalid_regular_expression THEN
    RETURN false;
END $$;
