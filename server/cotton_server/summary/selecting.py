"""Which lots a request is about: filters on what lots are, and on where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_server.reference.units import LEVELS
from cotton_server.summary.facts import day_of, lot_words
from cotton_server.summary.keys import (
    LOT_WORDS,
    PLACE_KEYS,
    STANDARD_KEY,
    check_request,
    season_code,
)

NOT_OF_LOTS: Final = (STANDARD_KEY, *PLACE_KEYS)
"""The keys by which the bales of one lot may part."""

_PLACED: Final = frozenset(LEVELS)
"""The keys that a loaded organisation decides."""

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cotton.inspection.v1 import summary_pb2

    from cotton_server.reference.placing import Placing
    from cotton_server.registry.lots import LotEntry
    from cotton_server.summary.gradings import Gradings


class LotKeys:
    """Filters on the keys of lots, as summaries know them; all must hold."""

    def __init__(self, filters: Mapping[str, Sequence[str]], gradings: Gradings) -> None:
        """Takes the values wanted by key, and what places lots in an organisation.

        Raises UnknownKeyError and EmptyFilterError as `check_request`; keys of bales and the state
        are none of these.
        """
        check_request([], filters, without=(*NOT_OF_LOTS, "state"))
        self._wanted = {key: frozenset(values) for key, values in filters.items()}
        self._gradings = gradings

    def may_pass(self, lots: pl.DataFrame) -> pl.DataFrame:
        """The lots that may pass by `lot_no` and `season`; no others do, at any revision."""
        may_be = []
        if "lot" in self._wanted:
            may_be.append(pl.col("lot_no").is_in(self._wanted["lot"]))
        if "season" in self._wanted:
            codes = {season_code(label) for label in self._wanted["season"]}
            may_be.append(pl.col("season").clip(0).is_in(codes))
        return lots.filter(*may_be) if may_be else lots

    def passing(self, lots: Sequence[tuple[LotEntry, int]]) -> list[bool]:
        """Which of these lots pass, each at its revision.

        A lot that is not registered has "" for most keys.
        """
        if not self._wanted:
            return [True] * len(lots)
        if _PLACED.isdisjoint(self._wanted):
            return [self._passes(_said(lot, revision)) for lot, revision in lots]
        passing = [False] * len(lots)
        for placing, places in self._by_placing([revision for _, revision in lots]):
            said = [_said(*lots[place]) for place in places]
            if placing is not None:
                frame = pl.DataFrame(said).cast({"day": pl.Int32})
                said = placing.place(frame, "day").to_dicts()
            for place, values in zip(places, said, strict=True):
                passing[place] = self._passes(values)
        return passing

    def _passes(self, values: Mapping[str, object]) -> bool:
        return all(values[key] in wanted for key, wanted in self._wanted.items())

    def _by_placing(self, revisions: Sequence[int]) -> list[tuple[Placing | None, list[int]]]:
        """The places of revisions with one organisation, together."""
        groups: dict[int, tuple[Placing | None, list[int]]] = {}
        for place, revision in enumerate(revisions):
            grading = self._gradings.at(revision)
            group = groups.setdefault(grading.organisation_revision, (grading.basis.placing, []))
            group[1].append(place)
        return list(groups.values())


def _said(lot: LotEntry, revision: int) -> dict[str, str | int]:
    """The keys of a lot at a revision as what is recorded of it says, and its day."""
    registered, first = lot.registration_at(revision), lot.registrations.first_at(revision)
    words = lot_words(lot.lot_no, registered)
    return {
        **dict(zip(LOT_WORDS, words, strict=True)),
        "lot": lot.lot_no,
        "season": _season(lot.season),
        "day": day_of(registered, 0 if first is None else first.received_at_us),
    }


def _season(season: int) -> str:
    return str(season) if season > 0 else ""


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
