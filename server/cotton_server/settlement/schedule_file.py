"""Reads a schedule, or a dated patch of one, from its TOML text."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from cotton_server.grading.shares import SHARE_DECIMALS, ShareRule
from cotton_server.settlement.document import RateUnit
from cotton_server.settlement.factor_file import (
    read_factor_changes,
    read_factors,
    read_refusal_changes,
    read_refusals,
)
from cotton_server.settlement.money_table import fault_at, read_document
from cotton_server.settlement.schedule import Per, Quantity, Schedule, Ungraded
from cotton_server.settlement.schedule_check import schedule_faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cotton_server.settlement.document import Head
    from cotton_server.settlement.factor_file import FactorChange, RefusalChange
    from cotton_server.settlement.money_table import MoneyTable
    from cotton_server.settlement.schedule import Factor
    from cotton_server.settlement.toml_lines import TomlText

KIND: Final = "schedule"

_EXACT: Final = "exact"


@dataclass(frozen=True, eq=False)
class SchedulePatch:
    """What a dated patch says: its own head, and what it changes of the schedule `patch_of`."""

    head: Head
    patch_of: str
    parts: Mapping[str, Any]
    """Values by field of Schedule; of `base_quality` only those that change."""
    factors: tuple[FactorChange, ...]
    refusals: tuple[RefusalChange, ...]
    file: str
    lines: TomlText = field(repr=False)

    @property
    def rows(self) -> int:
        """The rates that the patch itself has."""
        whole = (change.whole for change in self.factors if change.whole is not None)
        changed = sum(len(change.rates) + len(change.parts) for change in self.factors)
        return changed + count_rates(whole)


def parse_schedule(text: str, file: str) -> Schedule | SchedulePatch:
    """The schedule that `text` describes, or the patch; `file` is what errors call it.

    Raises DocumentFileError for what is malformed, missing, mistyped or unknown, and of a schedule
    for what `schedule_faults` finds. A patch is checked as a whole when it is applied.
    """
    found, lines = read_document(text, file, KIND, _read)
    if isinstance(found, Schedule):
        for fault in schedule_faults(found):
            raise fault_at(lines, file, fault)
        return found
    head, patch_of, parts, factors, refusals = found
    return SchedulePatch(head, patch_of, parts, factors, refusals, file, lines)


def count_rates(factors: Iterable[Factor]) -> int:
    """The rates of factors; one that has none by class counts as one."""
    return sum(len(getattr(factor, "rates", ())) or 1 for factor in factors)


def _read(root: MoneyTable) -> Any:
    head = root.head()
    if "patch_of" in root:
        patch_of = root.id("patch_of")
        if patch_of == head.id:
            raise root.error(
                "patch_of", "The schedule is a patch of itself.", "Name the schedule it changes."
            )
        parts = _parts(root)
        return head, patch_of, parts, read_factor_changes(root), read_refusal_changes(root)
    per = root.choice("per", Per)
    parts = {
        "unit": root.choice("unit", RateUnit),
        "standards": root.listed("standards"),
        "quantity": root.choice("quantity", Quantity),
        "base_quality": _base_quality(root),
        "rounding": root.rounding(),
        "base_rate": Decimal(0),
        "share_decimals": None,
        "share_rule": ShareRule.CERTIFICATE,
        "ungraded": Ungraded.HOLD,
        "bale_weights": False,
        "per": per,
    }
    if per is Per.LOT:
        parts["ungraded"] = root.choice("ungraded", Ungraded)
        if "share_decimals" in root:
            parts["share_decimals"] = _share_decimals(root)
        if parts["share_decimals"] is not None:
            parts["share_rule"] = root.choice("share_rule", ShareRule)
    else:
        parts["bale_weights"] = root.flag("bale_weights")
    if "base_rate" in root:
        parts["base_rate"] = root.decimal("base_rate")
    return Schedule(
        head=head,
        factors=read_factors(root),
        refusals=read_refusals(root),
        patch_of="",
        **parts,
    )


def _parts(root: MoneyTable) -> dict[str, Any]:
    """What a patch changes of a schedule but for factors and rules of deliverability."""
    readers = {
        "unit": lambda: root.choice("unit", RateUnit),
        "standards": lambda: root.listed("standards"),
        "quantity": lambda: root.choice("quantity", Quantity),
        "base_quality": lambda: _base_quality(root),
        "base_rate": lambda: root.decimal("base_rate"),
        "share_decimals": lambda: _share_decimals(root),
        "share_rule": lambda: root.choice("share_rule", ShareRule),
        "ungraded": lambda: root.choice("ungraded", Ungraded),
        "bale_weights": lambda: root.flag("bale_weights"),
        "rounding": root.rounding,
    }
    return {name: read() for name, read in readers.items() if name in root}


def _share_decimals(root: MoneyTable) -> int | None:
    """Those of shares as they are printed, None where they enter exactly."""
    value = root.take("share_decimals", object)
    if value == _EXACT:
        return None
    if value not in SHARE_DECIMALS:
        raise root.error(
            "share_decimals", f"{value!r} is no resolution of shares.",
            'Write 1 or 2, or "exact" for shares that are not rounded.',
        )  # fmt: skip
    return int(str(value))


def _base_quality(root: MoneyTable) -> dict[str, str]:
    if "base_quality" not in root:
        return {}
    table = root.table("base_quality")
    found = {name: table.text(name) for name in table.names()}
    table.close()
    return found
