"""Message shapes: a msgspec Struct in a compiled form, with the walk that finds every problem of a body at once.

The hot path hardly comes here: msgspec reads a good body in one call, and only a body that fails is walked.
"""

import enum
import itertools
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec

from cabstand.doors.problems import Faults, Invalid, Problem, ProblemKind

T = TypeVar("T", bound=msgspec.Struct)

# The largest integer that every JSON reader, JavaScript's too, keeps exactly.
EXACT = 2**53


def instant(text: object) -> datetime | None:
    """An ISO 8601 date, or date and time, as an instant in UTC; None if it is none. No zone means UTC."""
    if (
        type(text) is not str or not text[4:5] == text[7:8] == "-"
    ):  # the compact and the week forms are not dates on the web
        return None
    try:
        moment = msgspec.convert(text, datetime)  # first, because the hot path reads with it
    except msgspec.ValidationError:
        try:
            moment = datetime.fromisoformat(text)  # knows dates without time or seconds
        except ValueError:
            return None
    return in_utc(moment)


def in_utc(moment: datetime) -> datetime | None:
    """The same instant in UTC; None outside the years 1900 to 2999, where databases and sums of times break down."""
    if not 1900 <= moment.year < 3000:
        return None
    if moment.tzinfo is UTC:
        return moment
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaf:
    """A place for one plain value: `bare` is its type without, `full` with its limits."""

    bare: Any
    full: Any
    code: ProblemKind
    json: frozenset[type]
    limits: tuple[msgspec.Meta, ...]
    strict: bool

    @property
    def delicate(self) -> bool:
        """Whether msgspec's reading of it has to be looked at again: see `settle`."""
        return self.bare in (int, float, datetime)

    def check(self, value: object, path: str, faults: Faults) -> object:
        if self.bare is datetime:
            value, sent = instant(value), value
            if value is None:
                faults.note(path, self.code, sent)
            return value
        code = self._type_fault(value) or self._limit_fault(value)
        if code is not None:
            faults.note(path, code, value)
        return value

    def _type_fault(self, value: object) -> ProblemKind | None:
        try:
            read = msgspec.convert(value, self.bare, strict=self.strict)
        except msgspec.ValidationError:
            # A fraction is a number, but no integer; "abc" is neither.
            return ProblemKind.TYPE_INTEGER if self.bare is int and self._is_number(value) else self.code
        if self.bare is float and not abs(read) < float("inf"):  # lax msgspec reads "nan" and "inf"
            return ProblemKind.TYPE_NUMBER
        if self.bare is int and not -EXACT <= read <= EXACT:
            return ProblemKind.TOO_LARGE if read > 0 else ProblemKind.TOO_SMALL
        return None

    def _is_number(self, value: object) -> bool:
        try:
            return abs(msgspec.convert(value, float, strict=self.strict)) < float("inf")
        except msgspec.ValidationError:
            return False

    def _limit_fault(self, value: object) -> ProblemKind | None:
        try:
            msgspec.convert(value, self.full, strict=self.strict)
        except msgspec.ValidationError:
            read = msgspec.convert(value, self.bare, strict=self.strict)
            return broken_limit(read, self.limits) or ProblemKind.FORMAT  # what is no size is a pattern
        return None


def broken_limit(value: Any, limits: tuple[msgspec.Meta, ...]) -> ProblemKind | None:
    """Which limit of size the value breaks, if any."""
    for limit in limits:
        if limit.min_length is not None and len(value) < limit.min_length:
            return ProblemKind.TOO_SHORT
        if limit.max_length is not None and len(value) > limit.max_length:
            return ProblemKind.TOO_LONG
        if (limit.ge is not None and value < limit.ge) or (limit.gt is not None and value <= limit.gt):
            return ProblemKind.TOO_SMALL
        if (limit.le is not None and value > limit.le) or (limit.lt is not None and value >= limit.lt):
            return ProblemKind.TOO_LARGE
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Several:
    """A place for a list, or for an object with free keys, whose items all have one form."""

    item: "Place"
    json: frozenset[type]
    limits: tuple[msgspec.Meta, ...]

    @property
    def delicate(self) -> bool:
        return self.item.delicate

    def check(self, value: Any, path: str, faults: Faults) -> object:
        if type(value) not in self.json:
            faults.note(path, ProblemKind.TYPE_ARRAY if list in self.json else ProblemKind.TYPE_OBJECT, value)
            return value
        if (code := broken_limit(value, self.limits)) is not None:
            faults.note(path, code, value)
        if isinstance(value, dict):
            return {key: self.item.check(item, f"{path}.{key}", faults) for key, item in value.items()}
        return [self.item.check(item, f"{path}.{index}", faults) for index, item in enumerate(value)]

    def unknown(self, value: Any) -> object:
        nests = self.item.nests
        if type(value) is dict:
            return {
                key: rest
                for key, item in value.items()
                if (form := nests.get(type(item))) is not None and (rest := form.unknown(item))
            }
        rests = [form.unknown(item) or {} if (form := nests.get(type(item))) else {} for item in value]
        return rests if any(rests) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A field of a message: `name` as in Python, `wire` as in JSON."""

    name: str
    wire: str
    required: bool
    place: "Place"


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A place for a message."""

    struct: type[msgspec.Struct]
    fields: tuple[Field, ...]
    known: frozenset[str]
    delicates: tuple[tuple[str, str], ...]  # name and wire of those that `settle` looks at
    nested: tuple[Field, ...]  # those in which something unknown can be
    json: frozenset[type] = frozenset({dict})

    @property
    def delicate(self) -> bool:
        return bool(self.delicates)

    def check(self, value: Any, path: str, faults: Faults) -> object:
        if type(value) is not dict:
            faults.note(path, ProblemKind.TYPE_OBJECT, value)
            return value
        read: dict[str, object] = {}
        for field in self.fields:
            below = f"{path}.{field.wire}" if path else field.wire
            sent = value.get(field.wire)
            if sent is None and not (field.place.nullable and field.wire in value):
                if field.required:
                    faults.note(below, ProblemKind.PRESENCE, None, missing=field.wire not in value)
            else:
                read[field.wire] = field.place.check(sent, below, faults)
        return read

    def unknown(self, value: Any) -> dict[str, object]:
        known = self.known
        rest = {} if value.keys() <= known else {key: item for key, item in value.items() if key not in known}
        for field in self.nested:
            sent = value.get(field.wire)
            form = field.place.nests.get(type(sent))
            if form is not None and (below := form.unknown(sent)):
                rest[field.wire] = below
        return rest


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a value goes: one form, or one of several told apart by their JSON type."""

    forms: tuple[Leaf | Several | Record, ...]
    nullable: bool
    delicate: bool
    nests: Mapping[type, Several | Record]  # the forms, by JSON type, in which something unknown can be

    def check(self, value: object, path: str, faults: Faults) -> object:
        if value is None and self.nullable:
            return None
        candidates = [form for form in self.forms if type(value) in form.json] or self.forms[:1]
        for form in candidates[1:]:  # only where a string may be read as several things
            others = Faults()
            read = form.check(value, path, others)
            if not others:
                return read
        return candidates[0].check(value, path, faults)


def settle(found: Any, raw: Any, records: Mapping[type, Record]) -> bool:
    """Look again at what msgspec made of `raw` (None where that is not at hand), a message, list or dict: is it sound?

    Dates in messages are brought to UTC in place. Not sound is what lax msgspec reads although it is no such value
    ("nan", "inf", the string "null" for null, seconds for a date), and integers that are not exact. So is a list of
    dates that are not in UTC: then the walk makes them anew.
    """
    record = records.get(type(found))
    if record is None:
        return _settle_items(found, raw, records)
    for name, wire in record.delicates:
        value = getattr(found, name)
        kind = type(value)
        if kind is float:
            sound = value - value == 0
        elif kind is int:
            sound = -EXACT <= value <= EXACT
        elif value is None:
            sound = raw is None or raw.get(wire) is None
        elif kind is datetime:
            moment = _settled_instant(value, None if raw is None else raw.get(wire))
            sound = moment is not None
            if sound and moment is not value:
                msgspec.structs.force_setattr(found, name, moment)
        else:
            sound = settle(value, None if raw is None else raw.get(wire), records)
        if not sound:
            return False
    return True


def _settle_items(found: Any, raw: Any, records: Mapping[type, Record]) -> bool:
    if type(found) is dict:
        if raw is not None:
            raw = raw.values()  # in the same order: msgspec made the one from the other
        found = found.values()
    elif type(found) is not list:
        return True
    for value, sent in zip(found, itertools.repeat(None) if raw is None else raw, strict=False):
        kind = type(value)
        if kind in records:
            sound = settle(value, sent, records)
        elif kind is int or kind is float:
            sound = -EXACT <= value <= EXACT if kind is int else value - value == 0
        elif value is None:
            sound = sent is None
        elif kind is datetime:
            sound = _settled_instant(value, sent) is value
        else:
            sound = _settle_items(value, sent, records)
        if not sound:
            return False
    return True


def _settled_instant(moment: datetime, raw: object) -> datetime | None:
    if raw is None or (type(raw) is str and raw[4:5] == "-"):
        return in_utc(moment)
    return None


class Shape(Generic[T]):
    """A message to be read: a msgspec Struct type, compiled once.

    `strict=False` takes numbers and booleans that are sent as strings ("4", "52.37", "true"), and 1 and 0 as booleans.
    Fields may be str, int, float, bool, aware datetimes, literals, enums, other Structs, lists, string-keyed dicts and
    unions of these. A date without a zone is UTC. Null for a field that has a default is as good as absent.
    """

    def __init__(self, struct: type[T], *, strict: bool = True) -> None:
        self.struct = struct
        self.strict = strict
        self.decoder = msgspec.json.Decoder(struct, strict=strict)
        self._records: dict[type[msgspec.Struct], Record] = {}
        self.record = self._record(struct)

    def settle(self, found: T, raw: Any) -> bool:
        return settle(found, raw, self._records)

    def walk(self, raw: Mapping[str, object]) -> T:
        """Read field by field. Raises Invalid with every problem of the whole body, in the order of the fields."""
        faults = Faults()
        read = self.record.check(raw, "", faults)
        if not faults:
            try:
                return msgspec.convert(read, self.struct, strict=self.strict)
            except msgspec.ValidationError as error:  # a rule of the message as a whole (__post_init__)
                faults.append(Problem(path="", code=ProblemKind.FORMAT, message=str(error), value=raw))
        raise Invalid(tuple(faults))

    def _record(self, struct: type[msgspec.Struct]) -> Record:
        config = struct.__struct_config__
        if config.array_like or config.tag is not None or config.forbid_unknown_fields:
            raise TypeError(f"{struct.__name__}: wire shapes are plain objects that may have unknown fields")
        fields = tuple(
            Field(name=field.name, wire=field.encode_name, required=field.required, place=self._place(field.type))
            for field in msgspec.structs.fields(struct)
        )
        self._records[struct] = record = Record(
            struct=struct,
            fields=fields,
            known=frozenset(field.wire for field in fields),
            delicates=tuple((field.name, field.wire) for field in fields if field.place.delicate),
            nested=tuple(field for field in fields if field.place.nests),
        )
        return record

    def _place(self, annotation: Any) -> Place:
        forms: list[Leaf | Several | Record] = []
        nullable = False
        for member in members(annotation):
            if member is type(None):
                nullable = True
            elif member is not msgspec.UnsetType:
                forms.append(self._form(member))
        deep = [form for form in forms if isinstance(form, Record) or (isinstance(form, Several) and form.item.nests)]
        return Place(
            forms=tuple(forms),
            nullable=nullable,
            delicate=any(form.delicate for form in forms),
            nests={kind: form for form in deep for kind in form.json},
        )

    def _form(self, full: Any) -> Leaf | Several | Record:
        bare, limits = without_limits(full)
        origin, arguments = typing.get_origin(bare) or bare, typing.get_args(bare)
        if isinstance(origin, type) and issubclass(origin, msgspec.Struct):
            return self._record(origin)
        if origin in (list, dict):
            item = self._place(arguments[-1] if arguments else object)
            return Several(item=item, json=frozenset({origin}), limits=limits)
        code, json = leaf_kind(origin, self.strict)
        return Leaf(bare=bare, full=full, code=code, json=json, limits=limits, strict=self.strict)


def members(annotation: Any) -> Iterator[Any]:
    """The members of a union, one for anything else."""
    bare, _ = without_limits(annotation)
    if typing.get_origin(bare) in (typing.Union, types.UnionType):
        for argument in typing.get_args(bare):
            yield from members(argument)
    else:
        yield annotation


def without_limits(annotation: Any) -> tuple[Any, tuple[msgspec.Meta, ...]]:
    """A type without NewType, alias and Annotated, and the limits that were in there."""
    limits: tuple[msgspec.Meta, ...] = ()
    while True:
        if typing.get_origin(annotation) is Annotated:
            limits += tuple(meta for meta in annotation.__metadata__ if isinstance(meta, msgspec.Meta))
            annotation = annotation.__origin__
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__value__"):  # `type X = …` of Python 3.12
            annotation = annotation.__value__
        else:
            return annotation, limits


def leaf_kind(origin: Any, strict: bool) -> tuple[ProblemKind, frozenset[type]]:
    """The problem of a value that is not of this type, and the JSON types that can be."""
    text = frozenset[type]() if strict else frozenset({str})
    if origin is Literal or (isinstance(origin, type) and issubclass(origin, enum.Enum)):
        return ProblemKind.INCLUSION, frozenset({str, int})
    kinds: dict[Any, tuple[ProblemKind, frozenset[type]]] = {
        str: (ProblemKind.TYPE_STRING, frozenset({str})),
        int: (ProblemKind.TYPE_NUMBER, text | {int, float}),
        float: (ProblemKind.TYPE_NUMBER, text | {int, float}),
        bool: (ProblemKind.TYPE_BOOLEAN, text | {bool}),
        datetime: (ProblemKind.TYPE_DATE, frozenset({str})),
    }
    return kinds.get(origin, (ProblemKind.FORMAT, frozenset({dict, list, str, int, float, bool})))
