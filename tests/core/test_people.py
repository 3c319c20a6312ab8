"""Phone numbers and languages."""

import pytest

from cabstand.core.people import e164, language, names_country, phone, spellings


@pytest.mark.parametrize(
    ("sent", "country", "kept"),
    [
        ("+31622334455", "NL", "+31622334455"),
        ("06 2233 4455", "NL", "+31622334455"),
        ("0031-6-22334455", "NL", "+31622334455"),
        ("(11) 91234-5678", "BR", "+5511912345678"),
        ("+31 6 22334455", "BR", "+31622334455"),
        ("+31622334455", "not a country", "+31622334455"),
    ],
)
def test_a_phone_number_is_kept_in_one_form(sent: str, country: str, kept: str) -> None:
    assert phone(sent, country) == kept
    assert e164(sent, country) == kept


@pytest.mark.parametrize("sent", ["reception", "12", "+999123456789", "", "+" + "1" * 40])
def test_what_cannot_be_a_phone_number_is_kept_as_it_was_sent(sent: str) -> None:
    assert e164(sent, "NL") is None
    assert phone(f" {sent} ", "NL") == sent


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("nl-NL", "nl-NL"),
        ("nl", "nl-NL"),
        ("NL", "nl-NL"),
        ("nl_BE", "nl-NL"),
        ("EN", "en-GB"),
        ("en-US", "en-GB"),
        ("de", "en-GB"),
        ("", "en-GB"),
        (None, "en-GB"),
        ("?!", "en-GB"),
    ],
)
def test_a_language_is_answered_by_the_nearest_that_is_spoken(asked: str | None, answered: str) -> None:
    assert language(asked, ("en-GB", "nl-NL")) == answered


def test_of_two_forms_of_a_language_the_one_that_is_asked_for_answers() -> None:
    assert language("pt-BR", ("en-GB", "pt-PT", "pt-BR")) == "pt-BR"
    assert language("pt", ("en-GB", "pt-PT", "pt-BR")) == "pt-PT"


@pytest.mark.parametrize(
    ("number", "country", "texts"),
    [
        ("+31622334455", "NL", ["06 22334455", "0031622334455", "+31 (0)6-22334455", "622334455", "+31 6 2233 4455"]),
        ("+5511912345678", "BR", ["(11) 91234-5678", "+55 11 91234-5678"]),
        ("+12015550123", "US", ["(201) 555-0123", "1-201-555-0123", "+1 201 555 0123"]),
        ("+390612345678", "IT", ["06 12345678", "+39 06 12345678"]),
    ],
)
def test_a_number_is_looked_up_by_the_digits_of_the_ways_to_write_it(
    number: str, country: str, texts: list[str]
) -> None:
    for text in texts:
        assert phone(text, country) == number
        assert "".join(filter(str.isdecimal, text)) in spellings(number)


def test_what_is_no_number_is_looked_up_by_the_digits_it_has() -> None:
    assert spellings("cab 7, or 8") == {"78"}


def test_a_number_with_a_plus_names_its_country() -> None:
    assert names_country(" +31 6 22334455")
    assert not names_country("0031 6 22334455")
    assert not names_country("call me")
