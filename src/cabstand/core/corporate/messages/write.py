"""What messages to companies' people say: made of plain values, in their language."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_currency, format_decimal

from cabstand.core.corporate.messages.words import Words
from cabstand.core.corporate.model import Service
from cabstand.core.messages.letter import Letter, one_line
from cabstand.core.money import Money, exponent
from cabstand.core.quotes.model import FareLine

_MOMENT: Final = "d MMM y, HH:mm"


@dataclass(frozen=True, kw_only=True, slots=True)
class Coming:
    """Who comes for a ride, as far as it is known."""

    company: str
    driver: str | None
    car: str | None  # make and model
    plate: str | None


def accepted(words: Words, coming: Coming) -> str:
    """The text that a driver has accepted the ride: who, in which car, with which plate."""
    text = words.accepted.format(company=coming.company, driver=coming.driver or words.somebody)
    if vehicle := _vehicle(words, coming.car, coming.plate):
        text += " " + words.vehicle.format(vehicle=vehicle)
    return one_line(text)


def cancelled(words: Words, coming: Coming) -> str:
    """The text that the driver has cancelled the ride."""
    return one_line(words.cancelled.format(company=coming.company, driver=coming.driver or words.somebody))


def _vehicle(words: Words, car: str | None, plate: str | None) -> str:
    return ", ".join(filter(None, (car, plate and words.plate.format(plate=plate))))


def welcome(words: Words, *, name: str, company: str, services: Sequence[Service], has_pin: bool) -> Letter:
    """The mail to an employee for whom rides can be booked from now on."""
    shown = ", ".join(words.services[service] for service in services)
    paragraphs = [words.welcome.format(company=company), words.may_ride_with.format(services=shown)]
    if Service.TAXI in services:  # only there a code is asked for (seed, "Cadastro de colaborador")
        paragraphs.append(words.code_of_pin if has_pin else words.code_of_digits)
    return Letter(
        tag=words.tag,
        subject=words.welcome_subject.format(company=company),
        paragraphs=(words.greeting.format(name=name), *paragraphs),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """A receipt with what a mail says of it."""

    total: Money
    lines: tuple[FareLine, ...]
    former: int | None  # the total, in minor units, of the receipt that it corrects
    service: Service
    document: Mapping[str, Any]  # as `receipts` writes it
    time_zone: str


def receipt(words: Words, receipt: Receipt) -> Letter:
    """The mail with a ride's receipt: its route, its amounts, and whose account it is on."""
    document, company = receipt.document, receipt.document["company"]["name"]
    total = priced(words, receipt.total.amount, receipt.total.currency)
    if receipt.former is None:
        subject, opening = words.receipt_subject, words.receipt.format(company=company)
    else:
        former = priced(words, receipt.former, receipt.total.currency)
        subject, opening = words.corrected_subject, words.corrected.format(company=company, former=former)
    return Letter(
        tag=words.tag,
        subject=subject.format(total=total),
        paragraphs=(words.greeting.format(name=document["employee"]["name"]), opening),
        tables=(
            tuple(_amounts(words, receipt, total)),
            tuple(_route(words, receipt)),
            tuple(_account(words, document)),
        ),
    )


def priced(words: Words, amount: int, currency: str) -> str:
    """With all decimals that the currency has by ISO 4217, whatever is usual where it is paid."""
    decimals = exponent(currency)
    exact = Decimal(amount).scaleb(-decimals)
    return format_currency(exact, currency, locale=words.locale, decimal_quantization=False)


def _amounts(words: Words, receipt: Receipt, total: str) -> Iterator[tuple[str, str]]:
    for line in receipt.lines:
        yield words.lines[line.kind], priced(words, line.amount, receipt.total.currency)
    yield words.labels["total"], total


def _route(words: Words, receipt: Receipt) -> Iterator[tuple[str, str]]:
    document, labels = receipt.document, words.labels
    for place, at in (("start", "begun"), ("end", "ended")):
        yield labels[place], document[place]["address"] or f"{document[place]['lat']}, {document[place]['lng']}"
        yield labels[at], _moment(words, document[place]["at"], receipt.time_zone)
    kilometres = format_decimal(Decimal(document["metres"]) / 1000, "#,##0.0", locale=words.locale)
    yield labels["distance"], f"{kilometres} km"
    yield labels["duration"], words.minutes.format(minutes=max(1, round(document["seconds"] / 60)))
    yield labels["service"], words.services[receipt.service]
    if (driver := document["driver"]) is not None:
        yield labels["driver"], driver["name"] or words.somebody
        if vehicle := _vehicle(words, driver["car"], driver["plate"]):
            yield labels["vehicle"], vehicle


def _account(words: Words, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for part in ("company", "employee", "cost_center", "project"):
        if (named := document[part]) is not None:
            yield words.labels[part], named["name"]
    if document["reason"]:
        yield words.labels["reason"], document["reason"]


def _moment(words: Words, at: str, time_zone: str) -> str:
    return format_datetime(datetime.fromisoformat(at), _MOMENT, tzinfo=ZoneInfo(time_zone), locale=words.locale)
