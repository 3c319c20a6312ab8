-- What is called at partner fleets: their deliveries are found by order, and their drivers' pictures are kept.

CREATE INDEX deliveries_of_order ON deliveries (subject_id, id) WHERE subject = 'offer';

-- A fleet's pictures of its drivers. The name is in the public address of a picture, and cannot be guessed.
CREATE TABLE driver_photos (
    driver_id  bigint PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    tries      integer NOT NULL,        -- to fetch it, since it was last wanted
    address    text,                    -- where the fleet says that it is
    media      text,                    -- NULL: none has come yet
    content    bytea,
    asked_at   timestamptz NOT NULL,
    changed_at timestamptz              -- of the content
);
