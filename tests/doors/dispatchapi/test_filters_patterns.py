"""JavaScript's regular expressions in PostgreSQL: the same answers, or the text itself."""

import pytest

from cabstand.doors.dispatchapi.filters.model import Pattern
from cabstand.doors.dispatchapi.filters.patterns import literally, translate
from cabstand.doors.dispatchapi.filters.store import REFUSED
from cabstand.infra.db import Pool

pytestmark = pytest.mark.anyio

# Pattern, flags, texts that JavaScript finds it in, texts that it does not.
SAME = [
    ("^T", "", ["Taxi"], ["taxi", "a\nT"]),
    ("^t", "i", ["Taxi"], ["a taxi"]),
    ("^t", "im", ["a\nTaxi"], ["a taxi"]),
    ("a$", "", ["ba"], ["a\n", "a\nb"]),
    ("a$", "m", ["a\nb"], ["ab"]),
    ("a.b", "", ["a-b"], ["a\nb", "a\u2028b"]),
    ("[^a]b", "", ["\nb"], ["ab"]),
    ("[^]b", "", ["\nb"], ["b"]),
    ("[]", "", [], ["", "a", "[]"]),
    (r"\d+", "", ["a1"], ["a", "\u0663"]),
    (r"^\w+$", "", ["a_1"], ["é", "a b"]),
    (r"\s", "", ["a\u00a0b", "a\tb", "\ufeff"], ["ab", "\u200b"]),
    (r"^\S+$", "", ["ab"], ["a b"]),
    (r"\bcaf\b", "", ["un caf", "café"], ["cafe"]),
    (r"\Bf\B", "", ["after"], ["far", "if"]),
    (r"^[\s\S]{3}$", "", ["a\nb"], ["ab"]),
    (r"^[^\D5]$", "", ["4"], ["5", "a"]),
    (r"^[\w-]+$", "", ["a-b"], ["a b"]),
    (r"[a-]", "", ["-", "a"], ["b"]),
    (r"^[\]\\^]+$", "", ["]\\^"], ["a"]),
    (r"a|", "", ["b"], []),
    (r"^(?:ab)+$", "", ["abab"], ["aba"]),
    (r"^(a+)b\1$", "", ["aabaa"], ["aaba"]),
    (r"a(?=b)", "", ["ab"], ["ac"]),
    (r"a(?!b)", "", ["ac", "a"], ["ab"]),
    (r"(?<=a)b", "", ["ab"], ["cb"]),
    (r"(?<!a)b", "", ["cb"], ["ab"]),
    (r"(?<year>\d{4})", "", ["2024"], ["20"]),
    (r"^a{2,3}?$", "", ["aa"], ["a"]),
    (r"a{,2}", "", ["a{,2}"], ["aa"]),
    (r"\x41\u00e9", "", ["Aé"], ["A"]),
    (r"^\ud83d\ude00$", "", ["😀"], ["a"]),
    (r"a\/b", "", ["a/b"], ["ab"]),
    (r"\e\-\.", "", ["e-."], ["e-x"]),
    ("É", "i", ["é"], ["e"]),
    ("", "", ["", "a"], []),
    ("***:a", "", ["***:a"], ["a"]),
    ("(?i)a", "", ["(?i)a"], ["A"]),
    ("a(", "", ["xa(x"], ["a"]),
    ("[b-a]", "", ["[b-a]"], ["a", "b"]),
    ("*a", "i", ["*A"], ["a"]),
    ("a**", "", ["a**"], ["a"]),
    ("^*", "", ["^*"], ["a"]),
    ("a{3,2}", "", ["a{3,2}"], ["aaa"]),
]


@pytest.mark.parametrize(("source", "flags", "found", "not_found"), SAME, ids=[case[0] for case in SAME])
async def test_a_pattern_finds_what_javascript_finds(
    pool: Pool, source: str, flags: str, found: list[str], not_found: list[str]
) -> None:
    pattern = translate(Pattern(source=source, flags=flags))
    async with pool.connection() as connection:
        assert await REFUSED.rows(connection, patterns=[pattern]) == []
        for text in found + not_found:
            assert await connection.fetchval("SELECT $1::text ~ $2", text, pattern) is (text in found), text


@pytest.mark.parametrize("source", [r"\u{41}", r"a\1", r"(?=a)*b", "a{256}", r"\cA", r"[\w-z]", r"\0"])
def test_rarer_forms_that_are_not_translated_are_matched_literally(source: str) -> None:
    assert translate(Pattern(source=source)) == literally(Pattern(source=source))


@pytest.mark.parametrize("source", [r"(a)(?=\1)", "((((a{1,255}){1,255}){1,255}){1,255})"])
async def test_what_postgresql_refuses_is_known_and_can_be_matched_literally(pool: Pool, source: str) -> None:
    pattern = Pattern(source=source, flags="i")
    async with pool.connection() as connection:
        assert len(await REFUSED.rows(connection, patterns=[translate(pattern)])) == 1
        assert await connection.fetchval("SELECT $1::text ~ $2", f"<{source.upper()}>", literally(pattern))
        assert not await connection.fetchval("SELECT $1::text ~ $2", "aa", literally(pattern))
