"""Which lots a request is about: filters on what lots are, and on where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton_server.summary.facts import lot_words
from cotton_server.summary.keys import LOT_WORDS, PLACE_KEYS, STANDARD_KEY, check_request

NOT_OF_LOTS: Final = (STANDARD_KEY, *PLACE_KEYS)
"""The keys by which the bales of one lot may part."""

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cotton.inspection.v1 import summary_pb2

    from cotton_server.registry.lots import LotEntry


class LotKeys:
    """Filters on the keys of lots; all must hold."""

    def __init__(self, filters: Mapping[str, Sequence[str]]) -> None:
        """Takes the values wanted by key.

        Raises UnknownKeyError and EmptyFilterError as `check_request`; keys of bales and the state
        are none of these.
        """
        check_request([], filters, without=(*NOT_OF_LOTS, "state"))
        self._wanted = {key: frozenset(values) for key, values in filters.items()}

    def pass_at(self, lot: LotEntry, revision: int) -> bool:
        """Whether a lot passed at a revision; one not registered has "" for most keys."""
        if not self._wanted:
            return True
        registered = lot.registrations.at(revision)
        words = lot_words(lot.lot_no, None if registered is None else registered.record)
        values = dict(zip(LOT_WORDS, words, strict=True))
        values["lot"] = lot.lot_no
        values["season"] = str(lot.season) if lot.season > 0 else ""
        return all(values[key] in wanted for key, wanted in self._wanted.items())


@dataclass(frozen=True, slots=True)
class StatusFilter:
    """What the status of a lot must be; what is left as it is asks for nothing."""

    states: frozenset[int] = frozenset()
    objected: bool = False
    overdue: bool = False
    age_s_min: int = 0

    def passes(self, status: summary_pb2.LotStatus) -> bool:
        """Whether a lot of this status is asked for."""
        undecided = [each for each in status.objections if not each.objection.decision]
        waiting = status.HasField("age_s") and not status.certified_at_s
        return (
            (not self.states or status.state in self.states)
            and (not self.objected or bool(undecided))
            and (not self.overdue or any(each.overdue for each in undecided))
            and (not self.age_s_min or (waiting and status.age_s >= self.age_s_min))
        )
