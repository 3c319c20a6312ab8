"""The rate limit as a fleet is told it: three headers on every answer to one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from starlette.requests import HTTPConnection

from cabstand.core.access.quotas import Quota

_QUOTA: Final = "cabstand.gett.quota"


def note(connection: HTTPConnection, quota: Quota) -> None:
    """Keep where the caller stands, for whatever is answered."""
    connection.scope[_QUOTA] = quota


def headers(connection: HTTPConnection) -> Mapping[str, str]:
    """The headers of an answer; none where it is not known which fleet calls."""
    quota = connection.scope.get(_QUOTA)
    return of(quota) if isinstance(quota, Quota) else {}


def of(quota: Quota) -> dict[str, str]:
    """A quota as headers."""
    return {
        "x-rate-limit-limit": str(quota.limit),
        "x-rate-limit-remaining": str(quota.remaining),
        "x-rate-limit-reset": str(int(quota.resets_at.timestamp())),
    }


def wait(quota: Quota, now: datetime) -> int:
    """Seconds until the quota renews, at least one."""
    return max(1, -int(-(quota.resets_at - now).total_seconds() // 1))
