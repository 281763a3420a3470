"""What is wrong in a document of money that was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cotton_server.settlement.toml_lines import Step


@dataclass(frozen=True, slots=True)
class Fault:
    """Where it is, what is wrong, and what to do.

    `steps` lead there from the root; factors, bands and others go by their names.
    """

    steps: tuple[Step, ...]
    problem: str
    remedy: str
