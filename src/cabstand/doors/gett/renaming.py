"""Message shapes under other names: a Struct becomes one whose fields are called otherwise on the wire."""

import functools
import operator
import types
import typing
from typing import Annotated, Any, TypeVar

import msgspec

from cabstand.doors.gett.names import Names

T = TypeVar("T", bound=msgspec.Struct)
Made = dict[tuple[Any, ...], type[msgspec.Struct]]
"""Structs that were made, so that one is not made twice: by what they are made of."""


def renamed(struct: type[T], names: Names, made: Made, parent: str = "") -> type[T]:
    """The Struct as `names` have it, with all Structs in it; itself where nothing is renamed.

    Attributes keep their names: only the wire changes.
    """
    if not names.fields:
        return struct
    fields: list[Any] = []
    wire = {}
    for each in msgspec.structs.fields(struct):
        kind = _renamed(each.type, names, made, each.encode_name)
        wire[each.name] = names.wire(each.encode_name, parent)
        if each.required:
            fields.append((each.name, kind))
        elif each.default_factory is not msgspec.NODEFAULT:
            fields.append((each.name, kind, msgspec.field(default_factory=each.default_factory)))
        else:
            fields.append((each.name, kind, each.default))
    key = (struct, *wire.values(), *(str(kind) for _, kind, *_ in fields))
    if key not in made:
        fresh = msgspec.defstruct(struct.__name__, fields, rename=wire, kw_only=True, module=struct.__module__)
        fresh.__doc__ = struct.__doc__
        made[key] = fresh
    return typing.cast("type[T]", made[key])


def _renamed(kind: Any, names: Names, made: Made, parent: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return renamed(kind, names, made, parent)
    if origin is Annotated:
        return Annotated[(_renamed(arguments[0], names, made, parent), *arguments[1:])]
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, (_renamed(each, names, made, parent) for each in arguments))
    if origin is list:
        return list[_renamed(arguments[0], names, made, parent)]  # type: ignore[misc]
    return kind
