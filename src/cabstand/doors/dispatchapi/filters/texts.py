"""How values of a filter are shown in messages, and which of them are lists."""

from typing import Any

import msgspec

LONGEST_SHOWN = 200


def shown(value: Any) -> str:
    """A value as JSON, not too long."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def as_list(value: Any) -> list[Any] | None:
    """An array, or an object with sequential numeric indices; None for anything else."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and value and all(str(n) in value for n in range(len(value))):
        return [value[str(n)] for n in range(len(value))]
    return None
