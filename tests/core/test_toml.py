"""TOML with lines: values stand where they were written, and syntax errors say where they are."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cabstand.core import toml

TEXT = '''\
title = """
[[not.a.header]]
x = 1 # not a comment
"""
list = [
    "]", # ] a comment
    { a = "[" },
]
after = 'C:\\'

[plain]
"quoted key" = 1
dotted.deep = 2 # = 3

[[many]]
  [[many.inner]]
  a = 1
[[many]]
  [[many.inner]]
  a = 2
  [[many.inner]]
  a = 3
  [many.inner.table]
  z = { y = 1 }
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 1),
        (("list",), 5),
        (("list", 1, "a"), 5),
        (("after",), 9),
        (("plain",), 11),
        (("plain", "quoted key"), 12),
        (("plain", "dotted"), 13),
        (("plain", "dotted", "deep"), 13),
        (("many", 0), 15),
        (("many", 0, "inner", 0, "a"), 17),
        (("many", 1), 18),
        (("many", 1, "inner", 0, "a"), 20),
        (("many", 1, "inner", 1, "a"), 22),
        (("many", 1, "inner", 1, "table", "z", "y"), 24),
        (("many", 1, "inner", 1, "missing"), 21),
        (("missing",), 1),
    ],
)
def test_a_value_has_the_line_it_was_written_on(path: toml.Path, line: int) -> None:
    assert toml.parse(TEXT).line(path) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", 2), ("a = 1\n\na = 2\n", 3), ('a = 1\nb = """', 2), (f"a = {'1' * 5000}", 1), ("[a\n", 1)],
)
def test_what_is_not_toml_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(toml.TomlError) as caught:
        toml.parse(text)
    assert caught.value.problem.line == line
    assert "(at " not in caught.value.problem.message


def test_endless_nesting_is_refused() -> None:
    with pytest.raises(toml.TomlError):
        toml.parse("a = " + "[" * 100_000)


def written(values: dict[str, int], header: str) -> str:
    return header + "".join(f"{key} = {value}\n" for key, value in values.items())


@given(st.lists(st.dictionaries(st.from_regex(r"[a-z]{1,3}", fullmatch=True), st.integers(0, 9)), max_size=5))
def test_the_values_are_those_of_the_standard_library_and_each_has_its_own_line(tables: list[dict[str, int]]) -> None:
    text = "".join(written(table, "[[t]]\n") for table in tables)
    document = toml.parse(text)
    assert document.values == tomllib.loads(text)
    lines: list[Any] = text.split("\n")
    for number, table in enumerate(tables):
        for key, value in table.items():
            assert lines[document.line(("t", number, key)) - 1] == f"{key} = {value}"
