"""A letter as plain values, and how it becomes a mail: text, and HTML in which whatever is filled in stays text."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from cabstand.core.messages.model import Mail

_PAGE = """<!doctype html>
<html lang="{tag}">
<head><meta charset="utf-8"><title>{subject}</title></head>
<body style="font-family: sans-serif; line-height: 1.4; max-width: 40em">
{body}
</body>
</html>
"""
_ROW = '<tr><th style="text-align: left; padding-right: 1em; vertical-align: top">{}</th><td>{}</td></tr>'


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """What a mail says."""

    tag: str  # of its language
    subject: str
    paragraphs: tuple[str, ...]
    tables: tuple[tuple[tuple[str, str], ...], ...] = ()  # below them; of labels and values


def one_line(text: str) -> str:
    """Text of others as one line of printable characters: it can neither begin a header nor turn what follows."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def mail_of(letter: Letter) -> Mail:
    """The letter as a mail."""
    subject = one_line(letter.subject)
    body = "\n".join(_html(letter))
    return Mail(
        subject=subject,
        text="\n\n".join(_plain(letter)) + "\n",
        html=_PAGE.format(tag=letter.tag, subject=escape(subject), body=body),
    )


def _plain(letter: Letter) -> Iterator[str]:
    yield from map(one_line, letter.paragraphs)
    for table in letter.tables:
        yield "\n".join(f"{label}: {one_line(value)}" for label, value in table)


def _html(letter: Letter) -> Iterator[str]:
    for paragraph in letter.paragraphs:
        yield f"<p>{escape(one_line(paragraph))}</p>"
    for table in letter.tables:
        rows = "".join(_ROW.format(escape(label), escape(one_line(value))) for label, value in table)
        yield f'<table style="margin-bottom: 1em">{rows}</table>'
