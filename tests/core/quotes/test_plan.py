"""Prices in the file of `cabstand apply`: what it may say, and how all that is wrong is told by line."""

from datetime import time
from decimal import Decimal

import pytest

from cabstand.core.access.plan import PlanError, read
from cabstand.core.quotes.model import FixedPrice, LineKind, PriceList, PriceRule, Surcharge, Tariff, Zone

TENANT = """\
[[tenants]]
slug = "canal-cabs"
name = "Canal Cabs"
country = "NL"
currency = "EUR"
time_zone = "Europe/Amsterdam"
"""
PRICES = """\
[[tenants.tariffs]]
vehicle_class = "saloon"
seats = 4
base = "4.15"
per_km = "3.05"
per_minute = "0.505"
minimum = "10.00"
waiting_per_minute = "0.85"
waiting_free_minutes = 5
tax = "9"
taxes = { waiting = "21", toll = "21" }
[[tenants.tariffs.surcharges]]
name = "Weekend nights"
days = ["saturday", "friday"]
from = "23:00"
until = "06:00"
percent = "12.5"
[[tenants.zones]]
name = "Centre"
polygon = [[52.39, 4.87], [52.39, 4.93], [52.35, 4.9]]
[[tenants.zones]]
name = "Schiphol"
circle = { lat = 52.3086, lng = 4.7639, metres = 3000 }
[[tenants.fixed_prices]]
from = "Centre"
to = "Schiphol"
both_ways = true
prices = { saloon = "64.00" }
"""


def prices(text: str) -> PriceList | None:
    (tenant,) = read(TENANT + text, doors=["dispatchapi"]).tenants
    return tenant.prices


def problems(text: str) -> list[tuple[int, str]]:
    """Lines are counted from the first one after the tenant's own."""
    with pytest.raises(PlanError) as caught:
        prices(text)
    return [(each.line - TENANT.count("\n"), each.message) for each in caught.value.problems]


def test_a_file_that_says_nothing_of_prices_leaves_them_alone() -> None:
    assert prices("") is None


def test_an_empty_list_of_tariffs_takes_them_away() -> None:
    assert prices("tariffs = []\n") == PriceList(currency="EUR", time_zone="Europe/Amsterdam")


def test_a_whole_price_list_is_read() -> None:
    tariff = Tariff(
        vehicle_class="saloon",
        seats=4,
        base=Decimal(415),
        per_km=Decimal(305),
        per_minute=Decimal("50.5"),
        minimum=1000,
        waiting_per_minute=Decimal(85),
        waiting_free=5,
        tax=Decimal(9),
        taxes={
            LineKind.WAITING: Decimal(21),
            LineKind.TOLL: Decimal(21),
            LineKind.DISCOUNT: Decimal(0),
            LineKind.ADDITIONAL: Decimal(0),
        },
        surcharges=(
            Surcharge(
                name="Weekend nights",
                days=frozenset({4, 5}),
                begins=time(23),
                ends=time(6),
                percent=Decimal("12.5"),
            ),
        ),
    )
    assert prices(PRICES) == PriceList(
        currency="EUR",
        time_zone="Europe/Amsterdam",
        tariffs=(tariff,),
        zones=(
            Zone(name="Centre", corners=((52.39, 4.87), (52.39, 4.93), (52.35, 4.9))),
            Zone(name="Schiphol", centre=(52.3086, 4.7639), metres=3000),
        ),
        fixed_prices=(FixedPrice(origin="Centre", target="Schiphol", both_ways=True, amounts={"saloon": 6400}),),
    )


def test_amounts_are_in_the_minor_units_of_the_tenants_currency() -> None:
    text = TENANT.replace('"EUR"', '"JPY"') + '[[tenants.tariffs]]\nvehicle_class = "saloon"\nseats = 4\ntax = "10"\n'
    (tenant,) = read(text + 'base = "500"\nminimum = "730"\n', doors=["dispatchapi"]).tenants
    assert tenant.prices is not None
    (tariff,) = tenant.prices.tariffs
    assert (tariff.base, tariff.minimum, tariff.per_km) == (Decimal(500), 730, Decimal(0))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('"saloon"\nseats', '"Saloon"\nseats', 2, '"vehicle_class" must be a class of vehicle in lower case'),
        ("seats = 4", "", 1, '"seats" is missing'),
        ("seats = 4", "seats = 0", 3, '"seats" must be a whole number from 1 to 100, not 0'),
        ("seats = 4", "seats = true", 3, '"seats" must be a whole number'),
        ('"4.15"', "4.15", 4, '"base" must be a rate in quotes, such as "3.05", not 4.15'),
        ('"4.15"', '"-4"', 4, '"base" must be a rate'),
        ('"10.00"', '"10.005"', 7, '"minimum" has more than the 2 decimals of EUR: "10.005"'),
        ("minutes = 5", "minutes = 1000", 9, '"waiting_free_minutes" must be a whole number from 0 to 600'),
        ('tax = "9"', "", 1, '"tax" is missing'),
        ('tax = "9"', 'tax = "109"', 10, '"tax" must be a percentage'),
        ('{ waiting = "21", toll = "21" }', '"21"', 11, '"taxes" must be a table, not "21"'),
        ("toll =", "route =", 11, '"route" is not known here'),
        ('"saturday"', '"sat"', 14, '"days" may list "monday", "tuesday"'),
        ('"23:00"', '"24:00"', 15, '"from" must be a time of day in quotes, such as "22:00", not "24:00"'),
        ('"12.5"', '"-100"', 17, '"percent" must be a percentage'),
        ("[52.35, 4.9]", "[152.35, 4.9]", 20, '"polygon" must be a list of 3 to 500 pairs of degrees'),
        (", [52.35, 4.9]]", "]", 20, '"polygon" must be a list of 3 to 500 pairs of degrees'),
        ("polygon = [[52.39, 4.87], [52.39, 4.93], [52.35, 4.9]]", "", 19, 'either a "polygon" or a "circle"'),
        ("lat = 52.3086", "lat = nan", 23, '"lat" and "lng" must be degrees'),
        ("metres = 3000", "metres = 0", 23, '"metres" must be a whole number from 1 to 500000'),
        ('"Schiphol"\ncircle', '"Centre"\ncircle', 22, 'the zone "Centre" is already on line'),
        ('from = "Centre"', 'from = "Center"', 25, 'no zone "Center"; did you mean "Centre"?'),
        ("{ saloon =", "{ estate =", 28, 'this tenant has no tariff of "estate"'),
        ('{ saloon = "64.00" }', "{ }", 28, '"prices" must name classes with their prices'),
        ('{ saloon = "64.00" }', '"64.00"', 28, '"prices" must be a table, not "64.00"'),
        ("both_ways = true", 'both_ways = "yes"', 27, '"both_ways" must be true or false'),
        ("both_ways", "both_way", 27, '"both_way" is not known here; did you mean "both_ways"?'),
    ],
)
def test_what_is_wrong_is_told_by_line(old: str, new: str, line: int, message: str) -> None:
    assert old in PRICES
    found = problems(PRICES.replace(old, new, 1))
    assert any(at == line and message in told for at, told in found), found


def test_the_same_twice_is_told() -> None:
    tariff = '[[tenants.tariffs]]\nvehicle_class = "saloon"\nseats = 4\ntax = "9"\n'
    fixed = PRICES[PRICES.index("[[tenants.fixed_prices]]") :]
    assert [message.partition(" is already")[0] for _, message in problems(PRICES + tariff + fixed)] == [
        'the tariff of "saloon"',
        'the fixed price from "Centre" to "Schiphol"',
    ]


def test_all_problems_are_told_at_once() -> None:
    text = PRICES.replace('"4.15"', "4.15").replace('"64.00"', "64").replace('"23:00"', "23")
    assert [line for line, _ in problems(text)] == [4, 15, 28]


def test_a_currency_of_the_past_is_refused() -> None:
    with pytest.raises(PlanError, match='"currency" must be a currency of today, not "NLG"'):
        read(TENANT.replace('"EUR"', '"NLG"'), doors=["dispatchapi"])


@pytest.mark.parametrize(("said", "rule"), [("", None), ('price_rule = "held"', PriceRule.HELD)])
def test_a_link_may_say_how_its_prices_join(said: str, rule: PriceRule | None) -> None:
    text = f'[[links]]\ndemand = "a"\nsupply = "b"\nenvironments = ["live"]\n{said}\n'
    assert [link.price_rule for link in read(text, doors=[]).links] == [rule]


def test_a_link_with_an_unknown_rule_is_told() -> None:
    text = '[[links]]\ndemand = "a"\nsupply = "b"\nenvironments = ["live"]\nprice_rule = "hold"\n'
    with pytest.raises(PlanError, match='line 5: "price_rule" must be one of "held", "passed_through"'):
        read(text, doors=[])
