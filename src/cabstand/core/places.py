"""Where: a point on the earth with the words people use for it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A point (WGS 84, degrees) with its address as far as it is known."""

    label: str  # a free description of the point
    lat: float
    lng: float
    country: str | None = None  # ISO 3166-1 alpha-2
    city: str | None = None
    street: str | None = None
    house_number: str | None = None
    postal_code: str | None = None
    poi_code: str | None = None  # for airports the IATA code


PLACE_FIELDS = ("label", "lat", "lng", "country", "city", "street", "house_number", "postal_code", "poi_code")
