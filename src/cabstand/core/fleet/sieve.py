"""A wish made ready to be held against many slots at once."""

from collections.abc import Hashable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cabstand.core.fleet.columns import Codes, Columns
from cabstand.core.fleet.positions import Ints, Mask, Wanted

K = TypeVar("K", bound=Hashable)


class Sieve:
    """By code, which tenants and vehicle types are wanted; made once per wish and kept."""

    def __init__(self, wanted: Wanted, columns: Columns) -> None:
        self._codes = _how_many(columns)
        self._tenants = _table(columns.tenants, wanted.tenants)
        self._kinds = _table(columns.kinds, wanted.vehicle_types)

    def knows_all_of(self, columns: Columns) -> bool:
        """False when values have come up that it was not made for."""
        return self._codes == _how_many(columns)

    def fitting(self, columns: Columns, slots: Ints, bits: int) -> Mask:
        """Which of the slots have all the bits among their traits and fit the wish's sets."""
        mask: Mask = (columns.traits.take(slots) & bits) == bits
        if self._tenants is not None:
            mask &= self._tenants[columns.tenant[slots]]
        if self._kinds is not None:
            mask &= self._kinds[columns.kind[slots]]
        return mask


def _how_many(columns: Columns) -> tuple[int, int]:
    return len(columns.tenants), len(columns.kinds)


def _table(codes: Codes[K], wanted: frozenset[K] | None) -> NDArray[np.bool_] | None:
    """None: all are wanted. One more than there are codes, so that nobody's slot has a place in an empty table."""
    return None if wanted is None else np.append(codes.table(wanted), False)
