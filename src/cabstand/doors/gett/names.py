"""Every path and field of the Gett wire, in one table, with where its name comes from; an operator may correct it.

Little of the wire is published. What is not is our proposal, so a partner with the true specification writes a file
(`CABSTAND_GETT_NAMES`) with other paths and field names, and no code is changed.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


class Source(StrEnum):
    """Where a name comes from."""

    DOCUMENTED = "documented"
    INFERRED = "inferred"  # follows from what is documented
    OURS = "ours"  # nothing public says it


D, I, O = Source.DOCUMENTED, Source.INFERRED, Source.OURS  # noqa: E741
PREFIXES: Final = ("/api/v1", "/v1")
"""Both are documented, and both lead to every call of a fleet."""

CALLS: Final[Mapping[str, tuple[str, Source]]] = {
    "reserve_future_order": ("/rex_dispatch/order/{order_id}/reserve_future_order", D),
    "accept": ("/rex_dispatch/order/{order_id}/accept", I),
    "submit_external_order_id": ("/rex_dispatch/order/{order_id}/submit_external_order_id", I),
    "reject": ("/rex_dispatch/order/{order_id}/reject", O),
    "arrived": ("/rex_ride/order/{order_id}/arrived", O),
    "start": ("/rex_ride/order/{order_id}/start", O),
    "complete": ("/rex_ride/order/{order_id}/complete", O),
    "cancel": ("/rex_ride/order/{order_id}/cancel", D),
    "location": ("/rex_ride/order/{order_id}/location", O),
    "locations": ("/rex_ride/locations", O),
    "final_price": ("/rex_ride/order/{order_id}/final_price", O),
    "stop_point": ("/rex_ride/order/{order_id}/stop_point", O),
    "pause": ("/rex_fleet/pause", O),
    "resume": ("/rex_fleet/resume", O),
}
"""What a fleet calls, below either prefix."""
SERVED: Final[Mapping[str, tuple[str, Source]]] = {
    "quotes": ("/api/v1/ride_exchange/quotes", I),
    "future_order": ("/api/v1/ride_exchange/future_order", I),
    "order": ("/api/v1/ride_exchange/order", O),
    "update_order": ("/api/v1/ride_exchange/update_order", D),
    "cancel_order": ("/api/v1/ride_exchange/order/{order_id}", I),
    "driver_photo": ("/api/v1/ride_exchange/driver_photo/{driver_id}", O),
}
"""What is called at a fleet, below its endpoint."""

FIELDS: Final[Mapping[str, Source]] = {
    # documented in the pages of this API
    **dict.fromkeys(("external_order_id", "origin", "destination", "stop_points_info", "preferences"), D),
    "quotes": D,
    # names that Gett uses in its other, published APIs
    **dict.fromkeys(("lat", "lng", "full_address", "address", "scheduled_at", "will_arrive_at_pickup"), I),
    **dict.fromkeys(("driver", "name", "phone", "rating", "image_url", "vehicle", "model", "status", "id"), I),
    # ours: of what a fleet sends
    **dict.fromkeys(("license_number", "make", "color", "license_plate", "year", "seats", "eta", "location"), O),
    **dict.fromkeys(("bearing", "speed", "accuracy", "at", "reason", "comment", "price", "total", "currency"), O),
    **dict.fromkeys(("tax_included", "charges", "type", "amount", "tax", "description"), O),
    **dict.fromkeys(("distance_m", "duration_s", "waiting_s", "locations", "order_id", "stop"), O),
    # ours: of what a fleet is answered
    **dict.fromkeys(("success", "action", "accepted", "declined", "orders", "paused"), O),
    # ours: of what is sent to a fleet, and of what it answers
    **dict.fromkeys(("fleet_id", "quote_id", "passenger_name", "passenger_language", "passenger_phone", "vip"), O),
    **dict.fromkeys(("note_to_driver", "service", "flight", "number", "airline", "terminal", "stop_points"), O),
    **dict.fromkeys(("country", "city", "street", "house_number", "postal_code", "instructions", "passenger"), O),
    **dict.fromkeys(("supplier_name", "available", "expires_at", "cancellation_fee"), O),
}
"""Every field, by its name here. A file may rename one everywhere, or below another: `"driver.id"`."""
_PATH: Final = re.compile(r"(/[A-Za-z0-9._~{}-]+)+")
_FIELD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
LARGEST: Final = 100_000  # characters of a file


class NamesError(Exception):
    """The file with names cannot be used; `problems` has all that is wrong with it."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names in use."""

    paths: Mapping[str, str] = field(default_factory=dict)  # call → path, of those that are renamed
    fields: Mapping[str, str] = field(default_factory=dict)  # our name, or "parent.name" → the name on the wire

    def call(self, name: str) -> tuple[str, ...]:
        """The paths of a fleet's call, the first of which is shown."""
        path = self.paths.get(name, CALLS[name][0])
        return tuple(prefix + path for prefix in PREFIXES)

    def served(self, name: str) -> str:
        """The path of what is called at a fleet, below its endpoint; `{order_id}` and the like stand in it."""
        return self.paths.get(name, SERVED[name][0])

    def wire(self, name: str, parent: str = "") -> str:
        """How a field is called on the wire, that stands below `parent`."""
        return self.fields.get(f"{parent}.{name}") or self.fields.get(name, name)

    def out(self, value: Any, parent: str = "") -> Any:
        """A message in our names as it is written: at any depth, lists too."""
        if not self.fields:
            return value
        if isinstance(value, Mapping):
            return {self.wire(name, parent): self.out(item, name) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.out(item, parent) for item in value]
        return value

    def into(self, value: Any, parent: str = "") -> Any:
        """A message as it came, in our names; what no name stands for stays as it is."""
        if not self.fields:
            return value
        if isinstance(value, list):
            return [self.into(item, parent) for item in value]
        if not isinstance(value, dict):
            return value
        ours: dict[Any, str] = {self.wire(name, parent): name for name in FIELDS}
        return {(own := ours.get(name) or str(name)): self.into(item, own) for name, item in value.items()}


PUBLISHED: Final = Names()
"""The names as they are documented and proposed."""


def read(text: str) -> Names:
    """The names of an operator's file: tables `paths` and `fields` (TOML). Raises NamesError."""
    if len(text) > LARGEST:
        raise NamesError((f"the file is longer than {LARGEST} characters",))
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NamesError((f"the file is no TOML: {error}",)) from None
    problems = [f"there is no table [{name}]" for name in document if name not in ("paths", "fields")]
    paths, fields = document.get("paths", {}), document.get("fields", {})
    problems += [
        f"[{name}] must be a table" for name, it in (("paths", paths), ("fields", fields)) if type(it) is not dict
    ]
    if problems:
        raise NamesError(tuple(problems))
    problems = [*_wrong_paths(paths), *_wrong_fields(fields)]
    if problems:
        raise NamesError(tuple(problems))
    return Names(paths=paths, fields=fields)


def _wrong_paths(paths: Mapping[str, Any]) -> Iterator[str]:
    known = {**CALLS, **SERVED}
    for name, path in paths.items():
        if name not in known:
            yield f"paths.{name} is no call: they are {', '.join(known)}"
        elif not isinstance(path, str) or not _PATH.fullmatch(path):
            yield f'paths.{name} must be a path such as "{known[name][0]}"'
        elif sorted(re.findall(r"\{.*?\}", path)) != sorted(re.findall(r"\{.*?\}", known[name][0])):
            yield f"paths.{name} must have the same places in braces as {known[name][0]}"
    used = [paths.get(name, path) for name, (path, _) in CALLS.items()]
    for path in sorted({str(path) for path in used if used.count(path) > 1}):
        yield f"two calls have the path {path}"


def _wrong_fields(fields: Mapping[str, Any]) -> Iterator[str]:
    for name, wire in fields.items():
        parent, _, own = name.rpartition(".")
        if own not in FIELDS or (parent and parent not in FIELDS):
            yield f'fields."{name}" is no field, or no field below a field'
        elif not isinstance(wire, str) or not _FIELD.fullmatch(wire):
            yield f'fields."{name}" must be a name: letters, digits, - and _'
