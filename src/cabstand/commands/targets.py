"""Checks the addresses of webhooks that are given on this machine."""

from cabstand.infra.deliveries.targets import TargetRefused, check_url
from cabstand.settings import Settings


def refusal(url: str, settings: Settings) -> str | None:
    """Why webhooks may not go to this address; None if they may.

    A loopback address is taken unless it is forbidden: an exchange that only this machine reaches sends there.
    """
    try:
        check_url(url, allow_loopback=settings.allow_loopback_hooks is not False)
    except TargetRefused as refused:
        return str(refused)
    return None


def warning(url: str, settings: Settings) -> str | None:
    """What to know about an address that was taken; None if nothing."""
    if settings.allow_loopback_hooks is not None:
        return None
    try:
        check_url(url)
    except TargetRefused:
        return (
            f"{url} is on this machine: an exchange that listens for other machines sends there only with "
            "CABSTAND_ALLOW_LOOPBACK_HOOKS=1."
        )
    return None
