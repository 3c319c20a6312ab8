"""The filter language of this door: LoopBack 3's, in full, over PostgreSQL (contract section 7).

`parse` reads it, `service` answers; `properties`, `models` and `relations` are the tables of what there is.
"""

from cabstand.doors.dispatchapi.filters.errors import BadFilter, QueryTooExpensive
from cabstand.doors.dispatchapi.filters.parse import read, read_by_id, read_where
from cabstand.doors.dispatchapi.filters.service import (
    count,
    count_related,
    exists,
    find,
    find_by_id,
    find_one,
    find_related,
)

__all__ = [
    "BadFilter",
    "QueryTooExpensive",
    "count",
    "count_related",
    "exists",
    "find",
    "find_by_id",
    "find_one",
    "find_related",
    "read",
    "read_by_id",
    "read_where",
]
