"""This door's own tables: what only it knows of an object, as one JSON document each (design 3.1, migration 0004)."""

from cabstand.core.database import Connection
from cabstand.core.sql import Statement

RIDES = "dispatchapi_rides"
DRIVERS = "dispatchapi_drivers"
VEHICLES = "dispatchapi_vehicles"
OFFERS = "dispatchapi_offers"
DEBTORS = "dispatchapi_debtors"
RATINGS = "dispatchapi_ratings"

_SAY = Statement(
    """INSERT INTO dispatchapi_rides AS x (id, document)
    SELECT r.id, jsonb_build_object('status', jsonb_build_object('word', :word::text, 'moved', r.moved))
    FROM rides r WHERE r.id = :id
    ON CONFLICT (id) DO UPDATE SET document = x.document || excluded.document"""
)


async def say_literally(connection: Connection, ride_id: int, word: str) -> None:
    """Keep a literal alias for as long as the ride does not move; in the transaction that holds the ride's row."""
    await _SAY.run(connection, id=ride_id, word=word)
