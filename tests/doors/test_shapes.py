"""Messages are read with all of their problems at once, the same on the hot path and on the walk."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cabstand.doors import wire
from cabstand.doors.wire import Invalid, ProblemKind, Shape, WireError


class Mood(StrEnum):
    CALM = "calm"
    WILD = "wild"


class Gps(msgspec.Struct):
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    lng: Annotated[float, msgspec.Meta(ge=-180, le=180)]


class Stop(msgspec.Struct, rename="camel"):
    street_name: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    gps: Gps
    since: datetime | None = None


class Item(msgspec.Struct):
    total: int


class Trip(msgspec.Struct, rename="camel"):
    passenger_count: Annotated[int, msgspec.Meta(ge=1)]
    departure: Stop
    requested_date: datetime
    kind: Literal["saloon", "bus"] = "saloon"
    mood: Mood = Mood.CALM
    stops: Annotated[list[Stop], msgspec.Meta(max_length=3)] = []
    tags: list[str] = []
    dates: list[datetime] = []
    levels: list[int | None] = []
    shared: bool | None = None
    ratio: float | None = None
    limit: int | None = None
    note: Annotated[str, msgspec.Meta(pattern="^[a-z]*$")] | None = None
    cleared: str | msgspec.UnsetType | None = msgspec.UNSET
    breakdown: dict[str, Item | int] = {}
    meta: dict[str, object] = {}
    either: Literal["auto"] | int | None = None


STRICT = Shape(Trip)
LAX = Shape(Trip, strict=False)
DATE = "2018-01-15T09:11:29.653Z"


def a_trip(**changes: object) -> dict[str, Any]:
    whole = {
        "passengerCount": 2,
        "departure": {"streetName": "Damrak", "gps": {"lat": 52.375259, "lng": 4.900178}},
        "requestedDate": DATE,
    }
    return {**whole, **changes}


def body_of(**changes: object) -> bytes:
    return json.dumps(a_trip(**changes)).encode()


def problems_of(body: bytes, shape: Shape[Trip] = LAX) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        wire.decode(body, shape)
    return [(problem.path, problem.code.value) for problem in caught.value.problems]


def test_all_problems_of_a_body_come_at_once_in_the_order_of_the_fields() -> None:
    stops = [{"streetName": "", "gps": {"lat": 91, "lng": -181}}, 5, {"streetName": "x" * 21, "gps": []}]
    body = body_of(
        note="No",
        meta=1,
        tags=["a", 2],
        stops=stops,
        departure={"gps": {"lat": "abc"}},
        requestedDate="2017-18-01",
        passengerCount=0,
        kind="tank",
        mood="odd",
        breakdown={"route": {"total": "x"}, "toll": {}, "tax": 5},
    )
    assert problems_of(body) == [
        ("passengerCount", "too_small"),
        ("departure.streetName", "presence"),
        ("departure.gps.lat", "type_number"),
        ("departure.gps.lng", "presence"),
        ("requestedDate", "type_date"),
        ("kind", "inclusion"),
        ("mood", "inclusion"),
        ("stops.0.streetName", "too_short"),
        ("stops.0.gps.lat", "too_large"),
        ("stops.0.gps.lng", "too_small"),
        ("stops.1", "type_object"),
        ("stops.2.streetName", "too_long"),
        ("stops.2.gps", "type_object"),
        ("tags.1", "type_string"),
        ("note", "format"),
        ("breakdown.route.total", "type_number"),
        ("breakdown.toll.total", "presence"),
        ("meta", "type_object"),
    ]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("passengerCount", "abc", "type_number"),
        ("passengerCount", True, "type_number"),
        ("passengerCount", 4.5, "type_integer"),
        ("passengerCount", "4.5", "type_integer"),
        ("passengerCount", "", "type_number"),
        ("passengerCount", "nan", "type_number"),
        ("limit", "null", "type_number"),
        ("limit", "9007199254740993", "too_large"),
        ("limit", "-9007199254740993", "too_small"),
        ("ratio", "nan", "type_number"),
        ("ratio", "-Infinity", "type_number"),
        ("ratio", "1e400", "type_number"),
        ("ratio", "1_0", "type_number"),
        ("ratio", False, "type_number"),
        ("shared", 2, "type_boolean"),
        ("shared", "yes", "type_boolean"),
        ("shared", 1.0, "type_boolean"),
        ("note", 5, "type_string"),
        ("note", True, "type_string"),
        ("requestedDate", 1517923572, "type_date"),
        ("requestedDate", "1517923572", "type_date"),
        ("requestedDate", "tomorrow", "type_date"),
        ("requestedDate", "2018-W06-1", "type_date"),
        ("requestedDate", "9999-12-31T23:59:59-10:00", "type_date"),
        ("requestedDate", "0001-01-01T00:00:00Z", "type_date"),
        ("requestedDate", "1899-12-31T23:59:59Z", "type_date"),
        ("requestedDate", "3000-01-01", "type_date"),
        ("dates", [DATE, 5], "type_date"),
        ("levels", [1, "null"], "type_number"),
        ("levels", [1, "9007199254740993"], "too_large"),
        ("stops", {}, "type_array"),
        ("stops", [a_trip()["departure"]] * 4, "too_long"),
        ("breakdown", [], "type_object"),
        ("either", "manual", "type_number"),
    ],
)
def test_nonsense_is_refused_also_where_strings_are_taken_for_numbers(field: str, value: object, code: str) -> None:
    path = {"dates": "dates.1", "levels": "levels.1"}.get(field, field)
    expected = "inclusion" if field == "either" else code
    assert problems_of(body_of(**{field: value})) == [(path, expected)]


@pytest.mark.parametrize(
    ("field", "value", "read"),
    [
        ("passengerCount", "4", 4),
        ("passengerCount", 4.0, 4),
        ("ratio", "52.37", 52.37),
        ("ratio", 3, 3.0),
        ("shared", "true", True),
        ("shared", "false", False),
        ("shared", "1", True),
        ("shared", 0, False),
        ("either", "5", 5),
        ("either", "auto", "auto"),
    ],
)
def test_a_lax_shape_reads_numbers_and_booleans_from_strings(field: str, value: object, read: object) -> None:
    name = {"passengerCount": "passenger_count"}.get(field, field)
    assert getattr(wire.decode(body_of(**{field: value}), LAX), name) == read


@pytest.mark.parametrize(
    ("field", "value"), [("passengerCount", "4"), ("ratio", "52.37"), ("shared", "true"), ("shared", 1)]
)
def test_a_strict_shape_does_not(field: str, value: object) -> None:
    assert [path for path, _ in problems_of(body_of(**{field: value}), STRICT)] == [field]


@pytest.mark.parametrize("shape", [STRICT, LAX])
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (DATE, datetime(2018, 1, 15, 9, 11, 29, 653000, UTC)),
        ("2018-01-15T10:11:29.653+01:00", datetime(2018, 1, 15, 9, 11, 29, 653000, UTC)),
        ("2018-01-15T09:11:29", datetime(2018, 1, 15, 9, 11, 29, tzinfo=UTC)),
        ("2018-01-15T09:11", datetime(2018, 1, 15, 9, 11, tzinfo=UTC)),
        ("2018-01-15", datetime(2018, 1, 15, tzinfo=UTC)),
    ],
)
def test_dates_are_instants_in_utc_and_utc_where_they_name_no_zone(
    text: str, moment: datetime, shape: Shape[Trip]
) -> None:
    departure = {**a_trip()["departure"], "since": text}
    for dates in ([], [text]):
        trip = wire.decode(body_of(requestedDate=text, departure=departure, stops=[departure], dates=dates), shape)
        for read in (trip.requested_date, trip.departure.since, trip.stops[0].since, *trip.dates):
            assert (read, read and read.tzinfo) == (moment, UTC)


@pytest.mark.parametrize("shape", [STRICT, LAX])
def test_null_is_as_good_as_absent_where_there_is_a_default(shape: Shape[Trip]) -> None:
    trip = wire.decode(body_of(kind=None, stops=None, meta=None, ratio=None, breakdown=None), shape)
    assert trip == wire.decode(body_of(), shape)


def test_null_is_kept_where_the_shape_tells_it_from_absent() -> None:
    assert wire.decode(body_of(cleared=None, kind=None), LAX).cleared is None
    assert wire.decode(body_of(kind=None), LAX).cleared is msgspec.UNSET


def test_null_for_a_required_field_is_a_missing_field_that_was_sent() -> None:
    with pytest.raises(Invalid) as caught:
        wire.decode(json.dumps({"passengerCount": None}).encode(), LAX)
    assert [(p.path, p.missing) for p in caught.value.problems] == [
        ("passengerCount", False),
        ("departure", True),
        ("requestedDate", True),
    ]
    assert str(caught.value) == "passengerCount is required; departure is required; requestedDate is required"


def test_a_rule_of_the_whole_message_is_a_problem_too() -> None:
    class Between(msgspec.Struct):
        low: int
        high: int

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low is above high")

    with pytest.raises(Invalid, match="low is above high") as caught:
        wire.decode(b'{"low":2,"high":1}', Shape(Between))
    assert [(p.path, p.code) for p in caught.value.problems] == [("", ProblemKind.FORMAT)]


def test_a_body_with_endless_problems_is_given_up_after_a_hundred() -> None:
    assert len(problems_of(body_of(tags=[1] * 9_000))) == 100


def test_a_shape_that_would_refuse_unknown_fields_is_refused() -> None:
    class Closed(msgspec.Struct, forbid_unknown_fields=True):
        a: int

    with pytest.raises(TypeError, match="Closed"):
        Shape(Closed)


def test_leftovers_are_what_the_shape_does_not_know_at_any_depth() -> None:
    departure = {**a_trip()["departure"], "placesId": "ChIJ", "street_name": "python spelling"}
    stops = [a_trip()["departure"], {**a_trip()["departure"], "gps": {"lat": 1, "lng": 2, "alt": 3}}]
    breakdown = {"route": {"total": 1, "percentage": 9}, "toll": 5}
    trip, raw = wire.decode_with_raw(
        body_of(departure=departure, stops=stops, breakdown=breakdown, meta={"free": {"a": 1}}, colour="red"), LAX
    )
    assert trip.departure.street_name == "Damrak"
    assert raw["colour"] == "red"
    assert wire.leftovers(raw, LAX) == {
        "colour": "red",
        "departure": {"placesId": "ChIJ", "street_name": "python spelling"},
        "stops": [{}, {"gps": {"alt": 3}}],
        "breakdown": {"route": {"percentage": 9}},
    }


def test_a_body_that_is_known_entirely_leaves_nothing() -> None:
    assert wire.leftovers(a_trip(stops=[a_trip()["departure"]], departure=None), LAX) == {}


# --- properties

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([DATE, "2018-01-15", "0001-01-01T00:00:00+01:00", "null", "nan", "1e20", "4", "true", "saloon"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
GPS = st.fixed_dictionaries({"lat": JSON | st.floats(-90, 90), "lng": JSON | st.floats(-180, 180)})
STOP = st.fixed_dictionaries({"streetName": st.text(max_size=22), "gps": JSON | GPS}, optional={"since": JSON})
TRIP = st.fixed_dictionaries(
    {"passengerCount": st.integers(0, 9) | JSON, "departure": STOP | JSON, "requestedDate": st.just(DATE) | JSON},
    optional={
        field.encode_name: JSON | st.lists(STOP, max_size=4) | st.dictionaries(st.text(max_size=3), JSON, max_size=2)
        for field in msgspec.structs.fields(Trip)[3:]
    },
)


def outcome(read: Callable[[], Any]) -> object:
    try:
        return read()
    except Invalid as error:
        return [(p.path, p.code, p.missing) for p in error.problems]
    except WireError as error:
        return type(error)


@given(st.binary(max_size=50) | JSON.map(json.dumps).map(str.encode), st.sampled_from([STRICT, LAX]))
@settings(max_examples=100, deadline=None)
def test_any_body_is_read_or_refused_and_nothing_else_happens(body: bytes, shape: Shape[Trip]) -> None:
    assert outcome(lambda: wire.decode(body, shape)) == outcome(lambda: wire.decode_with_raw(body, shape)[0])


@given(TRIP, st.sampled_from([STRICT, LAX]))
@settings(max_examples=150, deadline=None)
def test_the_hot_path_and_the_walk_agree_on_every_body(trip: dict[str, Any], shape: Shape[Trip]) -> None:
    body = json.dumps(trip).encode()
    walked = outcome(lambda: shape.walk(wire.parse(body)))
    assert outcome(lambda: wire.decode(body, shape)) == walked
    assert outcome(lambda: wire.decode_with_raw(body, shape)[0]) == walked
    if isinstance(walked, Trip):
        wire.leftovers(trip, shape)
        assert wire.decode(msgspec.json.encode(walked), shape) == walked


MOMENTS = st.datetimes(datetime(1901, 1, 1), datetime(2998, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - made aware by `timezones`
GOOD_STOP = st.builds(
    Stop,
    street_name=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=20),
    gps=st.builds(Gps, lat=st.floats(-90, 90), lng=st.floats(-180, 180)),
    since=st.none() | MOMENTS,
)
GOOD_TRIP = st.builds(
    Trip,
    passenger_count=st.integers(1, 2**53),
    departure=GOOD_STOP,
    requested_date=MOMENTS,
    kind=st.sampled_from(["saloon", "bus"]),
    mood=st.sampled_from(Mood),
    stops=st.lists(GOOD_STOP, max_size=3),
    dates=st.lists(MOMENTS, max_size=3),
    ratio=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    limit=st.none() | st.integers(-(2**53), 2**53),
    breakdown=st.dictionaries(st.sampled_from("abc"), st.integers(-9, 9) | st.builds(Item, total=st.integers(0, 9))),
)


@given(GOOD_TRIP, st.sampled_from([STRICT, LAX]))
@settings(max_examples=100, deadline=None)
def test_what_was_written_is_read_back(trip: Trip, shape: Shape[Trip]) -> None:
    assert wire.decode(msgspec.json.encode(trip), shape) == trip
