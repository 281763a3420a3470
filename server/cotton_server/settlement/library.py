"""The documents of money that the service brings along; none is in force until it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from cotton_server.settlement.rule_set_file import parse_rule_set
from cotton_server.settlement.schedule_file import parse_schedule
from cotton_server.settlement.target_price_file import parse_target_price

if TYPE_CHECKING:
    from collections.abc import Callable

    from cotton_server.settlement.rule_set import RuleSet
    from cotton_server.settlement.schedule import Schedule
    from cotton_server.settlement.schedule_file import SchedulePatch
    from cotton_server.settlement.target_price import TargetPrice

    Said: TypeAlias = Schedule | SchedulePatch | RuleSet | TargetPrice

Kind: TypeAlias = Literal["schedule", "rule set", "target price"]

_FOLDERS: Final[tuple[tuple[Kind, str, Callable[[str, str], Said]], ...]] = (
    ("schedule", "schedules", parse_schedule),
    ("rule set", "rule_sets", parse_rule_set),
    ("target price", "target_prices", parse_target_price),
)
_SUFFIX: Final = ".toml"


@dataclass(frozen=True, slots=True)
class Shipped:
    """A file and what it says; `id` is that of its document and the name of the file."""

    kind: Kind
    id: str
    text: str
    value: Said


@cache
def shipped() -> tuple[Shipped, ...]:
    """All files by kind and id; read once. Raises DocumentFileError where one is wrong."""
    found = []
    for kind, folder, parse in _FOLDERS:
        place = resources.files("cotton_server.settlement").joinpath(folder)
        for name in sorted(file.name for file in place.iterdir() if file.name.endswith(_SUFFIX)):
            text = place.joinpath(name).read_text("utf-8")
            found.append(Shipped(kind, name.removesuffix(_SUFFIX), text, parse(text, name)))
    return tuple(found)
