"""Settlement runs in the ledger: every outcome, what follows on what, and replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import lots_pb2, settlement_pb2
from cotton_server.intake import settlement_runs
from cotton_server.intake.settlement_runs import RUN_BYTES_MAX

from tests.support.deciding import Deciding
from tests.support.histories import lot_of

if TYPE_CHECKING:
    from collections.abc import Sequence

DIGEST = "0123456789abcdef" * 4
REGISTRATION = lots_pb2.RegisterLotsRequest(producer_id="p", request_id="r", lots=[lot_of()])


def run(run_id: str = "r-1", revision: int = 1, season: int = 2016, **fields: Any) -> Any:
    """A run that is in order."""
    terms = settlement_pb2.SettlementTerms(revision=revision, season=season, schedule="s")
    plain = {"digest": DIGEST, "decided_by": "office", "terms": terms}
    return settlement_pb2.Run(id=run_id, **{**plain, **fields})


def frozen(decided: Deciding, sent: settlement_pb2.Run) -> settlement_pb2.RunResult:
    """What became of a run."""
    request = settlement_pb2.FreezeRunRequest(producer_id="p", request_id="x", runs=[sent])
    outcome = decided.request(request)
    counts = "created", "existing", "conflicting", "rejected"
    assert sum(getattr(outcome, name) for name in counts) == outcome.received == 1
    result: settlement_pb2.RunResult
    (result,) = outcome.results
    assert result.id == sent.id[:64]
    return result


def name(result: settlement_pb2.RunResult) -> str:
    """The outcome in a word."""
    return lots_pb2.LotOutcome.Name(result.outcome).removeprefix("LOT_OUTCOME_")


@pytest.fixture(name="decided")
def fixture_decided() -> Deciding:
    """A registry at revision 1."""
    decided = Deciding()
    decided.request(REGISTRATION)
    return decided


def test_a_run_is_kept_repeated_and_never_changed(decided: Deciding) -> None:
    """One run of an id for ever; its successor is told from the revision that stored it."""
    book = decided.registry.runs
    assert (name(frozen(decided, run())), len(book)) == ("CREATED", 1)
    again = frozen(decided, run())
    assert (name(again), again.stored_revision) == ("EXISTS", 2)
    other = frozen(decided, run(note="another"))
    assert (name(other), other.stored_revision) == ("EXISTS_WITH_DIFFERENT", 2)
    assert name(frozen(decided, run("r-2", predecessor="r-1"))) == "CREATED"
    assert [each.run.id for each in book.between(0, 5)] == ["r-1", "r-2"]
    assert [each.run.id for each in book.between(2, 5)] == ["r-2"]
    assert [book.successor("r-1", revision) for revision in (4, 5)] == ["", "r-2"]
    assert book.successor("r-2") == ""


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (run("a b"), "An id is 1 to 64"),
        (run(digest="AB" * 32), "A digest is 64"),
        (run(decided_by=""), "Say in decided_by"),
        (run(note="x" * 201), "note: at most 200"),
        (run(title="a\nb"), "title: at most 200"),
        (run(revision=0), "The terms name revision 0"),
        (run(revision=3), "at most 1"),
        (run(predecessor="r-9"), "No run is stored under"),
        (run("r-1b", predecessor="r-1b"), "No run is stored under"),
        (run("r-3", predecessor="r-0", season=2017), "is of season 2016"),
        (run("r-3", predecessor="r-0"), "r-0 is taken by r-1 already"),
    ],
)
def test_what_is_wrong_with_a_run_is_said(
    decided: Deciding, sent: settlement_pb2.Run, why: str
) -> None:
    """A rejected run leaves nothing behind."""
    if sent.predecessor == "r-0":
        frozen(decided, run("r-0"))
        if sent.terms.season == 2016:
            frozen(decided, run("r-1", predecessor="r-0"))
    before = len(decided.registry.runs)
    result = frozen(decided, sent)
    assert name(result) == "REJECTED"
    assert why in result.message
    assert len(decided.registry.runs) == before


def test_runs_are_bounded(decided: Deciding, monkeypatch: pytest.MonkeyPatch) -> None:
    """By number, by size, and all together."""
    lots: Sequence[str] = [f"651401610{number:05d}" for number in range(RUN_BYTES_MAX // 16 + 1)]
    large = run()
    large.terms.filters.add(key=9, values=lots)
    assert "bytes; at most" in frozen(decided, large).message
    monkeypatch.setattr(settlement_runs, "HELD_BYTES_MAX", run().ByteSize())
    assert name(frozen(decided, run())) == "CREATED"
    assert "bytes of runs are held" in frozen(decided, run("r-2")).message
    monkeypatch.setattr(settlement_runs, "RUNS_MAX", 1)
    assert "1 runs are held" in frozen(decided, run("r-2")).message
