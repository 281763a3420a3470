"""When a call is made again, and when to give up."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from cotton_client import errors

_RANDOM: Final = secrets.SystemRandom()
_DOUBLINGS_MAX: Final = 64
"""Beyond any pause; whoever tries for days must not count out of the range of a float."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a call is repeated while the server is unavailable.

    `patience_s` is the time from the first failure without any progress after which the
    error is raised, and `patience_first_s` the same before the server has ever answered,
    when a wrong address is likelier than a restart. Pauses double from `delay_first_s` up
    to `delay_max_s`; each is drawn at random below that, so that clients do not come back
    in step.
    """

    patience_s: float = 60.0
    patience_first_s: float = 5.0
    delay_first_s: float = 0.1
    delay_max_s: float = 5.0

    def delay_s(self, attempt: int) -> float:
        """A pause before the attempt, counted from 1."""
        doublings = min(attempt, _DOUBLINGS_MAX)
        return _RANDOM.uniform(0, min(self.delay_max_s, self.delay_first_s * 2.0**doublings))


class Patience:
    """When to try again and when to give up."""

    def __init__(self, policy: RetryPolicy, *, answered: bool) -> None:
        self.answered = answered
        self._policy = policy
        self._attempt = 0
        self._failing_since_s: float | None = None

    def renew(self) -> None:
        """Forgets past failures: there was progress."""
        self._attempt = 0
        self._failing_since_s = None

    async def pause(
        self,
        error: errors.CottonError,
        on_retry: Callable[[errors.CottonError, float], None] | None = None,
    ) -> None:
        """Sleeps before the next attempt; raises the error when patience has run out."""
        policy = self._policy
        self._attempt += 1
        now_s = asyncio.get_running_loop().time()
        # From the failure, not from the progress before it: the silence in which an answer is
        # taken for lost may be as long as patience is, and the call is still to be made again.
        if self._failing_since_s is None:
            self._failing_since_s = now_s
        waited_s = now_s - self._failing_since_s
        # On top of what the server asks for: it asks the same of all that it turned away.
        delay_s = (error.retry_after_s or 0.0) + policy.delay_s(self._attempt)
        if waited_s + delay_s > (policy.patience_s if self.answered else policy.patience_first_s):
            raise error
        if on_retry is not None:
            on_retry(error, delay_s)
        await asyncio.sleep(delay_s)
