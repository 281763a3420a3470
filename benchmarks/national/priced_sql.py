"""Pricing by a schedule in SQL: rates, refusals and money of lots, and their sums by gin.

Everything is in whole numbers: rates over their common denominator, shares as counts over bales,
and each printed figure rounded once. Rates and classes are those of the document; how they are
applied is said here anew, so that what the service computes can be held against it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Final, TypeAlias

from cotton_server.grading.standards import load_standards
from cotton_server.settlement.document import MoneyFrom, RateUnit, RoundingMode
from cotton_server.settlement.schedule import (
    By,
    CountFactor,
    MainFactor,
    MeanFactor,
    Quantity,
    RefusalTest,
    ShareFactor,
    Ties,
    Ungraded,
)

from benchmarks.errors import BenchmarkError
from benchmarks.national.sql import DIALECTS, STANDARD, Statements, figures, files, named
from benchmarks.national.tables import BALES, LOTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from decimal import Decimal
    from pathlib import Path

    from cotton_server.settlement.schedule import Classes, Factor, Refusal, Schedule

    from benchmarks.national.sql import Dialect

_RateOf: TypeAlias = "Callable[[str], int | None]"
"""The rate of a class over the common denominator of all rates, None where it has none."""

_MEASURES: Final = ("length", "micronaire", "strength", "uniformity")
_HUNDREDTHS: Final = 100
_UNBOUNDED: Final = 1_000_000
"""More hundredths than any mean has."""
_KG_A_TONNE: Final = 1000


@dataclass(frozen=True, slots=True)
class Source:
    """Where a peer reads lots with the sums of their bales, and their weights, from."""

    added_up: str
    lots: str


@dataclass(frozen=True, slots=True)
class _Term:
    """What a factor comes to: `num` over `den` (1 without one), where `there` holds."""

    num: str
    there: str
    den: str | None = None

    def columns(self, place: int) -> Iterator[str]:
        """These as columns that are numbered by factor."""
        yield named(f"num_{place}", self.num)
        yield named(f"there_{place}", _flag(self.there))
        if self.den is not None:
            yield named(f"den_{place}", self.den)


def added_up(peer: str, directory: Path, levels: int) -> str:
    """The statement that adds the bales of each lot up, a row a lot."""
    dialect = DIALECTS[peer]
    columns = ", ".join(named(column_name(name), figure) for name, figure in figures(dialect))
    source = files(peer, directory, levels, BALES)
    return f"SELECT lot_no, {columns} FROM {source} GROUP BY lot_no"  # noqa: S608 - all are ours


def of_bales(peer: str, directory: Path, levels: int) -> Source:
    """Lots added up from the files of bales within the question."""
    return Source(f"({added_up(peer, directory, levels)})", files(peer, directory, levels, LOTS))


def of_lots(peer: str, directory: Path, levels: int, kept: Path) -> Source:
    """Lots as they were added up before, in a file."""
    return Source(DIALECTS[peer].files.format(f"'{kept}'"), files(peer, directory, levels, LOTS))


def lines(peer: str, schedule: Schedule, source: Source) -> Statements:
    """A row a lot: `lot_no`, `gin`, `status`, `bales`, `quantity`, `premium`, `premium_amount`.

    The last two are as printed, null without a rate; `num` over `den` is the exact premium.
    """
    chosen = "lot_no, gin, status, bales, quantity, premium, premium_amount, num, den"
    return Statements(_Pricing(peer, schedule).statement(source, f"SELECT {chosen}"), None)


def sums(peer: str, schedule: Schedule, source: Source) -> Statements:
    """A row a gin: lots, those payable, bales, what is paid for, and the sum of printed money."""
    dialect = DIALECTS[peer]
    payable = "status = 'PAYABLE'"

    def of_payable(name: str) -> str:
        return dialect.wide.format(f"sum(CASE WHEN {payable} THEN {name} ELSE 0 END)")

    chosen = (
        "gin",
        named("lots", dialect.wide.format("count(*)")),
        named("lots_payable", dialect.count(payable)),
        named("lots_held", dialect.count(f"NOT ({payable})")),
        named("bales_payable", of_payable("bales")),
        named("quantity", of_payable("quantity")),
        named("premium_amount_of_lines", of_payable("premium_amount")),
    )
    return Statements(
        _Pricing(peer, schedule).statement(source, f"SELECT {', '.join(chosen)}", " GROUP BY gin"),
        None,
    )


class _Pricing:
    """A schedule in the SQL of a peer; raises BenchmarkError for what is not said here."""

    def __init__(self, peer: str, schedule: Schedule) -> None:
        rounding = schedule.rounding
        if schedule.unit is not RateUnit.YUAN_PER_TONNE or schedule.share_decimals is not None:
            raise _not_said("rates other than by the tonne, and shares as printed")
        if rounding.money_from is not MoneyFrom.EXACT:
            raise _not_said("money of printed prices")
        self._dialect: Dialect = DIALECTS[peer]
        self._schedule = schedule
        self._standard = load_standards()[STANDARD]
        self._scale = lcm(*(Fraction(rate).denominator for rate in _rates(schedule)))

    def statement(self, source: Source, select: str, behind: str = "") -> str:
        """Everything up to a printed lot, and what is selected of that."""
        quantity = "conditioned" if self._schedule.quantity is Quantity.CONDITIONED else "net"
        means = ", ".join(named(f"mean_{name}", self._mean(name)) for name in _MEASURES)
        terms = [self._term(factor) for factor in self._schedule.factors]
        columns = ", ".join(
            column for place, term in enumerate(terms) for column in term.columns(place)
        )
        dens = [f"den_{place}" for place, term in enumerate(terms) if term.den is not None]
        num = " + ".join(
            (
                _product(str(self._whole(self._schedule.base_rate)), *dens),
                *(
                    _product(f"num_{place}", *(den for den in dens if den != f"den_{place}"))
                    for place in range(len(terms))
                ),
            )
        )
        there = " AND ".join(f"there_{place} = 1" for place in range(len(terms)))
        refused = " OR ".join(self._refused()) or "1 = 0"
        rounding = self._schedule.rounding
        price, money = 10**rounding.price_decimals, 10**rounding.money_decimals
        status = (
            "CASE WHEN priced = 0 THEN 'HELD' WHEN refused = 1 THEN 'NOT_DELIVERABLE'"
            " ELSE 'PAYABLE' END"
        )
        stages = {
            "sampled": (f"lot_no, gin, trash, regain, {quantity} AS quantity", source.lots),
            "added": ("*", source.added_up),
            "joined": ("*", "added INNER JOIN sampled USING (lot_no)"),
            "measured": (f"*, {means}", "joined"),
            "classed": (f"*, {columns}, {_flag(refused)} AS refused", "measured"),
            "summed": (
                (
                    f"lot_no, gin, bales, quantity, refused, {_flag(there)} AS priced,"
                    f" {num} AS num, {_product(str(self._scale), *dens)} AS den"
                ),
                "classed",
            ),
            "scaled": (
                (
                    f"*, abs(num) * {price} AS price_of, den AS price_by,"
                    f" abs(num) * quantity * {money} AS money_of,"
                    f" den * {_HUNDREDTHS * _KG_A_TONNE} AS money_by,"
                    " CASE WHEN num < 0 THEN -1 ELSE 1 END AS sign"
                ),
                "summed",
            ),
            "printed": (
                (
                    f"lot_no, gin, bales, quantity, num, den, {status} AS status,"
                    f" {self._printed('price')} AS premium,"
                    f" {self._printed('money')} AS premium_amount"
                ),
                "scaled",
            ),
        }
        # Else an engine may compute a lot anew for every sum that reads it.
        begun = dict.fromkeys(stages, "AS") | {"printed": self._dialect.once}
        said = ", ".join(
            f"{name} {begun[name]} (SELECT {chosen} FROM {of})"  # noqa: S608 - all are ours
            for name, (chosen, of) in stages.items()
        )
        return f"WITH {said} {select} FROM printed{behind}"

    def _printed(self, what: str) -> str:
        """An amount in whole units of its last decimal, null without a rate."""
        rounded = self._rounded(f"{what}_of", f"{what}_by", self._schedule.rounding.mode)
        return f"CASE WHEN priced = 1 THEN sign * {rounded} END"

    def _rounded(self, numerator: str, denominator: str, mode: RoundingMode) -> str:
        """The nearest whole number to a quotient that is not negative."""
        floor = self._dialect.divide.format(numerator, denominator)
        twice = f"2 * ({numerator} - {floor} * {denominator})"
        half_up = mode is RoundingMode.HALF_UP
        up = f"{twice} >= {denominator}" if half_up else f"{twice} + {floor} % 2 > {denominator}"
        return f"({floor} + {_flag(up)})"

    def _mean(self, measure: str) -> str:
        """The mean of a measure at its resolution, -1 where no bale has it."""
        step = self._standard.measures[measure].resolution
        total, bales = column_name(f"{measure}.sum"), column_name(f"{measure}.bales")
        # Of a lot without values nobody reads the quotient; it must only not divide by nothing.
        divisor = f"({step} * greatest({bales}, 1))"
        rounded = self._rounded(total, divisor, RoundingMode.HALF_EVEN)
        return f"CASE WHEN {bales} > 0 THEN {step} * {rounded} ELSE -1 END"

    def _term(self, factor: Factor) -> _Term:
        if isinstance(factor, ShareFactor):
            return self._share(factor)
        if isinstance(factor, MeanFactor):
            rate = self._of_mean(factor.classes, self._rate_of(factor))
            return _Term(f"coalesce({rate}, 0)", f"{rate} IS NOT NULL")
        if isinstance(factor, MainFactor):
            return self._main(factor)
        if isinstance(factor, CountFactor):
            found = f"greatest({column_name(f'{factor.item}.found')} - {factor.free}, 0)"
            return _Term(_product(str(self._whole(factor.each)), found), "1 = 1")
        raise _not_said(f"factor {factor.name}")

    def _share(self, factor: ShareFactor) -> _Term:
        counts, rate_of = self._counts(factor.classes), self._rate_of(factor)
        paid = [
            _product(str(rate), count)
            for name, count in counts.items()
            if (rate := rate_of(name)) is not None
        ]
        graded = _sum(counts.values())
        there = [f"{graded} > 0"]
        there += [f"{count} = 0" for name, count in counts.items() if rate_of(name) is None]
        if self._schedule.ungraded is Ungraded.HOLD:
            there.append(f"{graded} = bales")
        return _Term(_sum(paid), " AND ".join(there), f"greatest({graded}, 1)")

    def _main(self, factor: MainFactor) -> _Term:
        """What the class with most bales is paid; of several the class of the mean, or none."""
        counts, rate_of = self._counts(factor.classes), self._rate_of(factor)
        tied = "NULL"
        if factor.ties is Ties.MEAN:
            tied = self._of_mean(factor.classes, rate_of)
        elif factor.ties is not Ties.HOLD:
            raise _not_said(f"the ties of factor {factor.name}")
        rate = _case({_leads(name, counts): rate_of(name) for name in counts}, tied)
        there = [f"{rate} IS NOT NULL"]
        if self._schedule.ungraded is Ungraded.HOLD:
            there.append(f"{_sum(counts.values())} = bales")
        return _Term(f"coalesce({rate}, 0)", " AND ".join(there))

    def _refused(self) -> Iterator[str]:
        for refusal in self._schedule.refusals:
            if refusal.test is not RefusalTest.NOT_MEASURED:
                yield f"({self._one_refused(refusal)})"

    def _one_refused(self, refusal: Refusal) -> str:
        """The condition under which a lot is not deliverable."""
        test, classes = refusal.test, refusal.classes
        if test is RefusalTest.BALES_OUTSIDE:
            return _outside("bales", refusal, 1)
        if test is RefusalTest.MEAN_OUTSIDE:
            mean = f"mean_{refusal.item}"
            return f"{mean} >= 0 AND ({_outside(mean, refusal, _HUNDREDTHS)})"
        if test is RefusalTest.VALUE_ABOVE and refusal.limit is not None:
            return f"{refusal.item} > {int(refusal.limit * _HUNDREDTHS)}"
        if classes is None:
            raise _not_said(f"refusal {refusal.name}")
        if test is RefusalTest.ANY_BALE:
            counts = self._counts(classes)
            return f"{_sum(counts[name] for name in classes.all)} > 0"
        if test is RefusalTest.CLASS and refusal.by is By.MEAN:
            listed = self._of_mean(classes, lambda name: 1 if name in classes.all else 0)
            return f"{listed} = 1"
        if test is RefusalTest.CLASS and classes.item != "colour":
            # Tiers that the rule does not name count by their grade.
            grades = self._standard.measures[classes.item].grades
            others = tuple(grade for grade in grades if grade not in classes.names)
            counts = self._counts(replace(classes, names=(*classes.names, *others)))
            return " OR ".join(_leads(name, counts) for name in classes.all)
        raise _not_said(f"refusal {refusal.name}")

    def _counts(self, classes: Classes) -> dict[str, str]:
        """The bales of each class of an item, those that are listed first."""
        found: dict[str, list[str]] = {name: [] for name in classes.all}
        for element, name in self._names(classes).items():
            found.setdefault(name, []).append(column_name(f"{classes.item}.{element}.bales"))
        return {name: _sum(columns) for name, columns in found.items()}

    def _names(self, classes: Classes) -> dict[str, str]:
        """The class of each element of the standard; what is not listed is its own."""
        item, standard = classes.item, self._standard
        if classes.bands:
            raise _not_said(f"bales of {item} by bands")
        if item == "colour" and standard.colour is not None:
            return {grade.name: grade.name for grade in standard.colour.grades}
        if item in standard.items:
            return {each.name: each.name for each in standard.items[item].classes}
        covering = {tier: name for name, tiers in classes.covers.items() for tier in tiers}
        names: dict[str, str] = {}
        for tier in standard.measures[item].tiers:
            candidates = (covering.get(tier.name), tier.name, tier.grade)
            listed = [name for name in candidates if name in classes.names]
            names[tier.name] = listed[0] if listed else tier.name
        return names

    def _of_mean(self, classes: Classes, rate_of: _RateOf) -> str:
        """What the class of the mean is paid; null where it has no rate."""
        mean = f"mean_{classes.item}"
        if classes.bands:
            cases = {
                f"{mean} BETWEEN {band.lower or 0} AND {_most(band.upper)}": rate_of(band.name)
                for band in classes.bands
            }
        else:
            names = self._names(classes)
            tiers = self._standard.measures[classes.item].ascending_tiers
            cases = {
                f"{mean} >= {tier.lower or 0}": rate_of(names[tier.name])
                for tier in reversed(tiers)
            }
        return _case(cases, "NULL")

    def _rate_of(self, factor: ShareFactor | MeanFactor | MainFactor) -> _RateOf:
        def rate_of(name: str) -> int | None:
            rate = factor.rates.get(name, factor.others)
            return None if rate is None else self._whole(rate)

        return rate_of

    def _whole(self, rate: Decimal) -> int:
        """A rate over the common denominator of all."""
        return int(Fraction(rate) * self._scale)


def column_name(figure: str) -> str:
    """What a figure is called where it is read on: some engines take a dot for a path."""
    return figure.replace(".", "_")


def _rates(schedule: Schedule) -> Iterator[Decimal]:
    yield schedule.base_rate
    for factor in schedule.factors:
        if isinstance(factor, CountFactor):
            yield factor.each
        elif isinstance(factor, ShareFactor | MeanFactor | MainFactor):
            yield from factor.rates.values()
            if factor.others is not None:
                yield factor.others


def _outside(value: str, refusal: Refusal, units: int) -> str:
    """Whether a value is below or above the bounds of a refusal."""
    bounds = (("<", refusal.lower), (">", refusal.upper))
    return " OR ".join(
        f"{value} {sign} {int(bound * units)}" for sign, bound in bounds if bound is not None
    )


def _most(upper: int | None) -> int:
    return _UNBOUNDED if upper is None else upper


def _flag(condition: str) -> str:
    return f"CASE WHEN {condition} THEN 1 ELSE 0 END"


def _case(rates: Mapping[str, int | None], otherwise: str) -> str:
    """The rate of the first condition that holds; null where it has none."""
    whens = [
        f"WHEN {condition} THEN {'NULL' if rate is None else rate}"
        for condition, rate in rates.items()
    ]
    return f"CASE {' '.join(whens)} ELSE {otherwise} END"


def _leads(name: str, counts: Mapping[str, str]) -> str:
    """Whether a class has more bales than any other."""
    others = [count for other, count in counts.items() if other != name]
    return " AND ".join(f"{counts[name]} > {count}" for count in others)


def _sum(terms: Iterable[str]) -> str:
    return f"({' + '.join(terms) or '0'})"


def _product(*factors: str) -> str:
    return " * ".join(factors)


def _not_said(what: str) -> BenchmarkError:
    return BenchmarkError(f"The schedule has {what}, which the peers are not told in SQL.")
