"""Everything the core can refuse. A class's docstring is its default message; doors give each a status and a code."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cabstand.core.corporate.model import Mistake


class CoreError(Exception):
    """The request could not be carried out."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class NotFound(CoreError):
    """No such thing, or not yours."""


class IllegalTransition(CoreError):
    """The ride is not in a state that allows this."""

    def __init__(
        self, message: str | None = None, *, before: str | None = None, to: str | None = None, by: str | None = None
    ) -> None:
        super().__init__(message)
        self.before = before  # the state it is in
        self.to = to  # the state that was asked for; None where the state decides, as in giving up
        self.by = by


class OfferOver(CoreError):
    """The offer is no longer open."""

    def __init__(self, message: str | None = None, *, state: str | None = None) -> None:
        super().__init__(message)
        self.state = state  # the state it is in


class DriverNotAsked(CoreError):
    """This driver was not asked, has already declined, or may not drive."""


class DriverBusy(CoreError):
    """The driver already has a ride at that time."""


class NobodyToAsk(CoreError):
    """None of these drivers can be asked."""


class NotAllowed(CoreError):
    """This key may not do that."""


class KeyUsedForAnother(CoreError):
    """The idempotency key was already used with another body."""


class Raced(CoreError):
    """Somebody else changed the ride at the same moment; try again."""


class UnknownKey(CoreError):
    """The key is missing or unknown."""


class AlreadyThere(CoreError):
    """There is one like that already."""


class NotOnShift(CoreError):
    """The driver is not on shift."""


class OnShift(CoreError):
    """The driver is on shift with another vehicle: end that shift first."""


class VehicleInUse(CoreError):
    """Another driver is on shift with this vehicle."""


class OnARide(CoreError):
    """The driver has a ride that is due: it must end, or be handed back, first."""


class TooEarly(CoreError):
    """The passenger must be waited for longer."""


class WrongCode(CoreError):
    """The code is wrong, was used, or no longer counts."""


class ChooseCompany(CoreError):
    """The driver drives for several companies: say for which."""

    def __init__(self, companies: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.companies = companies  # slug and name of each


class TooMany(CoreError):
    """Too many requests: wait before the next one."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds  # until it is worth another try


class Mistaken(CoreError):
    """Something that was said of staff or a ride cannot be."""

    def __init__(self, mistakes: "Sequence[Mistake]") -> None:
        super().__init__()
        self.mistakes = tuple(mistakes)  # all of them


class MayNotBook(CoreError):
    """This employee may not book that now: not enabled, not allowed that service, or it was not estimated before."""
