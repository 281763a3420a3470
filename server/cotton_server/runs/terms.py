"""Terms of a settlement, resolved at a revision: everything that was left open is filled in."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import polars as pl
from cotton.inspection.v1 import settlement_pb2

from cotton_server.domain.identifiers import USDA_CROP_YEARS
from cotton_server.errors import Reason, ServiceError
from cotton_server.reference.money import MoneyDocuments, UnknownDocumentError
from cotton_server.settlement.document import RateUnit, RoundingMode
from cotton_server.settlement.schedule import MainFactor, MeanFactor, ShareFactor, TableFactor
from cotton_server.summary.as_of import requested_revision
from cotton_server.summary.basis import Basis
from cotton_server.summary.key_numbers import NUMBER_OF_KEY, key_filters
from cotton_server.summary.keys import day_code
from cotton_server.summary.query import Query, checked_query
from cotton_server.summary.refusals import invalid, refuse_many_filters, typed
from cotton_server.summary.selecting import NOT_OF_LOTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cotton_server.grading.standard import Standard
    from cotton_server.reference.money import Loaded
    from cotton_server.registry.registry import Registry
    from cotton_server.settlement.rule_set import RuleSet
    from cotton_server.settlement.schedule import Schedule
    from cotton_server.settlement.target_price import TargetPrice

RULE_SETS_MAX: Final = 8
"""Rule sets of one settlement."""

BASE_PRICE_MAX: Final = 10**11
"""Hundredths of the unit: more than any price by orders of magnitude, so that amounts fit."""

OUTPUT_MAX: Final = 10**15
"""Hundredths of a kilogram: ten thousand million tonnes."""

_MARK_ITEMS: Final = ("colour", "length", "micronaire")
"""The items whose classes of the base quality make its mark: "3128B"."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is settled, at which revision and by which documents.

    `message` are the same terms with everything filled in: asked for again, they are the same
    settlement. `base_price` is in hundredths of the schedule's unit, `eligible_output` in
    hundredths of a kilogram; None where they are not given.
    """

    message: settlement_pb2.SettlementTerms
    revision: int
    season: int
    query: Query
    basis: Basis
    schedule: Loaded[Schedule] | None
    rule_sets: tuple[Loaded[RuleSet], ...]
    target_price: Loaded[TargetPrice] | None
    base_price: int | None
    eligible_output: int | None

    @property
    def filtered(self) -> bool:
        """Whether more than a season chooses the lots."""
        return bool(self.message.filters)

    @property
    def of_season(self) -> Terms:
        """The same terms of all lots of the season, whatever else chooses them here."""
        message = settlement_pb2.SettlementTerms()
        message.CopyFrom(self.message)
        del message.filters[:]
        query = Query(filters={"season": (str(self.season),)})
        return replace(self, message=message, query=query)

    @property
    def pays(self) -> bool:
        """Whether units are paid."""
        return bool(self.rule_sets) or self.target_price is not None

    @property
    def absolute(self) -> bool:
        """Whether lots have prices, and not differentials only."""
        return self.base_price is not None or (
            self.schedule is not None and states_price(self.schedule.value)
        )

    @property
    def pay_rounding(self) -> tuple[int, RoundingMode]:
        """Decimals of sums of pays, as many as any document has, and the mode of the first."""
        roundings = [each.value.rounding for each in self.rule_sets]
        if self.target_price is not None:
            roundings.append(self.target_price.value.rounding)
        return max(each.money_decimals for each in roundings), roundings[0].mode


def states_price(schedule: Schedule) -> bool:
    """Whether a schedule pays the base quality itself, so that its rates are prices."""
    rate = schedule.base_rate
    for factor in schedule.factors:
        if isinstance(factor, TableFactor):
            classes = [schedule.base_quality.get(axis.classes.item, "") for axis in factor.axes]
            rate += factor.rates.get(tuple(classes), 0)
        elif isinstance(factor, ShareFactor | MeanFactor | MainFactor):
            rate += factor.rates.get(schedule.base_quality.get(factor.classes.item, ""), 0)
    return rate != 0


def resolved(
    asked: settlement_pb2.SettlementTerms,
    registry: Registry,
    standards: Mapping[str, Standard],
    now_us: int,
) -> Terms:
    """The terms at their revision; raises ServiceError for what cannot be settled.

    Terms that were filled in before are taken as they are: what was found must be found again.
    """
    revision = requested_revision(asked.revision, asked.as_of_us, registry, now_us)
    documents = MoneyDocuments(registry.references, revision)
    _check_season(asked)
    schedule = _schedule(asked, documents)
    rule_sets = _rule_sets(asked, documents)
    target = None
    if asked.target_price:
        with _found("target_price"):
            target = documents.target_price(asked.target_price)
    if schedule is None and not rule_sets and target is None:
        raise invalid(
            "terms",
            "Nothing says what to price or pay by; name a schedule, rule sets or a target price.",
        )
    if (rule_sets or target is not None) and not asked.season:
        raise invalid("season", "Units are paid for a season; name one.")
    base_price = _base_price(asked, schedule, registry, revision)
    if asked.HasField("eligible_output") and (
        target is None or not 0 <= asked.eligible_output <= OUTPUT_MAX
    ):
        raise invalid(
            "eligible_output",
            f"An eligible output is 0 to {OUTPUT_MAX} hundredths of a kilogram, and belongs to a"
            " target price.",
        )
    query = _query(asked, standards)
    basis = _basis(asked.basis)
    message = _filled(asked, query, revision, basis, schedule, base_price)
    return Terms(
        message=message,
        revision=revision,
        season=asked.season,
        query=query,
        basis=basis,
        schedule=schedule,
        rule_sets=rule_sets,
        target_price=target,
        base_price=base_price,
        eligible_output=asked.eligible_output if asked.HasField("eligible_output") else None,
    )


def _check_season(asked: settlement_pb2.SettlementTerms) -> None:
    first, last = USDA_CROP_YEARS
    if asked.season and not first <= asked.season <= last:
        raise invalid("season", f"A season is a year from {first} to {last}, or 0 for all.")


def _basis(asked: int) -> Basis:
    try:
        return Basis(asked) if asked else Basis.IN_FORCE
    except ValueError as error:
        raise invalid("basis", error) from error


def _query(asked: settlement_pb2.SettlementTerms, standards: Mapping[str, Standard]) -> Query:
    with typed():
        refuse_many_filters(asked.filters)
        filters = key_filters(asked.filters)
        if asked.season:
            season = str(asked.season)
            if filters.get("season", [season]) != [season]:
                raise invalid("filters", f"The terms are of season {season}; filter on no other.")
            filters["season"] = [season]
        wanted = {key: sorted(set(values)) for key, values in sorted(filters.items())}
        return checked_query([], wanted, standards=standards, without=NOT_OF_LOTS)


@contextmanager
def _found(field: str) -> Iterator[None]:
    """Raises ServiceError in place of UnknownDocumentError."""
    try:
        yield
    except UnknownDocumentError as error:
        raise ServiceError(Reason.NOT_FOUND, str(error), {field: "not loaded"}) from error


def _schedule(
    asked: settlement_pb2.SettlementTerms, documents: MoneyDocuments
) -> Loaded[Schedule] | None:
    """The schedule that is named, or in force on the day; both must be the same."""
    if bool(asked.schedule_series) != bool(asked.schedule_day):
        raise invalid("schedule_day", "A series of schedules and a day belong together; name both.")
    named = None
    if asked.schedule:
        with _found("schedule"):
            named = documents.schedule(asked.schedule)
    if not asked.schedule_series:
        return named
    day = _day("schedule_day", asked.schedule_day)
    with _found("schedule_series"):
        found = documents.schedule_in_force(asked.schedule_series, day)
    if named is not None and named.value.head.id != found.value.head.id:
        raise invalid(
            "schedule",
            f"The schedule in force on {asked.schedule_day} is {found.value.head.id}, and"
            f" {asked.schedule} is named; leave one of the two out.",
        )
    return found


def _rule_sets(
    asked: settlement_pb2.SettlementTerms, documents: MoneyDocuments
) -> tuple[Loaded[RuleSet], ...]:
    names = list(asked.rule_sets)
    if len(names) > RULE_SETS_MAX:
        raise invalid("rule_sets", f"{len(names)} are named; at most {RULE_SETS_MAX} are taken.")
    if len(set(names)) < len(names) or "" in names:
        raise invalid("rule_sets", "Name each rule set once.")
    with _found("rule_sets"):
        return tuple(documents.rule_set(name) for name in sorted(names))


def _day(field: str, text: str) -> int:
    day = day_code("day", text)
    if not day:
        raise invalid(field, f'"{text}" is no day; write it as YYYY-MM-DD.')
    return day


def _base_price(
    asked: settlement_pb2.SettlementTerms,
    schedule: Loaded[Schedule] | None,
    registry: Registry,
    revision: int,
) -> int | None:
    """The price of the base quality that is given or recorded; both must be the same."""
    given = asked.base_price if asked.HasField("base_price") else None
    series, day = asked.base_price_series, asked.base_price_day
    if bool(series) != bool(day):
        raise invalid("base_price_day", "A series of prices and a day belong together; name both.")
    if given is None and not series:
        return None
    if schedule is None:
        raise invalid("base_price", "A base price belongs to a schedule; name one.")
    if states_price(schedule.value):
        raise invalid(
            "base_price",
            f"{schedule.value.head.id} states the price of the base quality itself; leave it out.",
        )
    if given is not None and not 0 <= given <= BASE_PRICE_MAX:
        raise invalid("base_price", f"A base price is 0 to {BASE_PRICE_MAX} hundredths.")
    if not series:
        return given
    recorded = _recorded_price(series, day, schedule.value, registry, revision)
    if given not in (None, recorded):
        raise invalid(
            "base_price",
            f"The price of {series} on {day} is {recorded} hundredths, and {given} is given; leave"
            " one of the two out.",
        )
    return recorded


def _recorded_price(
    series: str, day: str, schedule: Schedule, registry: Registry, revision: int
) -> int:
    """The price of lint of a series on a day; of several that of the base quality's mark.

    One for another quality is none: 2129 where the base quality is 3128B.
    """
    if schedule.unit is not RateUnit.YUAN_PER_TONNE:
        raise invalid(
            "base_price_series",
            f"Recorded prices are in yuan/t, and {schedule.head.id} prices in"
            f" {schedule.unit.value}; state the base price.",
        )
    found = registry.accounts.prices(revision).filter(
        pl.col("series") == series,
        pl.col("day") == _day("base_price_day", day),
        pl.col("basis") == "LINT",
        pl.col("lot_no") == "",
    )
    mark = "".join(schedule.base_quality.get(item, "") for item in _MARK_ITEMS)
    found = found.filter(_is_of_mark(mark))
    if found.height > 1:
        found = found.filter(pl.col("mark").is_in([mark, ""])).sort("mark", descending=True).head(1)
    if found.is_empty():
        raise ServiceError(
            Reason.NOT_FOUND,
            f"No price of lint of the series {series} on {day} is recorded at this revision for"
            f" {mark or 'no mark'}, or several that could be. RecordMarketPrices records them;"
            " or state the base price.",
            {"base_price_series": "no price"},
        )
    return int(found["price"][0])


def _is_of_mark(mark: str) -> pl.Expr:
    """Whether a price can be that of a mark: it may say less of the quality, or more."""
    said = pl.col("mark")
    return said.str.starts_with(mark) | pl.lit(mark).str.starts_with(said)


def _filled(
    asked: settlement_pb2.SettlementTerms,
    query: Query,
    revision: int,
    basis: Basis,
    schedule: Loaded[Schedule] | None,
    base_price: int | None,
) -> settlement_pb2.SettlementTerms:
    """The terms with what was found, in one form however they were asked for."""
    message = settlement_pb2.SettlementTerms()
    message.CopyFrom(asked)
    message.revision = revision
    message.as_of_us = 0
    message.basis = basis.value
    if schedule is not None:
        message.schedule = schedule.value.head.id
    if base_price is not None:
        message.base_price = base_price
    message.rule_sets[:] = sorted(asked.rule_sets)
    by_key = {each.key: each for each in asked.filters}
    del message.filters[:]
    for key, values in query.filters.items():
        number = NUMBER_OF_KEY[key]
        # That of the season says it already.
        if number in by_key and not (key == "season" and asked.season):
            message.filters.add(key=number, values=values)
    return message
