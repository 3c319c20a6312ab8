"""JavaScript's regular expressions as PostgreSQL's.

The common subset is translated so that it finds the same: `\\d \\w \\s \\b` mean ASCII and JavaScript's white space,
`.` no line ends, `^` and `$` the ends of the text unless the flag m says lines. What JavaScript would not compile, and
what cannot be said in PostgreSQL, is matched literally, as LoopBack does with a string that does not compile.
"""

import re
from dataclasses import dataclass
from typing import Final

from cabstand.doors.dispatchapi.filters.model import Pattern

_DIGITS: Final = "0-9"
_WORD: Final = "A-Za-z0-9_"
_SPACE: Final = r" \t\n\v\f\r\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_CLASSES: Final = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_LINE_ENDS: Final = r"\n\r\u2028\u2029"
_BOUNDARY: Final = f"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))"
_INSIDE: Final = f"(?:(?<=[{_WORD}])(?=[{_WORD}])|(?<![{_WORD}])(?![{_WORD}]))"
_GROUP: Final = re.compile(r"\(\?(?::|=|!|<=|<!)")
_NAMED: Final = re.compile(r"\(\?<[A-Za-z_$][\w$]*>", re.ASCII)
_REPEAT: Final = re.compile(r"(?:[*+?]|\{([0-9]+)(,([0-9]*))?\})\??")
_HEX: Final = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})")
_LOW: Final = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_MOST_REPEATS: Final = 255  # PostgreSQL's


class _Untranslatable(Exception):
    """Not JavaScript, or nothing that PostgreSQL can say."""


def translate(pattern: Pattern) -> str:
    """The pattern for PostgreSQL's `~`."""
    try:
        return _options(pattern) + _Translator(pattern.source).all()
    except _Untranslatable:
        return literally(pattern)


def literally(pattern: Pattern) -> str:
    """A pattern for `~` that finds the source itself."""
    return _options(pattern) + "".join(map(_escaped, pattern.source))


def _options(pattern: Pattern) -> str:
    """Always there, so that the source is never read as options; w: ^ and $ at lines, and nothing else of lines."""
    return f"(?{'i' if 'i' in pattern.flags else 'c'}{'w' if 'm' in pattern.flags else ''})"


def _escaped(character: str) -> str:
    return character if character.isalnum() or not character.isascii() else rf"\u{ord(character):04x}"


class _Translator:
    """One walk over the source."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.groups = 0  # capturing ones that are closed or open
        self.open: list[bool] = []  # of each group that is open: whether it may be repeated
        self.repeatable = False  # whether what came last may be

    def all(self) -> str:
        out = []
        while self.at < len(self.source):
            out.append(self._next())
        if self.open:
            raise _Untranslatable
        return "".join(out)

    def _take(self) -> str:
        if self.at == len(self.source):
            raise _Untranslatable
        self.at += 1
        return self.source[self.at - 1]

    def _next(self) -> str:
        if (repeat := self._repeat()) is not None:
            return repeat
        character = self._take()
        self.repeatable = character not in "^$|"
        match character:
            case "(":
                return self._group()
            case ")":
                if not self.open:
                    raise _Untranslatable
                self.repeatable = self.open.pop()
                return ")"
            case "[":
                return self._class()
            case "\\":
                return self._escape()
            case ".":
                return f"[^{_LINE_ENDS}]"
            case "^" | "$" | "|":
                return character
        return _escaped(character)

    def _repeat(self) -> str | None:
        found = _REPEAT.match(self.source, self.at)
        if found is None:
            return None
        low, comma, high = found.groups()
        bounds = [int(each) for each in (low, high) if each]
        if not self.repeatable or max(bounds, default=0) > _MOST_REPEATS or bounds != sorted(bounds):
            raise _Untranslatable
        self.repeatable = False
        self.at = found.end()
        if low is None:
            return found[0]
        return f"{{{int(low)}{',' if comma else ''}{int(high) if high else ''}}}"  # laziness changes no answer

    def _group(self) -> str:
        start = self.at - 1
        self.repeatable = False
        if self.source[start : start + 2] != "(?":
            self.groups += 1
            self.open.append(True)
            return "("
        named = _NAMED.match(self.source, start)
        found = named or _GROUP.match(self.source, start)
        if found is None:
            raise _Untranslatable
        self.at = found.end()
        self.open.append(named is not None or found[0] == "(?:")
        if named:
            self.groups += 1
        return "(" if named else found[0]

    def _escape(self) -> str:
        character = self._take()
        if character in "bB":
            self.repeatable = False
            return _BOUNDARY if character == "b" else _INSIDE
        if character in _CLASSES:
            return f"[{_CLASSES[character]}]"
        if character.lower() in _CLASSES:
            return f"[^{_CLASSES[character.lower()]}]"
        if character in "123456789":
            if int(character) > self.groups or self.source[self.at : self.at + 1].isdigit():
                raise _Untranslatable
            return f"\\{character}"
        return self._character(character)

    def _character(self, character: str) -> str:
        """What a backslash and this stand for, outside of classes or in one."""
        if character in "tnvfr":
            return f"\\{character}"
        if found := _HEX.match(self.source, self.at - 1):
            self.at = found.end()
            return self._code(int(found[1] or found[2], 16))
        if character in "0xuckpP123456789":  # an octal, a control character, or a letter with other meanings elsewhere
            raise _Untranslatable
        return _escaped(character)

    def _code(self, code: int) -> str:
        if 0xD800 <= code <= 0xDBFF and (low := _LOW.match(self.source, self.at)):
            self.at = low.end()
            code = 0x10000 + ((code - 0xD800) << 10) + int(low[1], 16) - 0xDC00
        if code == 0 or 0xD800 <= code <= 0xDFFF:
            raise _Untranslatable
        return rf"\U{code:08x}"

    def _class(self) -> str:
        """`[…]`; \\D, \\W and \\S in it become alternatives, since PostgreSQL has no such thing inside of classes."""
        negated = self.source.startswith("^", self.at)
        self.at += negated
        members: list[str] = []
        complements: list[str] = []
        while (character := self._take()) != "]":
            self._member(character, members, complements)
        inside = "".join(members)
        if not negated:
            parts = [*([f"[{inside}]"] if inside else []), *(f"[^{each}]" for each in complements)]
            return f"(?:{'|'.join(parts)})" if parts else "(?!)"
        if not complements:
            return f"[^{inside}]" if inside else "."
        rest = f"(?![{inside}])" if inside else ""
        both = "".join(f"(?=[{each}])" for each in complements[1:])
        return f"(?:{rest}{both}[{complements[0]}])"

    def _member(self, character: str, members: list[str], complements: list[str]) -> None:
        low = self._of_class(character)
        if self.source[self.at : self.at + 1] != "-" or self.source[self.at + 1 : self.at + 2] in ("]", ""):
            (complements if low.opposite else members).append(low.written)
            return
        self.at += 1
        high = self._of_class(self._take())
        if not (low.single and high.single) or _point(low.written) > _point(high.written):
            raise _Untranslatable  # of `[\\w-z]` too, which JavaScript takes without its flag u
        members.append(f"{low.written}-{high.written}")

    def _of_class(self, character: str) -> "_Member":
        """A character as it is written in a class, or what stands for several."""
        if character != "\\":
            return _Member(_escaped(character))
        character = self._take()
        if character.lower() in _CLASSES:
            return _Member(_CLASSES[character.lower()], single=False, opposite=character.isupper())
        if character == "b":
            return _Member(r"\u0008")
        if character == "B":
            raise _Untranslatable
        return _Member(self._character(character))


@dataclass(frozen=True, slots=True)
class _Member:
    """Of a class."""

    written: str
    single: bool = True  # one character
    opposite: bool = False  # what it names is not in the class, all else is


_NAMES: Final = {r"\t": 9, r"\n": 10, r"\v": 11, r"\f": 12, r"\r": 13}


def _point(written: str) -> int:
    """The code point of one character as `_of_class` writes it."""
    if written in _NAMES:
        return _NAMES[written]
    return int(written[2:], 16) if written.startswith("\\") else ord(written)
