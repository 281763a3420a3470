"""What each factor of a schedule pays lots, all lots at once."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from cotton_server.grading.lots import main_colour, mean
from cotton_server.grading.shares import share_table
from cotton_server.settlement.classes import (
    NO_CLASS,
    Rates,
    elements_of,
    measure_of,
    names_at,
    partition,
    rates_of,
    scaled,
    value_classes,
)
from cotton_server.settlement.exact import Exact, dot, whole_numbers
from cotton_server.settlement.schedule import (
    BonusFactor,
    By,
    CountFactor,
    Factor,
    MainFactor,
    MeanFactor,
    ShareFactor,
    TableFactor,
    ThresholdFactor,
    Ties,
    Ungraded,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from cotton_server.grading.standard import Standard
    from cotton_server.settlement.classes import Partition
    from cotton_server.settlement.exact import Int64Array
    from cotton_server.settlement.priced import BoolArray
    from cotton_server.settlement.schedule import Classes, Schedule

    Places = npt.NDArray[np.intp]

_WHOLE: Final = 10_000
"""All bales, in hundredths of a percent."""

PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class Paid:
    """What a factor pays each lot per unit: 0 where `absent`.

    `classes`: the class that decided it (String, null where none did). `held`: reasons, and the
    lots that they hold.
    """

    classes: pl.Series
    amount: Exact
    absent: BoolArray
    held: dict[str, BoolArray]


class Lots:
    """The sums of lots under one standard, and how the schedule reads them."""

    def __init__(self, frame: pl.DataFrame, schedule: Schedule, standard: Standard) -> None:
        """Takes a row a lot, with the columns that `figures_of` names."""
        self.frame = frame
        self.schedule = schedule
        self.standard = standard
        self.bales = frame["bales"].to_numpy()

    def __len__(self) -> int:
        """How many lots."""
        return self.frame.height

    def figure(self, name: str) -> Int64Array:
        """A column of sums."""
        return self.frame[name].to_numpy()

    def counts(self, joined: Partition) -> Int64Array:
        """Bales by class, a row a lot and a column a class of the partition."""
        table = np.zeros((len(self), len(joined.names)), np.int64)
        for element, place in zip(joined.elements, joined.places, strict=True):
            table[:, place] += self.figure(f"{joined.item}.{element}.bales")
        return table

    def mean_places(self, classes: Classes, where: str) -> tuple[Places, tuple[str, ...], int]:
        """The class of each lot's mean: its place, NO_CLASS without one; all names; those listed.

        NO_CLASS stands too for a mean that is in no class.
        """
        found = value_classes(classes, self.standard, where)
        return (
            found.places[self.mean(classes.item, where)].astype(np.intp),
            found.names,
            found.listed,
        )

    def mean(self, item: str, where: str) -> Int64Array:
        """Means in hundredths, rounded once to the measure's resolution; -1 without values."""
        measure = measure_of(item, self.standard, where)
        rounded = self.frame.select(mean(measure, measure.resolution).fill_null(-1).alias("mean"))
        return rounded["mean"].to_numpy()

    def without_values(self, item: str) -> BoolArray:
        """The lots none of whose bales has the item."""
        return np.asarray(self.figure(f"{item}.bales") == 0, np.bool_)

    def ungraded(self, item: str) -> BoolArray:
        """The lots that are held because bales lack a class of the item."""
        if self.schedule.ungraded is not Ungraded.HOLD:
            return np.zeros(len(self), np.bool_)
        graded = self.figure(f"{item}.bales")
        return np.asarray((graded < self.bales) & (graded > 0), np.bool_)

    def held_for(self, item: str) -> dict[str, BoolArray]:
        """The lots of which too little of an item is known, by reason."""
        return {
            f"NO_VALUE:{item}": self.without_values(item),
            f"UNGRADED:{item}": self.ungraded(item),
        }

    def main_colour_places(self, joined: Partition) -> Places:
        """The class of the main colour grade, NO_CLASS where there is none."""
        grades = self.frame.select(main_colour(self.standard).alias("main"))["main"]
        places = grades.replace_strict(
            joined.elements, joined.places, default=NO_CLASS, return_dtype=pl.Int64
        )
        return places.to_numpy().astype(np.intp)


def figures_of(factor: Factor, standard: Standard) -> Iterator[str]:
    """The columns of a roll-up that a factor reads; raises PricingError."""
    match factor:
        case CountFactor(item=item):
            yield from (f"{item}.bales", f"{item}.found")
        case BonusFactor(name=name, item=item):
            yield from counted(item, standard, name)
        case MeanFactor(classes=classes):
            yield from averaged(classes.item)
        case MainFactor(name=name, classes=classes, ties=ties):
            yield from counted(classes.item, standard, name)
            if ties is Ties.MEAN:
                yield from averaged(classes.item)
        case TableFactor(name=name, axes=axes):
            for axis in axes:
                yield from axis_figures(axis.classes, axis.by, standard, name)
        case ShareFactor(name=name, classes=classes) | ThresholdFactor(name=name, classes=classes):
            yield from counted(classes.item, standard, name)


def axis_figures(classes: Classes, by: By, standard: Standard, where: str) -> Iterator[str]:
    """The columns that the class of lots is told from."""
    if by is By.MEAN:
        yield from averaged(classes.item)
    else:
        yield from counted(classes.item, standard, where)


def counted(item: str, standard: Standard, where: str) -> Iterator[str]:
    """The columns of bales by class of an item."""
    yield f"{item}.bales"
    yield from (f"{item}.{element}.bales" for element in elements_of(item, standard, where))


def averaged(item: str) -> Iterator[str]:
    """The columns of a measure's mean."""
    yield from (f"{item}.bales", f"{item}.sum")


def paid(factor: Factor, lots: Lots) -> Paid:
    """What a factor pays lots; raises PricingError where the standard lacks what it asks for."""
    return _PAID[type(factor)](factor, lots)


def _by_share(factor: ShareFactor, lots: Lots) -> Paid:
    joined = partition(factor.classes, lots.standard, factor.name)
    rates = rates_of(joined.names, joined.listed, factor.rates, factor.others)
    counts = lots.counts(joined)
    graded = counts.sum(axis=1)
    unknown = [place for place, rate in enumerate(rates.scaled[:-1]) if rate is None]
    no_rate: BoolArray = np.asarray((counts[:, unknown] > 0).any(axis=1))
    numbers = [rate or 0 for rate in rates.scaled[:-1]]
    if lots.schedule.share_decimals is None:
        total = dot(list(counts.T), numbers, len(lots))
        amount = Exact(total, rates.scale).over(np.where(graded == 0, 1, graded))
    else:
        # As they are printed: by the classes of the standard, in its order. A class that no lot
        # has bales of takes no share, and is left out.
        elements = [lots.figure(f"{joined.item}.{name}.bales") for name in joined.elements]
        there = [place for place, bales in enumerate(elements) if bales.any()]
        table = np.zeros((len(there), len(lots)), np.int64)
        for row, place in enumerate(there):
            table[row] = elements[place]
        shares = share_table(
            table.T,
            rule=lots.schedule.share_rule,
            decimals=lots.schedule.share_decimals,
        )
        factors = [numbers[joined.places[place]] for place in there]
        total = dot(list(shares.T), factors, len(lots))
        amount = Exact(total, rates.scale * _WHOLE)
    return _by_counts(factor.name, joined.item, lots, amount, no_rate=no_rate)


def _by_mean(factor: MeanFactor, lots: Lots) -> Paid:
    places, names, listed = lots.mean_places(factor.classes, factor.name)
    rates = rates_of(names, listed, factor.rates, factor.others)
    valueless = lots.without_values(factor.classes.item)
    return _by_places(
        factor.name, names, places, rates, {f"NO_VALUE:{factor.classes.item}": valueless}
    )


def _by_main(factor: MainFactor, lots: Lots) -> Paid:
    item = factor.classes.item
    joined = partition(factor.classes, lots.standard, factor.name)
    rates = rates_of(joined.names, joined.listed, factor.rates, factor.others)
    counts = lots.counts(joined)
    most = counts == counts.max(axis=1, keepdims=True)
    tied = most.sum(axis=1) > 1
    places = most.argmax(axis=1)
    held = lots.held_for(item)
    valueless = held[f"NO_VALUE:{item}"]
    tied &= ~valueless
    places = np.where(valueless, NO_CLASS, places)
    if factor.ties is Ties.HOLD:
        held[f"TIE:{factor.name}"] = tied
        places = np.where(tied, NO_CLASS, places)
    elif factor.ties is Ties.MEAN and tied.any():
        by_mean, names, _ = lots.mean_places(factor.classes, factor.name)
        if names != joined.names:
            # Bands cover what counts of tiers cannot tell apart: both list what the document does.
            by_mean = np.where(by_mean < joined.listed, by_mean, NO_CLASS)
        places = np.where(tied, by_mean, places)
    elif tied.any():
        places = np.where(tied, _by_pay(most, rates, best=factor.ties is Ties.BEST_PAID), places)
    return _by_places(factor.name, joined.names, places, rates, held)


def _by_count(factor: CountFactor, lots: Lots) -> Paid:
    beyond = np.maximum(lots.figure(f"{factor.item}.found") - factor.free, 0)
    amount = Exact(beyond) * Fraction(factor.each)
    return _where(amount, lots.held_for(factor.item), _no_classes(len(lots)))


def _bonus(factor: BonusFactor, lots: Lots) -> Paid:
    item = factor.item
    if item == "colour":
        main = lots.frame.select(main_colour(lots.standard).alias("main"))["main"]
    else:
        elements = elements_of(item, lots.standard, factor.name)
        counts = np.stack([lots.figure(f"{item}.{name}.bales") for name in elements], axis=1)
        most = counts == counts.max(axis=1, keepdims=True)
        main = names_at(elements, np.where(most.sum(axis=1) == 1, most.argmax(axis=1), NO_CLASS))
    has_main = main.is_not_null().to_numpy()
    amount = Exact(has_main.astype(np.int64)) * Fraction(factor.rate)
    return _where(amount, lots.held_for(item), main)


def _by_threshold(factor: ThresholdFactor, lots: Lots) -> Paid:
    joined = partition(factor.classes, lots.standard, factor.name)
    counts = lots.counts(joined)
    limit = Fraction(factor.at_least)
    reached = share_reaches(counts[:, : joined.listed].sum(axis=1), counts.sum(axis=1), limit)
    rates = scaled([factor.otherwise, factor.rate])
    amount = Exact(
        whole_numbers(rate or 0 for rate in rates.scaled)[reached.astype(np.intp)], rates.scale
    )
    return _by_counts(factor.name, joined.item, lots, amount)


def _by_table(factor: TableFactor, lots: Lots) -> Paid:
    found = [class_of(axis.classes, axis.by, lots, factor.name) for axis in factor.axes]
    held: dict[str, BoolArray] = {}
    tied: BoolArray = np.zeros(len(lots), np.bool_)
    for axis, each in zip(factor.axes, found, strict=True):
        held |= unclassed(axis.classes.item, axis.by, lots)
        tied |= each.tied.any(axis=1)
    held[f"TIE:{factor.name}"] = tied
    table, at = table_of(factor, [each.names for each in found])
    combined = combined_places([each.places for each in found], [len(each.names) for each in found])
    texts = joined_names([names_at(each.names, each.places) for each in found])
    amount, known = table.at(at[combined])
    return _told(factor.name, texts, amount, known, held)


def table_of(factor: TableFactor, names: Sequence[tuple[str, ...]]) -> tuple[Rates, Places]:
    """The rates of a table, the last of which is none, and which is that of each combination.

    Combinations are counted by the places in `names` of each axis, and one further for NO_CLASS.
    """
    sizes = [len(each) + 1 for each in names]
    rates = scaled([*factor.rates.values(), None])
    at = np.full(int(np.prod(sizes)), len(rates.scaled) - 1, np.intp)
    known = {combination: place for place, combination in enumerate(factor.rates)}
    for places in product(*(range(len(axis.classes.all)) for axis in factor.axes)):
        listed = tuple(
            axis.classes.all[place] for axis, place in zip(factor.axes, places, strict=True)
        )
        if listed in known:
            at[int(np.ravel_multi_index(places, sizes))] = known[listed]
    return rates, at


def combined_places(
    places: Sequence[npt.NDArray[np.signedinteger]], counts: Sequence[int]
) -> Places:
    """One number for the places of all axes; NO_CLASS is the place behind the last name."""
    combined: Places = np.zeros(len(places[0]), np.intp)
    for mine, count in zip(places, counts, strict=True):
        combined *= count + 1
        combined += np.where(mine == NO_CLASS, count, mine)
    return combined


def joined_names(columns: Sequence[pl.Series]) -> pl.Series:
    """The classes of all axes as one text, null where one has none."""
    frame = pl.DataFrame([each.alias(str(place)) for place, each in enumerate(columns)])
    return frame.select(pl.concat_str(pl.all(), separator=" ")).to_series()


def share_reaches(bales: Int64Array, of: Int64Array, percent: Fraction) -> BoolArray:
    """Where the exact share of bales is at least `percent`; never of none."""
    reached = bales * PERCENT * percent.denominator >= of * percent.numerator
    answer: BoolArray = reached & (of > 0)
    return answer


@dataclass(frozen=True, slots=True)
class LotClasses:
    """The class of each lot: its place in `names`, NO_CLASS without one.

    `tied` has a column a name: those that equally many bales of a lot without a main class are in.
    """

    places: Places
    names: tuple[str, ...]
    tied: npt.NDArray[np.bool_]


def class_of(classes: Classes, by: By, lots: Lots, where: str) -> LotClasses:
    """The class of each lot's mean, or its main one.

    Of colour that is the main colour grade, which a lot need not have and is never tied.
    """
    if by is By.MEAN:
        places, names, _ = lots.mean_places(classes, where)
        return LotClasses(places, names, np.zeros((len(lots), 0), np.bool_))
    joined = partition(classes, lots.standard, where)
    if classes.item == "colour":
        places = lots.main_colour_places(joined)
        return LotClasses(places, joined.names, np.zeros((len(lots), 0), np.bool_))
    counts = lots.counts(joined)
    most = (counts == counts.max(axis=1, keepdims=True)) & (counts > 0)
    alone = most.sum(axis=1) == 1
    places = np.where(alone, most.argmax(axis=1), NO_CLASS)
    return LotClasses(places, joined.names, most & ~alone[:, np.newaxis])


def unclassed(item: str, by: By, lots: Lots) -> dict[str, BoolArray]:
    """The lots of whose class too little is known, by reason.

    A mean is of the bales that have the value, however many.
    """
    if by is By.MEAN:
        return {f"NO_VALUE:{item}": lots.without_values(item)}
    return lots.held_for(item)


def _by_pay(most: npt.NDArray[np.bool_], rates: Rates, *, best: bool) -> Places:
    """Of the classes with most bales the best or worst paid; one without a rate is the worst."""
    # Of those that are paid alike the first: a sort keeps their order, backwards too.
    paid_first = sorted(
        range(most.shape[1]),
        key=lambda place: (rates.scaled[place] is not None, rates.scaled[place] or 0),
        reverse=best,
    )
    order = np.array(paid_first, np.intp)
    first: Places = most[:, order].argmax(axis=1)
    return order[first]


def _by_counts(
    name: str, item: str, lots: Lots, amount: Exact, *, no_rate: BoolArray | None = None
) -> Paid:
    held = lots.held_for(item)
    if no_rate is not None:
        held[f"NO_RATE:{name}"] = no_rate
    return _where(amount, held, _no_classes(len(lots)))


def _by_places(
    name: str,
    names: Sequence[str],
    places: npt.NDArray[np.signedinteger],
    rates: Rates,
    held: dict[str, BoolArray],
) -> Paid:
    amount, known = rates.at(places)
    return _told(name, names_at(names, places), amount, known, held)


def _told(
    name: str, classes: pl.Series, amount: Exact, known: BoolArray, held: dict[str, BoolArray]
) -> Paid:
    """With `NO_RATE` for what has none, unless another reason says why already."""
    elsewhere = np.logical_or.reduce(list(held.values())) if held else np.zeros(len(known), bool)
    told = {**held, f"NO_RATE:{name}": ~known & ~elsewhere}
    return _where(amount, told, classes)


def _where(amount: Exact, held: dict[str, BoolArray], classes: pl.Series) -> Paid:
    absent: BoolArray = np.logical_or.reduce(list(held.values()))
    there = Exact(np.where(absent, 0, amount.num), amount.den)
    return Paid(classes, there, absent, {code: rows for code, rows in held.items() if rows.any()})


def _no_classes(rows: int) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, rows)


_PAID: Final[Mapping[type[Factor], Callable[[Any, Lots], Paid]]] = {
    ShareFactor: _by_share,
    MeanFactor: _by_mean,
    MainFactor: _by_main,
    CountFactor: _by_count,
    BonusFactor: _bonus,
    ThresholdFactor: _by_threshold,
    TableFactor: _by_table,
}
