"""What fleets may be asked for by their own rules: areas, services, hours, prices."""

from datetime import UTC, datetime, time
from typing import Any

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.dispatch.fleets.eligible import may_serve, may_take, open_at, service_of
from cabstand.core.dispatch.fleets.model import Enquiry, Fleet, FleetQuote, FleetRules, Hours
from cabstand.core.money import Money
from cabstand.core.quotes.model import Zone

MONDAY_NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)  # 14:00 in Amsterdam
EVERY_DAY = frozenset(range(7))


def serves(
    now: datetime = MONDAY_NOON, *, wheelchair: bool = False, enquiry: dict[str, Any] | None = None, **rules: Any
) -> bool:
    fleet = Fleet(
        id=1,
        tenant_id=1,
        environment=Environment.LIVE,
        door="gett",
        endpoint="http://fleet.example",
        sealed_authorization=None,
        rules=FleetRules(**rules),
        paused_by=None,
        resting_until=None,
    )
    asked: dict[str, Any] = {
        "ride_id": 1,
        "environment": Environment.LIVE,
        "pickup": (52.37, 4.9),
        "dropoff": None,
        "pickup_label": "Dam",
        "dropoff_label": None,
        "scheduled_at": None,
        "vehicle_class": None,
        "passengers": 1,
        "currency": "EUR",
    }
    wanted = Enquiry(**{**asked, **(enquiry or {})})
    return may_serve(fleet, wanted, wheelchair=wheelchair, time_zone="Europe/Amsterdam", now=now)


def test_without_rules_a_fleet_is_asked_for_all_but_wheelchairs() -> None:
    assert serves()
    assert serves(enquiry={"vehicle_class": "van"})
    assert not serves(wheelchair=True)
    assert not serves(enquiry={"environment": Environment.SANDBOX})


def test_the_pickup_must_lie_in_one_of_its_areas() -> None:
    near = Zone(name="here", centre=(52.37, 4.9), metres=1000)
    far = Zone(name="there", centre=(52.0, 4.9), metres=1000)
    assert serves(areas=(far, near))
    assert not serves(areas=(far,))


def test_it_is_asked_for_the_classes_that_it_lists_in_its_own_words() -> None:
    services = {"saloon": "Standard", "wheelchair": "WAV"}
    assert serves(services=services, enquiry={"vehicle_class": "saloon"})
    assert serves(services=services)
    assert not serves(services=services, enquiry={"vehicle_class": "van"})
    assert serves(services=services, wheelchair=True)
    rules = FleetRules(services=services)
    assert service_of(rules, "saloon", wheelchair=False) == "Standard"
    assert service_of(rules, "saloon", wheelchair=True) == "WAV"
    assert service_of(rules, None, wheelchair=False) is None
    assert service_of(FleetRules(), "van", wheelchair=False) == "van"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("when", "found"),
    [
        ("2026-05-04T06:00", True),  # a Monday
        ("2026-05-04T05:59", False),
        ("2026-05-04T22:00", False),
        ("2026-05-05T12:00", False),
        ("2026-05-09T23:30", True),  # a Saturday
        ("2026-05-10T03:59", True),  # its night
        ("2026-05-10T04:00", False),
        ("2026-05-09T03:00", False),  # Friday's night
    ],
)
def test_hours_may_go_on_into_the_next_day(when: str, found: bool) -> None:
    hours = (
        Hours(days=frozenset({0}), begins=time(6), ends=time(22)),
        Hours(days=frozenset({5}), begins=time(23), ends=time(4)),
    )
    assert open_at(hours, at(when)) is found


def test_the_whole_day_and_no_hours_at_all_are_open() -> None:
    whole = (Hours(days=EVERY_DAY, begins=time(0), ends=time(0)),)
    assert open_at((), at("2026-05-04T03:00"))
    assert all(open_at(whole, at(f"2026-05-04T{hour:02}:00")) for hour in range(24))


def test_hours_are_local_and_those_of_the_pickup_where_it_is_booked_ahead() -> None:
    afternoon = (Hours(days=EVERY_DAY, begins=time(13), ends=time(15)),)
    assert serves(hours=afternoon)
    assert not serves(MONDAY_NOON.replace(hour=14), hours=afternoon)
    assert serves(MONDAY_NOON.replace(hour=3), hours=afternoon, enquiry={"scheduled_at": MONDAY_NOON})


def quote(price: int | None, *, currency: str = "EUR", arrival: int | None = 60) -> FleetQuote:
    money = None if price is None else Money(amount=price, currency=currency)
    return FleetQuote(fleet_id=1, quote_id=None, price=money, pickup_seconds=arrival)


def test_a_quote_is_taken_up_to_the_cap_and_in_the_currency_of_the_ride() -> None:
    capped = FleetRules(price_cap=500)
    assert may_take(capped, quote(500), "EUR")
    assert not may_take(capped, quote(501), "EUR")
    assert not may_take(capped, quote(None), "EUR")
    assert may_take(FleetRules(), quote(None), "EUR")
    assert not may_take(FleetRules(), quote(1, currency="USD"), "EUR")


def test_a_quote_of_another_world_is_not_taken() -> None:
    assert not may_take(FleetRules(), quote(-1), "EUR")
    assert not may_take(FleetRules(), quote(1, arrival=-5), "EUR")


def test_the_price_of_who_names_none_by_agreement_is_not_looked_at() -> None:
    assert may_take(FleetRules(names_prices=False, price_cap=5), quote(999, currency="USD"), "EUR")
