"""The benchmark of a national season, tiny: it measures, checks itself, and makes its page."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cotton.inspection.v1 import summary_pb2
from cotton_client.tables import Table

from benchmarks import page
from benchmarks.errors import BenchmarkError
from benchmarks.national import results
from benchmarks.national.compare import compare
from benchmarks.national.plan import LEVELS, SLICES, level_of
from benchmarks.national.questions import QUESTIONS, Question
from benchmarks.national.sql import PEERS, statements

ROOT = Path(__file__).resolve().parent.parent.parent
LOTS = 40
BY_DAY = Question("day", ("day",))


def measured(directory: Path) -> Path:
    """The file of results of a tiny season, without peers."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.national",
            f"--lots={LOTS}",
            "--asks=2",
            "--scans=1",
            "--without-peers",
            f"--directory={directory / 'scratch'}",
            f"--output={directory / 'results'}",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list((directory / "scratch").iterdir()) == []
    (found,) = (directory / "results").iterdir()
    return found


def test_a_tiny_season_is_measured_and_shown(tmp_path: Path) -> None:
    """Everything but the peers, from the simulation to the page."""
    found = results.read(measured(tmp_path))
    assert [level.lots for level in found.levels] == [LOTS * n // SLICES for n in LEVELS]
    assert all(each.server_us and each.server_us < each.client_us for each in found.asked)
    idle = found.under(results.IDLE, bales=found.level.bales)
    assert {each.question for each in idle} == {each.name for each in QUESTIONS}
    assert {len(each.server_us) for each in idle} == {2}
    assert found.under(results.FRESH)
    assert found.under(results.OTHER_CHART)
    tables = page.rewrite(tmp_path)
    assert "certificates of all lots" in tables
    shown = (tmp_path / page.PAGE).read_text("utf-8")
    assert "## A national season" in shown
    assert "![Time against bales stored](national-growth.svg)" in shown
    assert (tmp_path / "national-growth.svg").read_text("utf-8").startswith("<svg")


def test_every_slice_belongs_to_the_first_level_that_has_it() -> None:
    assert [level_of(place) for place in range(SLICES)] == [0] * 2 + [1] * 8 + [2] * 10


@pytest.mark.parametrize("peer", PEERS)
def test_the_peers_are_asked_by_the_keys_and_filters_of_a_question(peer: str) -> None:
    """In SQL of their own, over the files of the levels that count."""
    (filtered,) = (each for each in QUESTIONS if each.filters)
    said = statements(peer, filtered, Path("season"), 2)
    assert "region IN ('兵团') AND division IN ('第一师', '第七师', '第八师')" in said.bales
    assert said.bales.endswith("GROUP BY gin, picking_mode")
    assert said.lots is not None
    assert 'AS "conditioned"' in said.lots
    assert statements(peer, BY_DAY, Path("season"), 1).lots is None


def answers(**changed: list[Any]) -> tuple[Table, pl.DataFrame]:
    """The same two days, of the service with its means and shares, and of a peer."""
    theirs = pl.DataFrame(
        {
            "key.day": [20_000, 20_001],
            "bales": [3, 2],
            "length.bales": [3, 2],
            "length.sum": [8410, 5610],
            "length.28.bales": [2, 2],
            "length.27.bales": [1, 0],
        }
    )
    ours = pl.DataFrame(
        {
            "day": ["2024-10-04", "2024-10-05"],
            **{name: theirs[name] for name in theirs.columns[1:]},
            "length.mean_to_hundredths": [round(Fraction(8410, 3)), 2805],
            "length.mean_to_tenths": [2800, 2800],
            "length.28.share": [6667, 10_000],
            "length.27.share": [3333, 0],
        }
    ).with_columns(pl.Series(name, values) for name, values in changed.items())
    table = Table(summary_pb2.SummaryHeader(), (), (), ours, pl.Series([False, False]))
    return table, theirs


def test_answers_that_agree_are_counted() -> None:
    """Figures, means recomputed from sums (2805.0 to 2800: half to even), and shares."""
    table, theirs = answers()
    assert compare("a peer", BY_DAY, table, theirs, None) == 2 * (5 + 2 + 2)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("bales", [3, 3]),
        ("length.mean_to_tenths", [2800, 2810]),
        ("length.28.share", [6668, 10_000]),
        ("day", ["2024-10-04", "2024-10-06"]),
    ],
)
def test_one_value_that_differs_is_no_result(column: str, values: list[Any]) -> None:
    table, theirs = answers(**{column: values})
    with pytest.raises(BenchmarkError, match=r'"day" of the service and of a peer'):
        compare("a peer", BY_DAY, table, theirs, None)
