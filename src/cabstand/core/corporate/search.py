"""How names of staff, cost centres and projects are compared in searches."""

import unicodedata


def folded(text: str) -> str:
    """The text without case and accents, with single spaces between its words: "  JOSÉ  Santos" is "jose santos".

    A name matches a search if the folded search is a part of the folded name. Both are compared as they are, so that
    no character of a search means anything but itself.
    """
    return " ".join(_bare(_bare(text).casefold()).split())


def _bare(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
