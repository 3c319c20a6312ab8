"""TOML whose values know their lines, read so that all that is wrong with a file is told at once.

The standard library reads the values, a light scan finds where they stand.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
"""Where a value is: names of keys, and numbers of entries in arrays of tables."""

_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")
_PART = re.compile(_NAME)
_TOKEN = re.compile(r"""\"{3}|'{3}|"(?:\\.|[^"\\])*"|'[^']*'|\#.*|[\[\]{}]""")
_POSITION = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong with a file."""

    line: int
    message: str


class TomlError(Exception):
    """The text is not TOML."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, kw_only=True)
class Document:
    """What a TOML text holds."""

    values: dict[str, Any]
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """The line of the value at `path`, or of the nearest thing around it; 1 if that is the document itself."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def parse(text: str) -> Document:
    """Raises TomlError."""
    try:
        values = tomllib.loads(text)
    except RecursionError:
        raise TomlError(Problem(line=1, message="this is nested too deeply")) from None
    except ValueError as error:  # also a number of more digits than Python reads
        found = _POSITION.search(str(error))
        line = int(found[1]) if found and found[1] else len(text.rstrip().split("\n")) if found else 1
        raise TomlError(Problem(line=line, message=_POSITION.sub("", str(error)))) from None
    return Document(values=values, lines=_Scan(text).lines)


class Notes:
    """What is found while a document is read."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.seen: dict[Hashable, int] = {}  # thing -> its line


class Table:
    """One table being read: gives its values by kind, and notes what is wrong instead of raising.

    A value that is missing or wrong is given as an empty one, so that reading can go on; look at `notes.problems`
    before anything is done with what was read. End with `refuse_others`.
    """

    def __init__(self, values: dict[str, Any], path: Path, notes: Notes) -> None:
        self._values = values
        self._path = path
        self._notes = notes
        self._asked: list[str] = []

    @property
    def line(self) -> int:
        """Where the table begins."""
        return self._notes.document.line(self._path)

    def problem(self, key: str, message: str) -> None:
        """Note that something is wrong with the value of this key, or with the table if it has no such key."""
        line = self._notes.document.line((*self._path, key))
        self._notes.problems.append(Problem(line=line, message=message))

    def once(self, key: str, thing: Hashable, what: str) -> None:
        """Note a problem if the same thing was seen before; `what` says what it is."""
        if thing in self._notes.seen:
            self.problem(key, f"{what} is already on line {self._notes.seen[thing]}")
        else:
            self._notes.seen[thing] = self._notes.document.line((*self._path, key))

    @property
    def names(self) -> tuple[str, ...]:
        """The keys that the table has."""
        return tuple(self._values)

    def has(self, key: str) -> bool:
        """Whether the file says anything of this key."""
        return key in self._values

    def text(self, key: str, wanted: re.Pattern[str], such_as: str) -> str:
        """Text of the wanted form; `such_as` describes it, as in "must be …"."""
        value = self._required(key)
        if value is not None and not (isinstance(value, str) and wanted.fullmatch(value) and value.isprintable()):
            self.problem(key, f'"{key}" must be {such_as}, not {shown(value)}')
        return value if isinstance(value, str) else ""

    def text_if(self, key: str, wanted: re.Pattern[str], such_as: str) -> str | None:
        """Like `text`, None where the file does not say."""
        self._asked.append(key)
        return self.text(key, wanted, such_as) if self.has(key) else None

    def switch_if(self, key: str) -> bool | None:
        """True or false, None where the file does not say."""
        self._asked.append(key)
        value = self._values.get(key)
        if value is not None and not isinstance(value, bool):
            self.problem(key, f'"{key}" must be true or false, not {shown(value)}')
            return None
        return value

    def whole(self, key: str, least: int, most: int) -> int:
        """A whole number between these, both included; the least if it is none."""
        value = self._required(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and least <= value <= most):
            return least if value is None else value
        self.problem(key, f'"{key}" must be a whole number from {least} to {most}, not {shown(value)}')
        return least

    def value_if(self, key: str) -> Any:
        """The value as it is, None where the file does not say; its form is the caller's to check."""
        self._asked.append(key)
        return self._values.get(key)

    def table_if(self, key: str) -> "Table | None":
        """A table, None where the file does not say."""
        value = self.value_if(key)
        if value is not None and not isinstance(value, dict):
            self.problem(key, f'"{key}" must be a table, not {shown(value)}')
            return None
        return None if value is None else Table(value, (*self._path, key), self._notes)

    def one_of(self, key: str, words: Collection[str]) -> str:
        """One of these words; the first of them if it is none."""
        value = self._required(key)
        if value is not None and (not isinstance(value, str) or value not in words):
            self.problem(key, f'"{key}" must be one of {_listed(words)}, not {shown(value)}{meant(value, words)}')
        return value if isinstance(value, str) and value in words else next(iter(words))

    def some_of(self, key: str, words: Collection[str]) -> tuple[str, ...]:
        """A list of at least one of these words, each once; in the order of `words`."""
        value = self._required(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not value:
            self.problem(key, f'"{key}" must be a list of {_listed(words)}, not {shown(value)}')
            return ()
        for each in value:
            if not isinstance(each, str) or each not in words:
                self.problem(key, f'"{key}" may list {_listed(words)}, not {shown(each)}{meant(each, words)}')
        if any(value.count(word) > 1 for word in words):
            self.problem(key, f'"{key}" lists the same twice')
        return tuple(word for word in words if word in value)

    def text_or_table_if(self, key: str) -> "str | Table | None":
        """Text, a table, or None where the file does not say."""
        self._asked.append(key)
        value = self._values.get(key)
        if isinstance(value, dict):
            return Table(value, (*self._path, key), self._notes)
        if value is not None and not isinstance(value, str):
            self.problem(key, f'"{key}" must be text or a table, not {shown(value)}')
            return None
        return value

    def tables(self, key: str) -> "list[Table]":
        """The tables of an array of tables; none where the file does not say."""
        self._asked.append(key)
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            header = ".".join(str(part) for part in (*self._path, key) if isinstance(part, str))
            self.problem(key, f'"{key}" must be written as [[{header}]]')
            return []
        return [Table(each, (*self._path, key, number), self._notes) for number, each in enumerate(value)]

    def refuse_others(self) -> None:
        """Note every key that was not asked for."""
        for key in self._values:
            if key not in self._asked:
                self.problem(key, f"{shown(key)} is not known here{meant(key, self._asked)}")

    def _required(self, key: str) -> Any:
        self._asked.append(key)
        if key not in self._values:
            self.problem(key, f'"{key}" is missing')
        return self._values.get(key)


def shown(value: object) -> str:
    """A value of a TOML file, as short text on one line."""
    if isinstance(value, dict):
        return "a table"
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _listed(words: Collection[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def meant(word: object, words: Collection[str]) -> str:
    """A question that ends a complaint about a word near one of these; empty if none is near."""
    near = difflib.get_close_matches(word, words, n=1) if isinstance(word, str) else []
    return f'; did you mean "{near[0]}"?' if near else ""


class _Scan:
    """Finds the lines of headers and keys in a text that is known to be TOML."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}  # of the entries of each array of tables
        self._table: Path = ()
        self._quote = ""  # of a string over several lines that is open
        self._depth = 0  # of brackets that are open in a value
        for number, line in enumerate(text.split("\n"), 1):
            self._line(number, line)

    def _line(self, number: int, line: str) -> None:
        if self._quote or self._depth:
            self._value(line)
        elif header := _HEADER.match(line):
            self._table = self._enter(_names(header[2]), new_entry=header[1] == "[[")
            self._note(self._table, number)
        elif key := _KEY.match(line):
            self._note(self._table + _names(key[1]), number)
            self._value(line[key.end() :])

    def _enter(self, names: tuple[str, ...], *, new_entry: bool) -> Path:
        path: Path = ()
        for position, name in enumerate(names, 1):
            path += (name,)
            if new_entry and position == len(names):
                self._counts[path] = self._counts.get(path, 0) + 1
            if path in self._counts:
                path += (self._counts[path] - 1,)
        return path

    def _note(self, path: Path, number: int) -> None:
        for end in range(1, len(path) + 1):
            self.lines.setdefault(path[:end], number)

    def _value(self, text: str) -> None:
        """Follow quotes and brackets, to know on which line the value ends."""
        while text:
            if self._quote:
                _, closing, text = text.partition(self._quote)
                self._quote = "" if closing else self._quote
                continue
            token = _TOKEN.search(text)
            if token is None:
                return
            text = text[token.end() :]
            if token[0] in ('"""', "'''"):
                self._quote = token[0]
            else:
                self._depth += (token[0] in "[{") - (token[0] in "]}")


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
