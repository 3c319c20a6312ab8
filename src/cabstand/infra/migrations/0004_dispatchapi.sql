-- What only the dispatchapi door knows of an object: never anything that the core holds.

CREATE TABLE dispatchapi_rides    (id bigint PRIMARY KEY, document jsonb NOT NULL);
CREATE TABLE dispatchapi_drivers  (id bigint PRIMARY KEY, document jsonb NOT NULL);
CREATE TABLE dispatchapi_vehicles (id bigint PRIMARY KEY, document jsonb NOT NULL);
CREATE TABLE dispatchapi_offers   (id bigint PRIMARY KEY, document jsonb NOT NULL);
