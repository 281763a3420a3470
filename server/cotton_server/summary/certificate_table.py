"""Certificates of many lots as columns: the figures of each under its own standard."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from cotton_server.grading.families import Family, families
from cotton_server.grading.rollup import applying
from cotton_server.grading.shares import ShareRule
from cotton_server.summary.adding import passing_lots
from cotton_server.summary.catalogue import Column, certificate_columns, grade_columns
from cotton_server.summary.certificates import lot_figures
from cotton_server.summary.dates import day_text
from cotton_server.summary.keys import LOT_WORDS, STANDARD_KEY, key_column
from cotton_server.summary.printing import Printed, Values, print_figures
from cotton_server.summary.standing import NO_STANDARD, cells_under
from cotton_server.summary.status import certificate_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.registry.registry import Registry
    from cotton_server.summary.adding import Names
    from cotton_server.summary.at_revision import LotsAt
    from cotton_server.summary.query import Query

RowArray = npt.NDArray[np.intp]

LOTS_AT_ONCE: Final = 16_000
"""Lots whose figures are added up at once: 20 MiB, and small beside going through all cells."""

_COPIED: Final = ("declared_bales", "bales_withdrawn", "gross", "tare", "net", "conditioned")
_WORDS: Final = ("season", "state", STANDARD_KEY, *LOT_WORDS)


@dataclass(frozen=True, slots=True)
class CertificatePage:
    """Some certificates: texts and figures by the names of the columns, in their order."""

    facts: Printed
    blocks: tuple[Printed, ...]


class CertificateTable:
    """The certificates of the lots that pass a query, sorted by lot number, page by page.

    What it holds of a lot until its page is asked for is its number: a reader that is slow or has
    stalled holds little.
    """

    def __init__(
        self,
        lots: LotsAt,
        query: Query,
        names: Names,
        registry: Registry,
        *,
        after_lot_no: str,
        share_decimals: int,
    ) -> None:
        """Takes what to read, and the lot number behind which to begin."""
        self.lots = lots
        self._names = names
        self._registry = registry
        self._share_decimals = share_decimals
        chosen = passing_lots(lots.standing.lots, query, names)
        numbered = chosen.select(
            "lot",
            pl.Series("lot_no", names.words.texts(chosen[key_column("lot")])),
            pl.Series("own", names.words.texts(chosen[key_column(STANDARD_KEY)])),
            # The entries that keep imported bales without a lot have no number.
        ).filter(pl.col("lot_no") != "")
        self.rows_in_all = numbered.height
        """Certificates of the whole answer, those before `after_lot_no` too."""
        there = set(numbered["own"].unique().to_list())
        self.standards = tuple(name for name in lots.grading.basis.standards if name in there)
        """Ids of the standards of all these lots, oldest first."""
        self.families = [
            family
            for family in families(lots.grading.basis.standards.values())
            if any(each.id in there for each in family.standards)
        ]
        self._chosen = numbered.filter(pl.col("lot_no") > after_lot_no).sort("lot_no")
        self._some = _Some(lots, self._chosen.clear(), 0, self.standards)

    @property
    def rows(self) -> int:
        """Certificates from `after_lot_no` on."""
        return self._chosen.height

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, those of facts first."""
        definitions = self.lots.grading.basis.definitions
        return (
            *certificate_columns(),
            *(
                column
                for family in self.families
                for column in grade_columns(
                    family.standards, applying(definitions, family.standards[-1])
                )
            ),
        )

    def page(self, first: int, rows: int) -> CertificatePage:
        """Some certificates, from the one with the number `first` on."""
        if not self._some.has(first, min(rows, self.rows - first)):
            chosen = self._chosen.slice(first, max(rows, LOTS_AT_ONCE))
            self._some = _Some(self.lots, chosen, first, self.standards)
        some = self._some.slice(first - self._some.first, rows)
        return CertificatePage(
            self._facts(some), tuple(self._block(family, some) for family in self.families)
        )

    def _facts(self, some: _Some) -> Printed:
        facts = some.facts
        texts = {"lot_no": some.lots["lot_no"].to_list()}
        for word in _WORDS:
            codes = facts[key_column(word)]
            if word == "season":
                texts[word] = [str(code) if code > 0 else "" for code in codes.to_list()]
            else:
                texts[word] = self._names.words.texts(codes).to_list()
        certified = [
            certificate_numbers(self._registry.lots.looked_at(number), self.lots.revision)
            for number in some.lots["lot"].to_list()
        ]
        texts["quality_certificate_no"] = [quality for quality, _ in certified]
        texts["weight_certificate_no"] = [weight for _, weight in certified]
        book = self._names.texts["laboratory"]
        texts["laboratories"] = [
            # Most lots were read in one.
            book[each[0]]
            if each and len(each) == 1
            else ";".join(sorted(book[number] for number in (each or ()) if number))
            for each in some.inspected["laboratories"].to_list()
        ]
        for name in ("first_inspected_on", "last_inspected_on"):
            texts[name] = _day_texts(some.inspected[name])
        unweighed = (facts["lots_weighed"] == 0).to_numpy()
        unconditioned = (facts["lots_with_conditioned_weight"] == 0).to_numpy()
        absent = {"gross": unweighed, "tare": unweighed, "net": unweighed}
        absent["conditioned"] = unconditioned
        figures = {name: Values(facts[name].to_numpy(), absent.get(name)) for name in _COPIED}
        figures["bales"] = Values(facts["bales_read"].to_numpy())
        figures["bales_without_standard"] = Values(some.figures[NO_STANDARD]["bales"].to_numpy())
        return Printed(some.lots.height, figures, texts)

    def _block(self, family: Family, some: _Some) -> Printed:
        """The figures of a family of standards; absent for lots of others."""
        rows = some.lots.height
        definitions = applying(self.lots.grading.basis.definitions, family.standards[-1])
        parts = []
        for standard in family.standards:
            if standard.id not in some.figures:
                continue
            places = np.flatnonzero((some.lots["own"] == standard.id).to_numpy())
            sums = some.figures[standard.id]
            printed = print_figures(
                sums if len(places) == rows else sums[places],
                standard,
                definitions,
                rule=ShareRule.CERTIFICATE,
                share_decimals=self._share_decimals,
            )
            parts.append((places, printed))
        if len(parts) == 1 and len(parts[0][0]) == rows:
            return parts[0][1]
        return _scattered(parts, rows)


class _Some:
    """Neighbouring lots of a table with everything that their certificates are printed from.

    `lots` has `lot`, `lot_no` and `own` (the id of the lot's standard); `figures` is by standard.
    """

    def __init__(
        self, lots: LotsAt, chosen: pl.DataFrame, first: int, standards: Sequence[str]
    ) -> None:
        self.first = first
        self.lots = chosen
        numbers = chosen["lot"]
        self.facts = chosen.select("lot").join(
            lots.standing.lots, on="lot", how="left", maintain_order="left"
        )
        self.figures = {
            name: lot_figures(lots.standing, name, numbers) for name in (*standards, NO_STANDARD)
        }
        self.inspected = _inspected(lots, numbers)

    def has(self, first: int, rows: int) -> bool:
        """Whether these lots of the table are among them."""
        return self.first <= first and first + rows <= self.first + self.lots.height

    def slice(self, first: int, rows: int) -> _Some:
        """Some of them."""
        part = copy(self)
        part.lots = self.lots.slice(first, rows)
        part.facts = self.facts.slice(first, rows)
        part.inspected = self.inspected.slice(first, rows)
        part.figures = {name: frame.slice(first, rows) for name, frame in self.figures.items()}
        return part


def _day_texts(days: pl.Series) -> list[str]:
    """Days as texts, each distinct one spelled once; "" where there is none."""
    spelled = {day: day_text(day) if day else "" for day in days.unique().to_list()}
    return [spelled[day] for day in days.to_list()]


def _scattered(parts: Sequence[tuple[RowArray, Printed]], rows: int) -> Printed:
    """Figures of some of the rows, absent in the others."""
    printed = Printed(rows)
    (_, first), *_ = parts
    for name in first.figures:
        values, absent = np.zeros(rows, np.int64), np.ones(rows, np.bool_)
        for places, part in parts:
            mine = part.figures[name]
            values[places] = mine.values
            absent[places] = False if mine.absent is None else mine.absent
        printed.figures[name] = Values(values, absent if absent.any() else None)
    for name in first.texts:
        texts = [""] * rows
        for places, part in parts:
            for place, text in zip(places.tolist(), part.texts[name], strict=True):
                texts[place] = text
        printed.texts[name] = texts
    return printed


def _inspected(lots: LotsAt, numbers: pl.Series) -> pl.DataFrame:
    """First and last day and the laboratories of each lot, in the order given."""
    wanted = numbers.to_frame("lot")
    stands = lots.standing
    rows = pl.concat(
        [
            cells_under(stands, standard, wanted, ("laboratory", "day"))
            for standard in stands.parts[0]
        ]
    )
    known = pl.col("day").filter(pl.col("day") > 0)
    of_lot = (
        rows.lazy()
        .group_by("lot")
        .agg(
            known.min().alias("first_inspected_on"),
            known.max().alias("last_inspected_on"),
            pl.col("laboratory").unique().alias("laboratories"),
        )
        .collect(engine="in-memory")
    )
    return wanted.join(of_lot, on="lot", how="left", maintain_order="left")
