"""Frozen runs: what was looked at is what is stored, and what is stored never moves."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cotton.inspection.v1 import lots_pb2, settlement_pb2, summary_pb2
from cotton_server.errors import Reason, ServiceError
from cotton_server.runs import frozen as frozen_runs
from cotton_server.runs.canonical import table_content

from tests.support.bales import LOT, OTHER_LOT
from tests.support.histories import History
from tests.support.settling import FUTURES, SEASON, Settling, final_lot, golden_bales, load

DIVISION = summary_pb2.SUMMARY_KEY_DIVISION


def two_lots() -> History:
    """The golden lot, and another that is like it but for its place and its weight."""
    history = History()
    load(history, FUTURES)
    final_lot(history, golden_bales(), division="第八师")
    final_lot(
        history, [each.but(length=2910) for each in other_bales()], OTHER_LOT, division="第一师"
    )
    return history


def other_bales() -> list[Any]:
    """The same bales under codes of their own, in the other lot."""
    return golden_bales(OTHER_LOT, first=1000)


def run_of(settling: Settling, run_id: str) -> settlement_pb2.GetRunResponse:
    """A run as GetRun has it."""
    answer: settlement_pb2.GetRunResponse
    answer = settling.call("get_run", settlement_pb2.GetRunRequest(id=run_id))
    return answer


def verified(settling: Settling, run_id: str) -> settlement_pb2.VerifyRunResponse:
    """A run computed anew."""
    answer: settlement_pb2.VerifyRunResponse
    answer = settling.call("verify_run", settlement_pb2.VerifyRunRequest(id=run_id))
    return answer


def test_a_correction_leaves_a_run_as_it_was_and_a_successor_says_what_moved(
    tmp_path: Path,
) -> None:
    """The run is what was frozen; its successor differs in every figure that the bale moved."""
    settling = Settling(two_lots(), tmp_path)
    terms: dict[str, Any] = {"schedule": FUTURES, "season": SEASON, "base_price": 15_000_00}
    header = settling.frozen("first", **terms)
    before = settling.tabulate("first")
    assert before[0].digest == header.digest
    assert run_of(settling, "first").lots_changed_since == 0
    bale = golden_bales()[0]
    stored = settling.history.registry.bales.position[0]
    settling.history.read([bale.but(colour_grade=21).correcting(int(stored))])
    assert settling.tabulate("first") == before
    assert run_of(settling, "first").lots_changed_since == 1
    assert verified(settling, "first").holds
    _, lines = settling.price(**terms)
    result = settling.freeze("second", settling.price(**terms)[0], predecessor="first")
    assert result.outcome == lots_pb2.LOT_OUTCOME_CREATED
    head, *others = settling.compare("second")
    assert (head.before.run.id, head.after.run.id) == ("first", "second")
    assert (head.lines_differing, head.lines_only_before, head.lines_only_after) == (1, 0, 0)
    differences = [each for message in others for each in message.differences]
    assert {each.line for each in differences} == {LOT}
    told = {each.column: (each.before, each.after) for each in differences}
    # 51 bales of 186 are 27.42 %: +82.26 in place of +80.64.
    assert told["factor.colour"] == ("80.64", "82.26")
    assert told["state"] == ("FINAL", "REVISED")
    moved = {name for name, cell in before[1][0].items() if cell != lines[0][name]}
    assert set(told) == moved
    assert run_of(settling, "first").run.successor == "second"


def test_only_what_was_looked_at_is_frozen(tmp_path: Path) -> None:
    """Another digest, no revision, an unknown run: each is refused with what to do."""
    settling = Settling(two_lots(), tmp_path)
    header, _ = settling.price(schedule=FUTURES)
    wrong: list[tuple[dict[str, Any], Reason]] = [
        ({"digest": "0" * 64}, Reason.DIGEST_DIFFERS),
        ({"terms": settlement_pb2.SettlementTerms(schedule=FUTURES)}, Reason.INVALID_FIELD),
        ({"settlement_version": "0"}, Reason.INVALID_FIELD),
        ({"grading_version": "0"}, Reason.INVALID_FIELD),
    ]
    for fields, reason in wrong:
        with pytest.raises(ServiceError) as refused:
            settling.freeze("run", header, **fields)
        assert refused.value.reason is reason
    assert len(settling.history.registry.runs) == 0
    assert settling.freeze("run", header).outcome == lots_pb2.LOT_OUTCOME_CREATED
    # The same again was checked then: it is stored, whatever computes money now.
    settling.settler.settle = None  # type: ignore[assignment,method-assign]
    assert settling.freeze("run", header).outcome == lots_pb2.LOT_OUTCOME_EXISTS
    with pytest.raises(ServiceError) as refused:
        settling.tabulate("another")
    assert refused.value.reason is Reason.NOT_FOUND


def test_the_archive_may_be_lost_or_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told of a run is what was frozen, or that this version cannot tell it."""
    settling = Settling(two_lots(), tmp_path)
    header = settling.frozen("run", schedule=FUTURES, season=SEASON)
    expected = settling.tabulate("run", "lots"), settling.tabulate("run", "totals", [DIVISION])
    (directory,) = settling.directory.iterdir()
    assert directory.name == header.digest
    files = sorted(directory.iterdir())
    manifest = (directory / "manifest.txt").read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == header.digest
    for damage in (*files, None):
        if damage is None:
            for each in files:
                each.unlink()
        else:
            content = bytearray(damage.read_bytes())
            content[len(content) // 2] ^= 1
            damage.write_bytes(content)
        anew = settling.again()
        assert (
            anew.tabulate("run", "lots"),
            anew.tabulate("run", "totals", [DIVISION]),
        ) == expected
        assert [each.name for each in sorted(directory.iterdir())] == [each.name for each in files]
        assert settling.again().tabulate("run") == expected[0]
    # Another version of the rules comes to something else: then only the archive has the lines.
    monkeypatch.setattr("cotton_server.runs.documents.SETTLEMENT_VERSION", "2")
    monkeypatch.setattr("cotton_server.api.settlement.SETTLEMENT_VERSION", "2")
    monkeypatch.setattr(frozen_runs, "SETTLEMENT_VERSION", "2")
    assert settling.again().tabulate("run") == expected[0]
    answer = verified(settling.again(), "run")
    assert (answer.holds, answer.settlement_version) == (False, "1; now 2")
    (directory / "lots.parquet").unlink()
    with pytest.raises(ServiceError) as refused:
        settling.again().tabulate("run")
    assert refused.value.reason is Reason.RUN_DIFFERS
    assert "settlement version 1 and" in refused.value.message


def test_an_archived_file_that_nobody_wrote_is_not_read(tmp_path: Path) -> None:
    """Sums that were put right after a change do not help: the manifest has the tables."""
    settling = Settling(two_lots(), tmp_path)
    one = settling.directory / settling.frozen("run", schedule=FUTURES, base_price=2).digest
    other = settling.directory / settling.frozen("other", schedule=FUTURES, base_price=1).digest
    expected = settling.tabulate("run")
    (one / "lots.parquet").write_bytes((other / "lots.parquet").read_bytes())
    names = [each for each in sorted(one.iterdir()) if each.name != "SHA256SUMS"]
    sums = [f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n" for each in names]
    (one / "SHA256SUMS").write_text("".join(sums))
    assert settling.again().tabulate("run") == expected


def test_totals_are_rounded_once_and_lines_add_up(tmp_path: Path) -> None:
    """Rows add up to the whole; the sum of printed lines stands beside the printed sum."""
    settling = Settling(two_lots(), tmp_path)
    settling.frozen("run", schedule=FUTURES, base_price=15_000_00)
    _, lines = settling.tabulate("run")
    _, rows = settling.tabulate("run", "totals", [DIVISION])
    _, (total,) = settling.tabulate("run", "totals")
    assert [row["key.0"] for row in rows] == sorted(["第八师", "第一师"])
    for name in ("lots", "bales", "quantity", "premium_amount_of_lines", "amount_of_lines"):
        assert sum(int(row[name] or 0) for row in rows) == total[name]
    for name in ("premium_amount", "amount"):
        assert total[f"{name}_of_lines"] == sum(int(line[name] or 0) for line in lines)
    got = run_of(settling, "run")
    figures = dict(zip([each.name for each in got.columns], got.total.figures, strict=True))
    assert [*figures["amount"].narrow, *figures["amount"].wide] == [total["amount"]]


SCRIPT = """
import json, sys
import polars as pl
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.api.test_settlement import two_lots
from tests.support.settling import FUTURES, SEASON, Settling
settling = Settling(two_lots(), Path(sys.argv[2]))
header, lines = settling.price(schedule=FUTURES, season=SEASON)
settlement = settling.settler.settle(header.terms)
print(json.dumps([pl.thread_pool_size(), header.digest, settlement.canonical().manifest]))
"""


def test_the_digest_is_the_same_on_any_number_of_threads(tmp_path: Path) -> None:
    """Another process, with another number of threads, comes to the same content."""
    root = Path(__file__).parents[2]
    answers = []
    for threads in (1, 2):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(root), str(tmp_path)],
            env={**os.environ, "POLARS_MAX_THREADS": str(threads)},
            capture_output=True,
            text=True,
            check=True,
        )
        answers.append(json.loads(done.stdout))
    assert [threads for threads, *_ in answers] == [1, 2]
    assert answers[0][1:] == answers[1][1:]
    settling = Settling(two_lots(), tmp_path)
    header, _ = settling.price(schedule=FUTURES, season=SEASON)
    assert header.digest == answers[0][1]


def test_the_order_of_arrival_does_not_matter_to_a_line(tmp_path: Path) -> None:
    """The same lots in another order have the same lines and the same table."""
    other = History()
    load(other, FUTURES)
    moved = [each.but(length=2910) for each in other_bales()]
    final_lot(other, moved[::-1], OTHER_LOT, division="第一师")
    final_lot(other, golden_bales()[::-1], division="第八师")
    contents = []
    for history in (two_lots(), other):
        settling = Settling(history, tmp_path)
        header, _ = settling.price(schedule=FUTURES, season=SEASON)
        contents.append(table_content(settling.settler.settle(header.terms).tables["lots"]))
    assert contents[0] == contents[1]
