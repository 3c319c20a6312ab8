"""Which fleets may be asked for a ride by their own rules, and which of their quotes may be taken. Pure."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cabstand.core.dispatch.fleets.model import WHEELCHAIR, Enquiry, Fleet, FleetQuote, FleetRules, Hours


def service_of(rules: FleetRules, vehicle_class: str | None, *, wheelchair: bool) -> str | None:
    """The fleet's word for what is to come; None if it has none: any car will do.

    A wheelchair goes before the class. Ask `serves` first whether the fleet drives it at all.
    """
    wanted = WHEELCHAIR if wheelchair else vehicle_class
    return None if wanted is None else rules.services.get(wanted, wanted)


def serves(rules: FleetRules, vehicle_class: str | None, *, wheelchair: bool) -> bool:
    """Whether the fleet drives this class. One that lists no services drives all, but no wheelchair."""
    if wheelchair:
        return WHEELCHAIR in rules.services
    return vehicle_class is None or not rules.services or vehicle_class in rules.services


def open_at(hours: tuple[Hours, ...], local: datetime) -> bool:
    """Whether a fleet takes orders for this moment of the market's local time."""
    return not hours or any(_covers(each, local) for each in hours)


def _covers(hours: Hours, local: datetime) -> bool:
    time, day = local.time().replace(tzinfo=None), local.weekday()
    if hours.begins < hours.ends:
        return day in hours.days and hours.begins <= time < hours.ends
    yesterday = (local - timedelta(days=1)).weekday()
    return (day in hours.days and time >= hours.begins) or (yesterday in hours.days and time < hours.ends)


def may_serve(fleet: Fleet, enquiry: Enquiry, *, wheelchair: bool, time_zone: str, now: datetime) -> bool:
    """Whether the fleet's own rules let it be asked for this ride: area, service, hours."""
    rules = fleet.rules
    if fleet.environment is not enquiry.environment:
        return False
    if rules.areas and not any(area.contains(enquiry.pickup) for area in rules.areas):
        return False
    if not serves(rules, enquiry.vehicle_class, wheelchair=wheelchair):
        return False
    return open_at(rules.hours, (enquiry.scheduled_at or now).astimezone(ZoneInfo(time_zone)))


def may_take(rules: FleetRules, quote: FleetQuote, currency: str) -> bool:
    """Whether a quote can be taken: its price in the ride's currency, no dearer than the cap, and of this world.

    The price of a fleet that names none by agreement says nothing.
    """
    if quote.pickup_seconds is not None and quote.pickup_seconds < 0:
        return False
    if not rules.names_prices:
        return True
    if quote.price is None:
        return rules.price_cap is None
    if quote.price.currency != currency or quote.price.amount < 0:
        return False
    return rules.price_cap is None or quote.price.amount <= rules.price_cap
