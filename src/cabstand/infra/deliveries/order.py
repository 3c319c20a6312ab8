"""The order in which one destination's deliveries are tried: first attempts of a subject one after the other.

Of calls whose answers count, retries too: what is called off must not be overtaken by what it calls off.
"""

from collections import deque
from collections.abc import Iterable

from cabstand.infra.deliveries.store import Delivery

Key = tuple[str, int]


def _in_turn(delivery: Delivery) -> bool:
    return delivery.attempts == 0 or delivery.answer_job is not None


class Queue:
    """What is loaded for one destination and not yet under way."""

    def __init__(self) -> None:
        self._ready: deque[Delivery] = deque()
        self._behind: dict[Key, deque[Delivery]] = {}  # a subject is in here while a first attempt of it is not over

    def __len__(self) -> int:
        """How many can be tried now."""
        return len(self._ready)

    def add(self, deliveries: Iterable[Delivery]) -> None:
        """In order of id. A retry is ready at once, a first attempt when those before it of its subject are over."""
        for delivery in deliveries:
            key = (delivery.subject, delivery.subject_id)
            if _in_turn(delivery):
                if (line := self._behind.get(key)) is not None:
                    line.append(delivery)
                    continue
                self._behind[key] = deque()
            self._ready.append(delivery)

    def take(self) -> Delivery | None:
        """The next to try, None if there is nothing ready. Say `over` when its attempt has ended."""
        return self._ready.popleft() if self._ready else None

    def over(self, delivery: Delivery) -> None:
        """Its attempt has ended, however: the next first attempt of its subject may go."""
        if not _in_turn(delivery):
            return
        key = (delivery.subject, delivery.subject_id)
        line = self._behind[key]
        if line:
            self._ready.append(line.popleft())
        else:
            del self._behind[key]
