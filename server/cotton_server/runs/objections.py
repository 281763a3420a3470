"""Lots with an objection that nobody has decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.registry.registry import Registry
    from cotton_server.runs.table import BoolArray


def objected(lots: Sequence[int], registry: Registry, revision: int) -> BoolArray:
    """Which of these lots, by number, have an undecided objection at a revision."""
    book = registry.lots
    found = np.zeros(len(lots), np.bool_)
    some = [place for place, number in enumerate(lots) if book.looked_at(number).objections]
    for place in some:
        with registry.lock:
            objections = tuple(book.looked_at(lots[place]).objections.values())
        found[place] = any(
            version is not None and not version.record.decision
            for version in (versions.at(revision) for versions in objections)
        )
    return found
