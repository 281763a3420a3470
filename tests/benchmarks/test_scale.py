"""Measuring at scale, tiny: every bale is accounted for, and the page is made of it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from cotton_server.registry.index import BaleIndex
from cotton_server.registry.key_zones import key_numbers

from benchmarks import page
from benchmarks.errors import BenchmarkError
from benchmarks.plot import Even
from benchmarks.processes import cpu_ms, family, family_cpu_ms
from benchmarks.scale import index, index_report, report, results
from benchmarks.scale.indexed import Task, run
from benchmarks.scale.keys import season_keys
from benchmarks.scale.observed import Notes
from benchmarks.scale.stages import STAGES, WRAPPED

ROOT = Path(__file__).resolve().parent.parent.parent
BUSY = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"


def measured(directory: Path, *options: str) -> Path:
    """The file of results of a tiny run."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.scale",
            "--rounds=1",
            *options,
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


def test_a_tiny_season_is_stored_and_sent_again(tmp_path: Path) -> None:
    found = results.read_stored(measured(tmp_path, "--part=stored", "--lots=40", "--new-lots=40"))
    assert [run.stored for run in found.of(results.NEW)] == found.levels()
    assert len(found.levels()) == 2  # one warehouse is there or not
    full = found.levels()[-1]
    (again,) = found.of(results.AGAIN)
    assert (again.bales, again.fed.outcomes["existing"]) == (full, full)
    (shuffled,) = found.of(results.SHUFFLED)
    assert 0 < shuffled.bales == shuffled.fed.outcomes["existing"] < full
    assert "all that is stored, again" in report.stored_text(found)
    page.rewrite(tmp_path)
    shown = (tmp_path / page.PAGE).read_text("utf-8")
    assert "![Rate against bales stored](stored.svg)" in shown
    assert (tmp_path / "stored.svg").read_text("utf-8").startswith("<svg")


def test_a_tiny_profile_accounts_for_the_time_of_both_threads(tmp_path: Path) -> None:
    found = results.read_profile(measured(tmp_path, "--part=profile", "--bales=40000"))
    (watched,) = found.of(results.WATCHED)
    stages = {stage.key for stage in STAGES}
    assert {stage for _, _, stage in WRAPPED} <= stages
    assert set(watched.elapsed_ns) <= stages
    never = stages - set(watched.elapsed_ns)
    assert never <= {"fold"}, "a wrapper is not called where the service works"
    committing = sum(watched.elapsed_ns[each.key] for each in STAGES if each.thread == "committer")
    assert committing >= watched.spent_ns["elapsed"]
    assert watched.elapsed_ns["wait"] < watched.spent_ns["elapsed"] == pytest.approx(committing)
    assert all(limit > 0 for limit in found.limits_ns.values())
    page.rewrite(tmp_path)
    assert "## Where the time of a batch goes" in (tmp_path / page.PAGE).read_text("utf-8")
    assert "committing thread" in (tmp_path / "profile.svg").read_text("utf-8")


def test_a_stage_within_another_is_counted_once() -> None:
    """Of the outer stage only what is its own, on each thread by itself."""
    notes = Notes()
    inner = notes.timed("inner", lambda: time.sleep(0.05))

    def outside() -> None:
        time.sleep(0.02)
        inner()

    outer = notes.timed("outer", outside)
    outer()
    assert notes.elapsed_ns == {}  # nothing counts before the first batch
    notes.mark("committer")
    threads = [threading.Thread(target=each) for each in (outer, inner)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.1e9 <= notes.elapsed_ns["inner"] < 0.3e9
    assert 0.02e9 <= notes.elapsed_ns["outer"] < 0.05e9


def test_a_family_is_counted_with_those_that_have_ended() -> None:
    """A child that works, and one that has ended, count for who started them."""
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])\n"
    code += "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    code += "print('ready', flush=True)\nchild.wait()\n"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        members = family(parent.pid)
        assert len(members) == 2
        assert family_cpu_ms(parent.pid) >= cpu_ms(parent.pid) + 300
        for pid in members:
            subprocess.run(["/bin/kill", str(pid)], check=True)


def test_an_even_axis_has_round_steps() -> None:
    axis = Even(26.4, 0, 100)
    assert axis.steps() == [0, 5, 10, 15, 20, 25]
    assert axis.at(13.2) == 50


def test_a_tiny_index_is_built_asked_and_shown(tmp_path: Path) -> None:
    """In memory and on disk; the process that builds it checks every answer."""
    found = results.read_index(measured(tmp_path, "--part=index", "--lots=60"))
    assert [(run.seasons, run.cold) for run in found.runs] == [(1, False), (10, False), (10, True)]
    season = 60 * 186
    assert [run.bales for run in found.runs] == [season, 10 * season, 10 * season]
    assert [run.built for run in found.runs] == [season, 10 * season, season]
    cold = found.runs[-1]
    assert cold.disk_bytes > 0
    assert cold.asked["there, in order of arrival"] == season
    assert "9 of 10 on disk" in index_report.text(found)
    page.rewrite(tmp_path)
    assert "## The duplicate index" in (tmp_path / page.PAGE).read_text("utf-8")


def test_codes_of_a_season_are_different_and_of_its_year() -> None:
    high, low = season_keys(2024, 2000)
    assert len(high) == 2000 * 186
    assert len(np.unique(np.stack([high, low]), axis=1).T) == len(high)
    years = set((high % np.uint64(10**9) // np.uint64(10**7)).tolist())
    assert years == {24}
    missed = season_keys(2024, 2000, missed=True)
    assert not np.isin(missed[1], low).any()
    assert (key_numbers(*missed) == key_numbers(high, low)).all()


def test_a_wrong_row_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_self: BaleIndex, high: np.ndarray, *_: np.ndarray) -> np.ndarray:
        return np.zeros(len(high), np.int32)

    monkeypatch.setattr(BaleIndex, "find", nothing)
    with pytest.raises(BenchmarkError, match="was found in row 0"):
        run(Task(lots=10, seasons=1, cold=False, directory=str(tmp_path)))


def test_an_index_for_which_memory_is_short_is_skipped_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_free_bytes", lambda: 1 << 20)
    told: list[str] = []
    found = index.measure(60, tmp_path, told.append)
    assert all("are free" in each.skipped for each in found)
    assert any("skipped" in line for line in told)
