"""How a filter is read: both spellings, and LoopBack's texts for what is wrong with it."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from cabstand.doors.dispatchapi.filters import BadFilter, read, read_where
from cabstand.doors.dispatchapi.filters.model import And, Condition, Fields, Filter, Op, Or, Order, Pattern
from cabstand.doors.wire import WireError


def spelt(query: str) -> Filter:
    return read(parse_qsl(query, keep_blank_values=True))


def of(value: Any) -> Filter:
    return read([("filter", json.dumps(value))])


@pytest.mark.parametrize(
    ("query", "json_form"),
    [
        ("filter[where][name]=John&filter[limit]=5", {"where": {"name": "John"}, "limit": 5}),
        ("filter[where][a][inq][]=x&filter[where][a][inq][]=y", {"where": {"a": {"inq": ["x", "y"]}}}),
        ("filter[where][a][inq]=x", {"where": {"a": {"inq": ["x"]}}}),
        ("filter[where][a][between][1]=9&filter[where][a][between][0]=3", {"where": {"a": {"between": ["3", "9"]}}}),
        ("filter[where][or][0][a]=1&filter[where][or][1][b]=2", {"where": {"or": [{"a": "1"}, {"b": "2"}]}}),
        ("filter[order]=a DESC&filter[order]=b", {"order": ["a DESC", "b"]}),
        ("filter[fields][id]=true&filter[fields][make]=false", {"fields": {"id": True, "make": False}}),
        ("filter[include][a][]=b&filter[include][a][]=c", {"include": {"a": ["b", "c"]}}),
        ("filter[include]=driver&filter[skip]=3", {"include": "driver", "skip": 3}),
        ("filter=&limit=7", {}),
        ("filter[where][meta.luggage][gt]=1", {"where": {"meta.luggage": {"gt": "1"}}}),
    ],
)  # fmt: skip
def test_both_spellings_say_the_same(query: str, json_form: Any) -> None:
    assert spelt(query) == of(json_form)


def test_a_long_array_in_brackets_stays_one_in_the_order_of_its_numbers() -> None:
    query = "&".join(f"filter[where][a][inq][{n}]={n}" for n in reversed(range(30)))
    condition = spelt(query).where.clauses[0]
    assert condition == Condition(path="a", op=Op.INQ, value=tuple(str(n) for n in range(30)))


def test_an_object_with_sequential_numeric_keys_is_an_array() -> None:
    assert of({"where": {"or": {"0": {"a": 1}, "1": {"b": 2}}}}) == of({"where": {"or": [{"a": 1}, {"b": 2}]}})
    assert of({"where": {"a": {"nin": {"0": 1}}}}) == of({"where": {"a": {"nin": [1]}}})


def test_several_operators_of_one_property_all_hold() -> None:
    clauses = of({"where": {"a": {"gt": 1, "lt": 5}}}).where.clauses
    assert clauses == (Condition(path="a", op=Op.GT, value=1), Condition(path="a", op=Op.LT, value=5))


def test_empty_parts_are_none() -> None:
    assert of({"where": None, "order": "", "limit": 0, "skip": None, "fields": {}, "include": []}) == Filter()
    assert read([]) == Filter()
    assert of({"where": {"or": []}}).where == And(clauses=(Or(clauses=()),))


def test_skip_without_limit_takes_a_hundred_and_wins_over_offset() -> None:
    assert of({"skip": 10}).limit == 100
    assert of({"offset": 4}).skip == 4
    assert of({"offset": 4, "skip": "2"}).skip == 2


def test_orders_are_split_at_commas_and_directions_are_of_any_case() -> None:
    wanted = (Order(path="a", descending=True), Order(path="b"), Order(path="c"))
    assert of({"order": "a desc, b ASC,c"}).order == wanted
    assert of({"order": ["a DESC", "b", "c asc"]}).order == wanted


def test_fields_are_an_object_an_array_or_a_string() -> None:
    assert of({"fields": {"id": True, "make": False}}).fields == Fields(only=frozenset({"id"}))
    assert of({"fields": {"make": False}}).fields == Fields(without=frozenset({"make"}))
    assert of({"fields": ["id", "make"]}).fields == Fields(only=frozenset({"id", "make"}))
    assert of({"fields": "id"}).fields == Fields(only=frozenset({"id"}))


def test_relations_are_nested_by_name_or_by_scope() -> None:
    by_name = of({"include": {"rides": ["driver", {"vehicle": "company"}]}})
    by_scope = of(
        {
            "include": [
                {
                    "relation": "rides",
                    "scope": {"include": [{"rel": "driver"}, {"relation": "vehicle", "scope": {"include": "company"}}]},
                }
            ]
        }
    )
    assert by_name == by_scope
    assert of({"include": ["driver", "driver"]}) == of({"include": "driver"})


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("^T", Pattern(source="^T")),
        ("/^t/i", Pattern(source="^t", flags="i")),
        ("/a/", Pattern(source="a")),
        ("/a\\/b/gi", Pattern(source="a\\/b", flags="gi")),
        ("a/i", Pattern(source="a/i")),
        ("a/", Pattern(source="a/")),
    ],
)
def test_flags_are_read_after_a_leading_slash_only(text: str, pattern: Pattern) -> None:
    assert of({"where": {"a": {"regexp": text}}}).where.clauses[0] == Condition(path="a", op=Op.MATCHES, value=pattern)


def test_like_is_a_pattern_and_its_kin_differ_in_case_or_say_no() -> None:
    clauses = of(
        {"where": {"a": {"like": "x", "options": "i"}, "b": {"ilike": "x"}, "c": {"nlike": "x"}}}
    ).where.clauses
    assert clauses == (
        Condition(path="a", op=Op.MATCHES, value=Pattern(source="x", flags="i")),
        Condition(path="b", op=Op.MATCHES, value=Pattern(source="x", flags="i")),
        Condition(path="c", op=Op.DIFFERS, value=Pattern(source="x")),
    )


def deep(levels: int) -> Any:
    where: Any = {"a": 1}
    for _ in range(levels):
        where = {"and": [where]}
    return where


REFUSED = [
    ("x", "Value is not an object."),
    ("[1]", "Value is not an object."),
    ("{a}", "Cannot parse JSON-encoded object value."),
    ({"limit": -1}, "The limit parameter -1 is not valid"),
    ({"limit": 1.5}, "The limit parameter 1.5 is not valid"),
    ({"limit": "x"}, 'The limit parameter "x" is not valid'),
    ({"skip": -1}, "The offset/skip parameter -1 is not valid"),
    ({"order": "a UP"}, 'The order "a UP" has invalid direction'),
    ({"order": 5}, "The order 5 is not valid"),
    ({"where": "x"}, 'The where clause "x" is not an object'),
    ({"where": {"or": [1]}}, "The where clause 1 is not an object"),
    (
        {"where": {"and": "x"}},
        'The and operator has invalid clauses "x": Value is not an array or object with sequential numeric indices',
    ),
    (
        {"where": {"price": {"between": [1]}}},
        'The price property has invalid clause {"between":[1]}: Expected precisely 2 values, received 1',
    ),
    ({"where": {"name": {"like": 5}}}, 'The name property has invalid clause {"like":5}: Expected a string or RegExp'),
    (
        {"where": {"a": {"nin": 1}}},
        'The a property has invalid clause {"nin":1}: Value is not an array or object with sequential numeric indices',
    ),
    ({"where": {"a": {"regexp": "/x/z"}}}, "Invalid regex flags: z"),
    ({"where": {"a": {"regexp": "a/b"}}}, "Invalid regex flags: b"),
    ({"where": {"a": {"regexp": "x" * 257}}}, "The pattern of the a property is longer than 256 characters"),
    ({"where": {"$where": "1"}}, 'Operators "$where" are not allowed in query'),
    ({"where": {"or": [{"a": {"$gt": 1, "$lt": 2}}]}}, 'Operators "$gt, $lt" are not allowed in query'),
    ({"where": deep(16)}, "The query object exceeds maximum depth 32"),
    ({"where": {"a": {"inq": [1] * 1001}}}, "The a property has a list of more than 1000 values"),
    ({"where": {f"a{n}": n for n in range(501)}}, "There are more than 500 conditions"),
    ({"where": {f"a{n}": {"regexp": "x"} for n in range(11)}}, "There are more than 10 patterns"),
    ({"include": [5]}, "The include 5 is not valid"),
    ({"where": {"a": {"near": "x"}}}, 'The a property has invalid clause {"near":"x"}: Expected a point as lat,lng'),
]  # fmt: skip


@pytest.mark.parametrize(("filter", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_what_is_wrong_is_said_in_loopbacks_words(filter: Any, message: str) -> None:
    with pytest.raises(BadFilter) as caught:
        read([("filter", filter if isinstance(filter, str) else json.dumps(filter))])
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "query",
    [
        "filter[where]=x",
        "filter[where][a][between]=1",
        "filter[limit]=x",
        "filter[where][a]=%00",
        "filter" + "[a]" * 33 + "=1",
        "filter[a]=1&filter[a][b]=2&filter[a][b][c]=3",
        "&".join(f"filter[where][a{n}]=1" for n in range(1001)),
        "filter[where][a][$gt]=1",
    ],
)
def test_brackets_are_held_to_the_same_rules(query: str) -> None:
    with pytest.raises(WireError):
        spelt(query)


def test_refusals_have_the_documented_codes() -> None:
    for filter, code in (
        ({"where": {"$where": "1"}}, "OPERATOR_NOT_ALLOWED_IN_QUERY"),
        ({"where": deep(40)}, "QUERY_OBJECT_TOO_DEEP"),
        ({"limit": -1}, None),
    ):
        with pytest.raises(BadFilter) as caught:
            of(filter)
        assert caught.value.code == code


def test_depth_of_include_is_limited() -> None:
    include: Any = "ride"
    for _ in range(5):
        include = {"offers": include}
    with pytest.raises(BadFilter):
        of({"include": include})
    assert of({"include": include["offers"]}).include


def test_the_where_of_count_is_a_parameter_of_its_own() -> None:
    condition = Condition(path="a", op=Op.EQ, value="1")
    assert read_where([("where[a]", "1")]) == And(clauses=(condition,))
    assert read_where([("where", '{"a":"1"}'), ("filter", '{"where":{"b":2}}')]) == And(clauses=(condition,))
    assert read_where([]) == And()
    with pytest.raises(BadFilter, match="Value is not an object"):
        read_where([("where", "x")])
