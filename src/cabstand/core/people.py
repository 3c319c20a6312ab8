"""What is known of people in general: their phone numbers and their languages."""

from collections.abc import Sequence

import phonenumbers
from babel.core import parse_locale
from phonenumbers import NumberParseException, PhoneNumberFormat


def e164(text: str, country: str) -> str | None:
    """A phone number in the form of E.164 (`+31622334455`), or None if it cannot be one.

    `country` (ISO 3166-1 alpha-2) says what is meant by a number without a country, such as `06 22334455`. Numbers
    that nobody has been given yet are taken: plans of numbers change more often than we do.
    """
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def phone(text: str, country: str) -> str:
    """A phone number as we keep it: E.164 where it can be read, else as it was sent.

    What cannot be read is kept and not refused: a ride is not lost for a typing error, and a driver may still make
    sense of it.
    """
    return e164(text, country) or text.strip()


def names_country(text: str) -> bool:
    """Whether a phone number says itself of which country it is, so that `country` does not matter."""
    return text.lstrip().startswith("+")


def spellings(number: str) -> frozenset[str]:
    """The digits of the ways in which people write a number (as `phone` keeps it), to look numbers up that are kept as
    they were written. What is found so need not be the same number: the digits of another country's may be alike.
    """
    try:
        parsed = phonenumbers.parse(number, None)
    except NumberParseException:
        return frozenset({_digits(number)})
    country, trunk = str(parsed.country_code), _digits(phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL))
    local = phonenumbers.national_significant_number(parsed)
    return frozenset({country + local, f"00{country}{local}", trunk, local, country + trunk})


def _digits(text: str) -> str:
    return "".join(character for character in text if character in "0123456789")


def language(asked: str | None, spoken: Sequence[str]) -> str:
    """Which of the languages that are spoken (`en-GB`, the first is the default) answers the one that is asked for.

    The same language of another country is better than the default: `nl-BE` is answered by `nl-NL`.
    """
    wanted = _locale(asked or "")
    if wanted is None:
        return spoken[0]
    same = [each for each in spoken if (_locale(each) or ("", None))[0] == wanted[0]]
    exact = [each for each in same if _locale(each) == wanted]
    return next(iter((*exact, *same)), spoken[0])


def _locale(text: str) -> tuple[str, str | None] | None:
    """Language and territory of a tag; None for what is none."""
    try:
        parsed = parse_locale(text.replace("_", "-"), sep="-")
    except ValueError:
        return None
    return parsed[0], parsed[1]
