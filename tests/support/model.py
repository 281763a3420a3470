"""What the service must decide, said again with plain dictionaries, one bale after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import readings_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.bales import Bale

CREATED: Final = readings_pb2.OUTCOME_CREATED
EXISTS: Final = readings_pb2.OUTCOME_EXISTS
REJECTED: Final = readings_pb2.OUTCOME_REJECTED

# In the order in which the contract lists EXISTS_WITH_DIFFERENT_*.
ORDER: Final = [
    name.removeprefix("OUTCOME_EXISTS_WITH_DIFFERENT_").lower()
    for name in readings_pb2.Outcome.keys()  # noqa: SIM118 - an enum of the contract is no dict
    if name.startswith("OUTCOME_EXISTS_WITH_DIFFERENT_")
]


class Model:
    """First readings by bale; a reading of tests.support.bales.streams is wrong in known ways."""

    def __init__(self) -> None:
        """Starts empty."""
        self.first: dict[tuple[str, int], Bale] = {}

    def decide(self, bales: Sequence[Bale]) -> list[int]:
        """The outcome of every bale of one batch, as numbers of the enum Outcome."""
        return [self._one(bale) for bale in bales]

    def _one(self, bale: Bale) -> int:
        if bale.values.get("length") == 9999 or bale.lot_no == "123":
            return REJECTED
        key = bale.code, bale.crop_year
        first = self.first.get(key)
        if first is None:
            self.first[key] = bale
            return CREATED
        for name in ORDER:
            if name == "laboratory" and not (first.laboratory and bale.laboratory):
                continue
            if _value(first, name) != _value(bale, name):
                return readings_pb2.Outcome.Value(f"OUTCOME_EXISTS_WITH_DIFFERENT_{name.upper()}")
        return EXISTS


def _value(bale: Bale, name: str) -> object:
    return (
        getattr(bale, name)
        if name in ("lot_no", "standard", "laboratory")
        else bale.values.get(name)
    )


def outcomes_of(answer: readings_pb2.BatchOutcome) -> list[int]:
    """The outcome of every bale, out of the sparse answer to a batch."""
    outcomes = [int(CREATED)] * answer.received
    for run in answer.existing_rows:
        outcomes[run.first : run.first + run.count] = [EXISTS] * run.count
    for one in answer.outcomes:
        outcomes[one.row] = one.outcome
    return outcomes
