"""Where each producer stands: what it sends next, how much of its is stored, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Producer:
    """What is stored of one producer.

    `batches` counts readings and all other requests, `bales_received` the bales in them.
    `last_revision` is the ledger position of the last one, `last_received_at_us` when that was
    received (microseconds since 1970-01-01 UTC). A batch without a sequence leaves
    `next_sequence` as it is.
    """

    next_sequence: int
    batches: int
    bales_received: int
    last_revision: int
    last_received_at_us: int


UNHEARD: Final = Producer(
    next_sequence=1, batches=0, bales_received=0, last_revision=0, last_received_at_us=0
)
"""A producer of which nothing is stored: its first batch carries sequence 1."""


class ProducerBook:
    """Producers by id.

    One thread notes, in the order of the ledger; any thread may look: an entry is replaced
    whole, so that its numbers always belong together.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self._producers: dict[str, Producer] = {}

    def __len__(self) -> int:
        """Producers of which something is stored."""
        return len(self._producers)

    def __contains__(self, producer: object) -> bool:
        """Whether something of the producer is stored."""
        return producer in self._producers

    def producers(self) -> Mapping[str, Producer]:
        """All producers by id, in order of first mention; a copy."""
        return dict(self._producers)

    def begin_with(self, producers: Mapping[str, Producer]) -> None:
        """Takes all producers of another book into an empty one."""
        if self._producers:
            raise AssertionError("producers that were there come before all others")
        self._producers = dict(producers)

    def get(self, producer: str) -> Producer:
        """Where a producer stands; UNHEARD for one that was never noted."""
        return self._producers.get(producer, UNHEARD)

    def next_sequence(self, producer: str) -> int:
        """The sequence that the producer's next batch must carry; the first is 1."""
        return self.get(producer).next_sequence

    def note(
        self, producer: str, sequence: int | None, position: int, received_at_us: int, bales: int
    ) -> None:
        """Notes what was stored of a producer, with its sequence if it carried one.

        Raises AssertionError when it is not the next: by sequence, or in the ledger.
        """
        before = self.get(producer)
        if sequence is not None and sequence != before.next_sequence:
            raise AssertionError("batches of a producer are noted in the order of their sequence")
        if position <= before.last_revision:
            raise AssertionError("what a producer sent is noted in the order of the ledger")
        self._producers[producer] = Producer(
            next_sequence=before.next_sequence + (sequence is not None),
            batches=before.batches + 1,
            bales_received=before.bales_received + bales,
            last_revision=position,
            last_received_at_us=received_at_us,
        )
