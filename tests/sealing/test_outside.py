"""Which rows a state says are not in force: those that the lots do not count, whatever happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from cotton_server.registry.runs import rows_of
from cotton_server.sealing.outside import NOT_IN_FORCE, READING_FILES, not_in_force, outside
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.chronicles import Author
from tests.support.sealed_story import tell_sealed
from tests.support.sealing import recovered

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.registry.registry import Registry


def withdrawn(registry: Registry) -> list[int]:
    """The lots that are withdrawn, by number."""
    return [lot.number for lot in registry.lots if lot.withdrawn]


def not_counted(registry: Registry) -> list[int]:
    """The rows that no lot counts as in force."""
    lots = [lot.at(registry.revision, registry.bales.count).runs for lot in registry.lots]
    counted = np.concatenate([np.zeros(0, np.int32), *map(rows_of, lots)])
    rows: list[int] = np.setdiff1d(np.arange(registry.bales.count), counted).tolist()
    return rows


@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(0, 60))
@settings(max_examples=30)
def test_they_are_the_rows_that_no_lot_counts(seed: int, steps: int) -> None:
    author = Author(seed)
    for _ in range(steps):
        author.step()
    registry = author.chronicle.history.registry
    found = not_in_force(registry, withdrawn(registry))["row"].to_list()
    assert found == not_counted(registry)


def test_histories_have_all_that_takes_a_reading_out_of_force() -> None:
    """Else the test above says little."""
    causes: set[str] = set()
    for seed in range(4):
        author = Author(seed)
        for _ in range(120):
            author.step()
        registry = author.chronicle.history.registry
        for key_row in registry.courses.key_rows().tolist():
            causes |= {event.cause.name for event in registry.course(key_row)}
        if withdrawn(registry):
            causes.add("lot")
    assert causes >= {
        *("READ", "CORRECTED", "RETESTED", "CONFLICT", "ACCEPTED"),
        *("WITHDRAWN", "REINSTATED", "lot"),
    }


@pytest.mark.parametrize("resident", [0, 1000])
def test_a_registry_that_began_with_a_state_says_the_same(tmp_path: Path, resident: int) -> None:
    tell_sealed(tmp_path)
    registry, past = recovered(tmp_path, resident=resident)
    assert past.state is not None
    tables = outside(registry, [part.manifest for part in past.parts], withdrawn(registry))
    assert tables[NOT_IN_FORCE]["row"].to_list() == not_counted(registry)
    files = tables[READING_FILES]
    assert sorted(files["path"]) == sorted(
        str(path.relative_to(past.root)) for path in past.root.glob("readings/*/*.parquet")
    )
    assert files["last"].max() == past.last
