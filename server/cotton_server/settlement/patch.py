"""Applies a dated patch to the schedule that it changes; what comes out is a schedule."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from cotton_server.settlement.factor_file import FACTORS_MAX, TABLE_RATES_MAX
from cotton_server.settlement.fault import Fault
from cotton_server.settlement.money_table import LIST_MAX, fault_at
from cotton_server.settlement.schedule import TableFactor
from cotton_server.settlement.schedule_check import schedule_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cotton_server.settlement.factor_file import FactorChange
    from cotton_server.settlement.money_table import DocumentFileError
    from cotton_server.settlement.schedule import Classes, Factor, Refusal, Schedule
    from cotton_server.settlement.schedule_file import SchedulePatch


def apply_patch(patch: SchedulePatch, base: Schedule) -> Schedule:
    """The base with the head of the patch and what this changes.

    Raises DocumentFileError, with the line in the patch, for a change of what the base does not
    have, and where what comes out contradicts itself.
    """
    wrong = _Wrong(patch)
    parts = dict(patch.parts)
    if "base_quality" in parts:
        parts["base_quality"] = {**base.base_quality, **parts["base_quality"]}
    factors = {factor.name: factor for factor in base.factors}
    for change in patch.factors:
        _change(factors, change, wrong)
    refusals: dict[str, Refusal] = {refusal.name: refusal for refusal in base.refusals}
    for each in patch.refusals:
        if each.whole is not None:
            refusals[each.name] = each.whole
        elif refusals.pop(each.name, None) is None:
            raise wrong.absent("refusals", each.name, [each.name for each in base.refusals])
    patched = replace(
        base,
        head=patch.head,
        patch_of=patch.patch_of,
        factors=tuple(factors.values()),
        refusals=tuple(refusals.values()),
        **parts,
    )
    for key, count in (("factors", len(factors)), ("refusals", len(refusals))):
        if count > FACTORS_MAX:
            raise wrong((key,), f"There would be {count}.", f"At most {FACTORS_MAX} are held.")
    for fault in schedule_faults(patched):
        raise wrong(fault.steps, fault.problem, fault.remedy)
    return patched


class _Wrong:
    """Makes errors that are placed in the patch, or at `patch_of` where it does not say it."""

    def __init__(self, patch: SchedulePatch) -> None:
        self._patch = patch

    def __call__(self, steps: Iterable[Any], problem: str, remedy: str) -> DocumentFileError:
        wanted = tuple(steps)
        if not self._is_said(wanted):
            of = self._patch.patch_of
            problem = f"With {of} patched, at {'.'.join(map(str, wanted))}: {problem}"
            wanted = ("patch_of",)
        return fault_at(self._patch.lines, self._patch.file, Fault(wanted, problem, remedy))

    def absent(self, key: str, name: str, known: list[str]) -> DocumentFileError:
        return self(
            (key, name),
            f"{self._patch.patch_of} has no {name} that could be changed.",
            f"It has {', '.join(known) or 'none'}; a new one is written whole.",
        )

    def _is_said(self, steps: tuple[Any, ...]) -> bool:
        needed = 2 if steps[0] in {"factors", "refusals"} and len(steps) > 1 else 1
        return len(self._patch.lines.indexed(steps)) >= needed


def _change(factors: dict[str, Factor], change: FactorChange, wrong: _Wrong) -> None:
    """Makes one change among the factors of a base, by name."""
    name = change.name
    if change.whole is not None:
        factors[name] = change.whole
        return
    if name not in factors:
        raise wrong.absent("factors", name, list(factors))
    if change.remove:
        del factors[name]
        return
    factor: Any = factors[name]
    known = [each.name for each in fields(factor)]
    for key in (*change.parts, *(["rates"] if change.rates else [])):
        if key not in known:
            raise wrong(
                ("factors", name, key),
                f"The factor {name} has no {key}.",
                "Leave it out, or write the factor whole, with its rule.",
            )
    changed = dict(change.parts)
    if change.rates:
        merge: Callable[..., dict[str, Any]] = (
            _table_rates if isinstance(factor, TableFactor) else _rates
        )
        changed |= merge(factor, change, wrong)
        most = TABLE_RATES_MAX if isinstance(factor, TableFactor) else LIST_MAX
        if len(changed["rates"]) > most:
            raise wrong(
                ("factors", name, "rates"),
                f"The factor would have {len(changed['rates'])} rates.",
                f"At most {most} are held; take out what no lot needs.",
            )
    factors[name] = replace(factor, **changed)


def _rates(factor: Any, change: FactorChange, wrong: _Wrong) -> dict[str, Any]:
    """Rates by class; classes that are new come last."""
    classes: Classes = factor.classes
    new = []
    for name in change.rates:
        if isinstance(name, tuple):
            raise wrong(
                ("factors", factor.name, "rates"),
                "The factor has rates by class, not rows.",
                'Write rates = { "21" = "300" }.',
            )
        if name not in classes.all:
            new.append(name)
    if new and classes.bands:
        raise wrong(
            ("factors", factor.name, "rates", new[0]),
            f'"{new[0]}" is no band of the factor.',
            f"Its bands are {', '.join(classes.all)}; for others write the factor whole.",
        )
    names = (*classes.names, *new)
    return {
        "classes": replace(classes, names=names),
        "rates": {**factor.rates, **change.rates},
    }


def _table_rates(factor: TableFactor, change: FactorChange, wrong: _Wrong) -> dict[str, Any]:
    """Rates by combination, of classes that the axes have."""
    for row, combination in enumerate(change.rates, start=1):
        steps = ("factors", factor.name, "rates", row)
        if not isinstance(combination, tuple) or len(combination) != len(factor.axes):
            raise wrong(
                ("factors", factor.name, "rates") if isinstance(combination, str) else steps,
                f"The factor has rates by {len(factor.axes)} classes.",
                "Write rows of the classes along every axis and the rate.",
            )
        for place, (name, axis) in enumerate(zip(combination, factor.axes, strict=True), start=1):
            if name not in axis.classes.all:
                raise wrong(
                    (*steps, place),
                    f'"{name}" is no class of {axis.classes.item} in the table.',
                    f"Its classes are {', '.join(axis.classes.all)}.",
                )
    return {"rates": {**factor.rates, **change.rates}}
