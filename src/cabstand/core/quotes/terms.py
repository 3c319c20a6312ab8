"""What the door that booked a ride was told of its price and trip: where it keeps that, and how that reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cabstand.core.quotes.model import Known


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """A door's way to say what is known of a ride that it has booked."""

    documents: str  # its table of documents, one a ride
    known: Callable[[Mapping[str, Any]], Known]
