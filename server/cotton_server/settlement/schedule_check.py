"""What contradicts itself in a schedule, patches applied, or does not fit its standards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton_server.grading.standards import load_standards
from cotton_server.settlement.class_check import (
    class_faults,
    class_names,
    item_faults,
    named_fault,
    standard_faults,
)
from cotton_server.settlement.document import RateUnit
from cotton_server.settlement.fault import Fault
from cotton_server.settlement.schedule import (
    BonusFactor,
    By,
    Classes,
    CountFactor,
    MainFactor,
    MeanFactor,
    Per,
    RefusalTest,
    ShareFactor,
    TableFactor,
    ThresholdFactor,
    Ties,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton_server.grading.standard import Standard
    from cotton_server.settlement.schedule import Axis, Factor, Refusal, Schedule

COUNTED_ITEM: Final = "foreign_fibre"
"""The one item of which bales with a finding are counted."""

SAMPLED_ITEMS: Final = ("trash", "regain")
"""What is sampled of a lot as a whole."""


def schedule_faults(schedule: Schedule) -> Iterator[Fault]:
    """What is wrong, in the order of the document; standards come first."""
    missing = [*standard_faults(schedule.standards)]
    yield from missing
    if missing:
        return
    standards = [load_standards()[name] for name in schedule.standards]
    yield from _whole_faults(schedule)
    for item, name in schedule.base_quality.items():
        yield from _base_faults(schedule, item, name, standards)
    for factor in schedule.factors:
        for fault in _factor_faults(schedule, factor, standards):
            yield Fault(("factors", factor.name, *fault.steps), fault.problem, fault.remedy)
    for refusal in schedule.refusals:
        for fault in _refusal_faults(schedule, refusal, standards):
            yield Fault(("refusals", refusal.name, *fault.steps), fault.problem, fault.remedy)


def _whole_faults(schedule: Schedule) -> Iterator[Fault]:
    if schedule.unit is RateUnit.YUAN_PER_MU:
        yield Fault(("unit",), "Lots have no area.", "Write yuan/t, yuan/kg or cents/lb.")
    if schedule.per is Per.LOT and schedule.bale_weights:
        yield Fault(
            ("bale_weights",), "It is of schedules that price bales.", "Leave bale_weights out."
        )
    if schedule.per is Per.BALE and schedule.share_decimals is not None:
        yield Fault(
            ("share_decimals",), "A schedule that prices bales has no shares.", "Leave it out."
        )


def _base_faults(
    schedule: Schedule, item: str, name: str, standards: Sequence[Standard]
) -> Iterator[Fault]:
    """A base quality that is neither a class of the standards nor one that a factor names."""
    named = {
        each
        for factor in schedule.factors
        for classes in _classes_of(factor)
        if classes.item == item
        for each in classes.all
    }
    for standard in standards:
        faults = [*item_faults(item, [standard], item)]
        if not faults and name not in named and name not in class_names(item, standard):
            fault = named_fault(name, item, standard, (item,))
            faults = [] if fault is None else [fault]
        for fault in faults:
            yield Fault(("base_quality", *fault.steps), fault.problem, fault.remedy)


def _classes_of(factor: Factor) -> list[Classes]:
    if isinstance(factor, TableFactor):
        return [axis.classes for axis in factor.axes]
    return [] if isinstance(factor, CountFactor | BonusFactor) else [factor.classes]


def _factor_faults(
    schedule: Schedule, factor: Factor, standards: Sequence[Standard]
) -> Iterator[Fault]:
    if schedule.per is Per.BALE and not isinstance(factor, TableFactor):
        yield Fault(
            ("rule",), "A schedule that prices bales has tables only.",
            'Write rule = "table" with axes by bale, or per = "lot".',
        )  # fmt: skip
        return
    match factor:
        case TableFactor(axes=axes):
            for place, axis in enumerate(axes, start=1):
                for fault in _axis_faults(schedule, axis, standards):
                    yield Fault(("axes", place, *fault.steps), fault.problem, fault.remedy)
        case CountFactor(item=item):
            if item != COUNTED_ITEM:
                yield Fault(
                    ("item",), f"Nobody looks bales over for {item}.", f'Write "{COUNTED_ITEM}".'
                )
        case BonusFactor(item=item):
            yield from _bonus_faults(item, standards)
        case ShareFactor() | MeanFactor() | MainFactor() | ThresholdFactor():
            yield from _classed_faults(factor, standards)


def _classed_faults(
    factor: ShareFactor | MeanFactor | MainFactor | ThresholdFactor,
    standards: Sequence[Standard],
) -> Iterator[Fault]:
    """Of a factor with classes of one item."""
    classes = factor.classes
    of_means = isinstance(factor, MeanFactor)
    if of_means:
        yield from _mean_faults(classes, standards)
    if isinstance(factor, MainFactor) and factor.ties is Ties.MEAN:
        for _ in _mean_faults(classes, standards):
            yield Fault(
                ("ties",),
                f"{classes.item} has no mean that could decide.",
                'Write "best paid", "worst paid" or "hold".',
            )
    key = "classes" if isinstance(factor, ThresholdFactor) else "rates"
    yield from class_faults(classes, standards, key, counted=not of_means)


def _axis_faults(schedule: Schedule, axis: Axis, standards: Sequence[Standard]) -> Iterator[Fault]:
    is_bale = axis.by is By.BALE
    if is_bale is not (schedule.per is Per.BALE):
        yield Fault(
            ("by",),
            f'A schedule per {schedule.per.value} has no axis by "{axis.by.value}".',
            'Write by = "bale".' if not is_bale else 'Write "mean" or "main", or per = "bale".',
        )
        return
    if axis.by is By.MEAN:
        yield from _mean_faults(axis.classes, standards)
    if axis.by is By.MAIN and axis.classes.item == "colour":
        yield from _main_colour_faults(standards, "item")
    yield from class_faults(axis.classes, standards, "classes", counted=axis.by is By.MAIN)


def _bonus_faults(item: str, standards: Sequence[Standard]) -> Iterator[Fault]:
    for standard in standards:
        if not class_names(item, standard):
            yield Fault(
                ("item",), f"{standard.id} has no classes of {item}.", "Name an item with classes."
            )
            return
    if item == "colour":
        yield from _main_colour_faults(standards, "item")


def _main_colour_faults(standards: Sequence[Standard], key: str) -> Iterator[Fault]:
    for standard in standards:
        if standard.colour is None or standard.colour.main is None:
            yield Fault(
                (key,),
                f"{standard.id} has no rule of a main colour grade that is known.",
                "Take the standard out, or do without the main colour grade.",
            )


def _mean_faults(classes: Classes, standards: Sequence[Standard]) -> Iterator[Fault]:
    for standard in standards:
        if classes.item not in standard.measures:
            yield Fault(
                ("item",),
                f"{standard.id} does not measure {classes.item}, so it has no mean.",
                f"The measures are {', '.join(standard.measures)}.",
            )
            return


def _refusal_faults(
    schedule: Schedule, refusal: Refusal, standards: Sequence[Standard]
) -> Iterator[Fault]:
    test, classes = refusal.test, refusal.classes
    if schedule.per is Per.BALE and test is not RefusalTest.NOT_MEASURED:
        yield Fault(
            ("test",), "A schedule that prices bales tests no lots.",
            'Take it out, or write "not measured" so that every answer tells of it.',
        )  # fmt: skip
        return
    if test is RefusalTest.VALUE_ABOVE and refusal.item not in SAMPLED_ITEMS:
        yield Fault(
            ("item",), f"{refusal.item} is not sampled of a lot.",
            f"What is sampled is {', '.join(SAMPLED_ITEMS)}.",
        )  # fmt: skip
    if test is RefusalTest.MEAN_OUTSIDE:
        yield from _mean_faults(Classes(refusal.item), standards)
    if classes is not None:
        yield from _refused_class_faults(classes, refusal.by, standards)


def _refused_class_faults(
    classes: Classes, by: By | None, standards: Sequence[Standard]
) -> Iterator[Fault]:
    """`by` is None where single bales are looked at."""
    if by is By.BALE:
        yield Fault(("by",), "A lot has no class by bale.", 'Write "mean" or "main".')
    elif by is By.MEAN:
        yield from _mean_faults(classes, standards)
    elif by is By.MAIN and classes.item == "colour":
        yield from _main_colour_faults(standards, "item")
    yield from class_faults(classes, standards, "classes", counted=by is not By.MEAN)
