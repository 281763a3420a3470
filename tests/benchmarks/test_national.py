"""The benchmark of a national season, tiny: it measures, checks itself, and makes its page."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import polars as pl
import pytest
from cotton.inspection.v1 import ingest_pb2, readings_pb2, summary_pb2
from cotton_client.tables import Table
from cotton_server.grading.standards import load_standards
from cotton_server.settlement.bales import BalePrices
from cotton_server.settlement.document import MoneyFrom, Rounding, RoundingMode

from benchmarks import page
from benchmarks.errors import BenchmarkError
from benchmarks.national import (
    charts,
    crowd,
    figures,
    loaded,
    priced_sql,
    report,
    results,
    schedules,
    sealed,
    sending,
    settled,
)
from benchmarks.national.compare import compare
from benchmarks.national.plan import ASKERS, LEVELS, SLICES, level_of
from benchmarks.national.priced import compare_exact, compare_lines
from benchmarks.national.questions import QUESTIONS, Question
from benchmarks.national.results import SETTLED_UNDER_LOAD
from benchmarks.national.sender import NO_ACKS, Acks, Sender
from benchmarks.national.sql import PEERS, STANDARD, statements

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
            "--load-seconds=0.1",
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
    frozen = found.under(results.FROZEN)
    timed = [each for each in found.asked if each not in frozen]
    assert all(each.server_us and each.server_us < each.client_us for each in timed)
    assert all(each.client_us and not each.server_us for each in frozen)
    idle = found.under(results.IDLE, bales=found.level.bales)
    assert {each.question for each in idle} == {each.name for each in QUESTIONS}
    assert {len(each.server_us) for each in idle} == {2}
    assert found.under(results.FRESH)
    assert found.under(results.OTHER_CHART)
    asked = {each.question for each in found.under(results.SETTLED)}
    assert asked == {each.question for each in found.under(results.SETTLED_KEPT)}
    assert {
        name for name in schedules.SETTLED_BY if any(each.startswith(name) for each in asked)
    } == {*schedules.SETTLED_BY}
    assert {each.rows for each in found.under(results.SETTLED)} >= {LOTS}
    assert len(found.under(results.VERIFIED)) == len(frozen) == len(schedules.SETTLED_BY)
    of_askers = [(each.asked_bales, each.sent, each.askers) for each in found.loaded]
    settled_alone = [each for each in found.loaded if {*each.took_us} == {SETTLED_UNDER_LOAD}]
    for bales in (found.levels[0].bales, found.level.bales):
        assert {askers for stored, _, askers in of_askers if stored == bales} == {0, *ASKERS}
        assert [each.sent for each in settled_alone if each.asked_bales == bales] == [False, True]
    assert all(each.created + each.existing > 0 for each in found.loaded[-4:])
    assert [each.stage for each in found.steady] == [
        results.TAKEN_IN,
        results.UNSEALED_STARTED,
        results.SEALING,
    ]
    assert all(each.bales and each.singles for each in found.steady)
    (before, after, both) = found.kept
    assert "sealed/readings" not in before.sizes
    assert 0 < after.sizes["sealed/readings"] <= both.sizes["sealed/readings"]
    assert 0 < found.sealed[0].ranges <= found.sealed[1].ranges
    assert [each.sealed > 0 for each in found.restarted] == [False, True, True]
    tables = page.rewrite(tmp_path)
    assert "certificates of all lots" in tables
    shown = (tmp_path / page.PAGE).read_text("utf-8")
    assert "## A national season" in shown
    assert "![Time against bales stored](national-growth.svg)" in shown
    for plot in ("growth", "load", "memory", "disk"):
        assert (tmp_path / f"national-{plot}.svg").read_text("utf-8").startswith("<svg")


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


def test_results_from_before_settlement_are_shown_without_it() -> None:
    (old,) = (ROOT / "benchmarks" / "results").glob("2026-11-25-1-national.json")
    found = results.read(old)
    assert not found.settled
    shown = report.section(found, old.name)
    for part in (settled, loaded, sealed):
        assert part.LACKING in shown
    assert sealed.MEMORY_PLOT in charts.drawn(found)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    """With what only the newest format has; a format that is not known is refused."""
    (old,) = (ROOT / "benchmarks" / "results").glob("2026-11-25-1-national.json")
    under_load = [
        loaded_by(1, sent=True, took_us={"total": (90_000, 110_000)}, bales=2_600_000),
        loaded_by(1, sent=True, took_us={"total": (300_000, 100_000)}, bales=26_000_000),
        loaded_by(1, sent=True, took_us={SETTLED_UNDER_LOAD: (2_000_000,)}, bales=2_600_000),
        loaded_by(1, sent=True, took_us={SETTLED_UNDER_LOAD: (900_000,)}, bales=26_000_000),
    ]
    written = replace(
        results.read(old),
        loaded=tuple(under_load),
        sealing={"seal_bales": 2_000_000, "resident_bales_max": 30_000_000},
        stood=(results.Stood(results.RESTARTED, 1_000_000, 200_000, 150 << 20),),
        kept=(results.Kept(results.SEALED, 1_000_000, {"ledger.sqlite": 90_000_000}),),
        steady=(results.Steady(results.SEALING, 1000, 200_000, (1, 2, 3, 4), 200, (1, 2, 3, 4)),),
        sealed=(results.Sealed(results.SEALING, 1_000_000, 8, 1, 5000, 4000, 300_000, 6000),),
        restarted=(
            results.Restarted(results.RESTARTED, 1_000_000, 990_000, 11_000, 11_000, 12_000),
        ),
    )
    path = tmp_path / f"written{results.SUFFIX}"
    results.write(written, path)
    assert results.read(path) == written
    assert "while readings come, one asker, the slowest (total): p99" in report.text(written)
    said = {line.partition(":")[0]: line for line in figures.goals(written).splitlines()}
    assert said["- the same, p50 over that of 2.6 M bales (total)"].endswith("4 x reached")
    assert said["- start to serving, sealed, started anew"].endswith("10 s missed")
    path.write_text(path.read_text("utf-8").replace('"format": 2', '"format": 3'), "utf-8")
    with pytest.raises(ValueError, match="format 1 to 2"):
        results.read(path)


def loaded_by(
    askers: int, *, sent: bool, took_us: dict[str, tuple[int, ...]], bales: int
) -> results.Loaded:
    return results.Loaded(
        asked_bales=bales,
        bales=bales,
        askers=askers,
        sent=sent,
        elapsed_ms=2000,
        created=1_000_000 * sent,
        existing=1_000_000 * sent,
        acks_us=(1000, 2000, 3000, 4000) if sent else (),
        took_us=took_us,
        server_cpu_ms=2000,
        askers_cpu_ms=100,
        sender_cpu_ms=100,
        other_cpu_ms=0,
        stolen_cpu_ms=0,
    )


def test_the_table_of_several_askers_adds_all_questions_up() -> None:
    (old,) = (ROOT / "benchmarks" / "results").glob("2026-11-25-1-national.json")
    took_us = {"total": (10_000,), "gin": (30_000, 20_000)}
    found = replace(
        results.read(old), loaded=(loaded_by(8, sent=True, took_us=took_us, bales=26_000_000),)
    )
    row = [cell.strip() for cell in loaded.at_once(found).splitlines()[2].split("|")]
    assert row[1:10] == ["26 M", "8", "1.5", "20.0", "30.0", "30.0", "26 000 000", "1.00", "50%"]


def tabulated_bales(bales: int, revision: int) -> list[bytes]:
    """An answer in columns, of one figure."""
    page = summary_pb2.TablePage(rows=1, figures=[summary_pb2.FigureValues(narrow=[bales])])
    answer = summary_pb2.TabulateGradesResponse(
        header=summary_pb2.SummaryHeader(revision=revision),
        columns=[summary_pb2.FigureColumn(name="bales")],
        total=page,
        page=page,
    )
    return [answer.SerializeToString()]


def test_an_answer_with_other_figures_than_before_is_no_result() -> None:
    """Under load the figures stay the same, at whatever revision."""
    asking = crowd.tabulated(Question("total"), 2024)
    asking.check(tabulated_bales(186, 1))
    asking.check(tabulated_bales(186, 2))
    with pytest.raises(BenchmarkError, match='"total" was answered otherwise'):
        asking.check(tabulated_bales(187, 3))


def test_what_is_sent_again_is_the_same_batch_under_another_sequence() -> None:
    columns = readings_pb2.ReadingColumns(count=1, bale_code_high=[3265], bale_code_low=[7])
    batch = readings_pb2.ReadingBatch(sequence=1, columns=columns)
    message = ingest_pb2.AppendReadingsRequest(batch=batch).SerializeToString()
    again = ingest_pb2.AppendReadingsRequest.FromString(sending.resequenced(message, 9))
    assert (again.batch.sequence, again.batch.columns) == (9, columns)


def test_acknowledgements_are_those_within_the_time(tmp_path: Path) -> None:
    """Answered at 1, 2 and 3 s; of the time from 2 s on the last does not count."""
    noted = np.array(
        [[0, 10**9, 5, 0], [10**9, 2 * 10**9, 3, 1], [10**9, 3 * 10**9, 4, 0]], np.int64
    )
    np.save(tmp_path / "noted.npy", noted)
    client = Mock(result=lambda _: {})
    sender = Sender(client, tmp_path / "noted.npy")
    sender.end()
    second = (1_000_000,) * 4
    assert sender.acks(2 * 10**9, 3 * 10**9) == Acks(1, 3, 1, second)
    assert sender.acks(0, 10**9) == NO_ACKS


def test_exact_shares_are_all_that_the_peers_schedule_changes() -> None:
    text = schedules.shipped(schedules.BY_LOT)
    ours, theirs = schedules.parsed(text), schedules.parsed(schedules.with_exact_shares(text))
    assert (ours.share_decimals, theirs.share_decimals) == (2, None)
    assert theirs.head.id == schedules.EXACT
    head, rule = ours.head, ours.share_rule
    assert replace(theirs, head=head, share_decimals=2, share_rule=rule) == ours


def test_every_bale_has_a_rate_in_the_schedule_by_bale() -> None:
    standard = load_standards()[STANDARD]
    every = pl.DataFrame({"length": range(1800, 3600)}, schema={"length": pl.Int16}).join(
        pl.DataFrame({"colour_grade": [each.code for each in standard.colour.grades]})
        if standard.colour
        else pl.DataFrame(),
        how="cross",
    )
    values = pl.int_range(pl.len(), dtype=pl.Int32) % 9_000
    every = every.with_columns(
        pl.col("colour_grade").cast(pl.Int8),
        *(values.cast(pl.Int16).alias(name) for name in ("micronaire", "strength", "uniformity")),
        lot=pl.lit(0, pl.Int32),
    )
    prices = BalePrices(schedules.parsed(schedules.by_bale()), standard)
    prices.add(every)
    assert not prices.priced(pl.Series([0], dtype=pl.Int32)).without_rate.any()


@pytest.mark.parametrize("peer", PEERS)
def test_the_peers_price_by_the_rates_of_the_schedule(peer: str) -> None:
    text = schedules.with_exact_shares(schedules.shipped(schedules.BY_LOT))
    source = priced_sql.of_bales(peer, Path("season"), 1)
    said = priced_sql.sums(peer, schedules.parsed(text), source).bales
    assert "500 * (colour_11_bales)" in said
    assert "WHEN mean_strength >= 2400 THEN -300" in said
    assert said.endswith("FROM printed GROUP BY gin")


def test_a_schedule_that_is_not_said_in_sql_is_refused() -> None:
    shipped = schedules.parsed(schedules.shipped(schedules.BY_LOT))
    source = priced_sql.of_bales(PEERS[0], Path("season"), 1)
    with pytest.raises(BenchmarkError, match="shares as printed"):
        priced_sql.lines(PEERS[0], shipped, source)


def priced_lots(**changed: list[Any]) -> pl.DataFrame:
    """Three lots of two gins as the service gives them; one has no rate."""
    return pl.DataFrame(
        {
            "lot_no": ["1", "2", "3"],
            "gin": ["65001", "65001", "65002"],
            "status": ["PAYABLE", "PAYABLE", "HELD"],
            "bales": [186, 180, 186],
            "quantity": [4_200_000, 4_200_000, 4_100_000],
            "premium": [8065, 8065, None],
            "premium_amount": [338_710, 338_710, None],
        }
    ).with_columns(pl.Series(name, values) for name, values in changed.items())


def peers_lots() -> pl.DataFrame:
    """The same of a peer that sends texts as bytes, in another order, with exact premiums."""
    return (
        priced_lots()
        .with_columns(pl.col("lot_no", "gin", "status").cast(pl.Binary), num=15_000, den=186)
        .reverse()
    )


def test_prices_that_agree_are_counted() -> None:
    assert compare_lines("a peer", priced_lots(), peers_lots()) == 3 * 6


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("premium", [8065, 8064, None]),
        ("premium", [8065, 8065, 0]),
        ("status", ["PAYABLE", "HELD", "HELD"]),
        ("premium_amount", [338_710, 338_709, None]),
    ],
)
def test_one_price_that_differs_is_no_result(column: str, values: list[Any]) -> None:
    with pytest.raises(BenchmarkError, match=f"a peer differ in {column} of"):
        compare_lines("a peer", priced_lots(**{column: values}), peers_lots())


def by_gin(amount: int, mean: int) -> pl.DataFrame:
    return pl.DataFrame(
        {"gin": ["65001", "65002"], "premium_amount": [amount, 0], "premium": [mean, None]}
    )


PRINTED = Rounding(RoundingMode.HALF_EVEN, 2, 2, MoneyFrom.EXACT)


def test_exact_money_of_a_gin_is_rounded_once() -> None:
    """15 000/186 yuan a tonne for 84 t: 6774.19; the lines print 3387.10 twice, 0.01 more."""
    assert compare_exact("a peer", by_gin(677_419, 8065), peers_lots(), PRINTED) == 2 * 2


@pytest.mark.parametrize(("amount", "mean"), [(677_420, 8065), (677_419, 8064)])
def test_a_sum_of_rounded_money_is_no_result(amount: int, mean: int) -> None:
    with pytest.raises(BenchmarkError, match="a peer differ in premium"):
        compare_exact("a peer", by_gin(amount, mean), peers_lots(), PRINTED)
