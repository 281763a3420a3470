"""Commands about the course of lots and bales, against a service with fixed answers."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from click.testing import CliRunner
from cotton.inspection.v1 import (
    amendments_pb2,
    amendments_pb2_grpc,
    common_pb2,
    ingest_pb2,
    ingest_pb2_grpc,
    lifecycle_pb2,
    lifecycle_pb2_grpc,
    lots_pb2,
    lots_pb2_grpc,
    readings_pb2,
    summary_pb2,
    summary_pb2_grpc,
    trace_pb2,
    trace_pb2_grpc,
)
from cotton_client.cli import amending, main, watch
from cotton_client.cli.exits import Exit
from cotton_client.cli.watch_state import WatchState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

CLI_PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
BALE = "32651401611141221550000121000001"
LOT = "65140161077"
DECIDED = ("--reason", "entry-error", "--by", "bureau")
WHY = common_pb2.Amendment(reason=common_pb2.AMENDMENT_REASON_ENTRY_ERROR, decided_by="bureau")


def reading(length: int = 2820, **values: Any) -> readings_pb2.Reading:
    """A reading of the bale."""
    return readings_pb2.Reading(
        bale_code=BALE, lot_no=LOT, length=length, preparation=common_pb2.PREPARATION_P2, **values
    )


def certificate(bales: int, **values: Any) -> summary_pb2.GetLotCertificateResponse:
    """A certificate of the lot."""
    answer = summary_pb2.GetLotCertificateResponse(revision=9, bales=bales, **values)
    answer.lot.lot_no = LOT
    answer.figures.bales = bales
    answer.figures.length.mean_to_hundredths = 2800 + bales
    return answer


def lot_status() -> summary_pb2.LotStatus:
    """A lot in which everything has happened."""
    status = summary_pb2.LotStatus(
        lot_no=LOT,
        state=summary_pb2.LOT_STATE_HELD,
        holds=[summary_pb2.LOT_HOLD_TESTED_DIFFERS_FROM_READ],
        declared_bales=186,
        bales=185,
        bales_withdrawn=1,
        open_conflicts=2,
        withdrawn_at_us=1_480_000_000_000_000,
        withdrawal=WHY,
        objection_until="2016-11-25",
        age_s=4 * 86400 + 3600,
        final_revision=5,
        final_at_us=1_480_000_000_000_000,
    )
    status.closure.bales_received = 186
    status.closure.bales_tested = 186
    status.certificates.quality_certificate_no = "Q1"
    status.objections.add(
        objection=lots_pb2.LotObjection(
            lot_no=LOT, objection_no="O-1", raised_by="owner", raised_at_s=1_480_000_000, note="n"
        ),
        decision_until="2016-12-01",
        overdue=True,
    )
    return status


@dataclass
class Service(
    amendments_pb2_grpc.AmendmentServiceServicer,
    ingest_pb2_grpc.IngestServiceServicer,
    lifecycle_pb2_grpc.LifecycleServiceServicer,
    lots_pb2_grpc.LotServiceServicer,
    summary_pb2_grpc.SummaryServiceServicer,
    trace_pb2_grpc.TraceServiceServicer,
):
    """Takes whatever it is sent, and keeps the requests; changes are at 3, 4 and 5."""

    requests: list[Any] = field(default_factory=list)
    lots_outcome: dict[str, int] = field(default_factory=lambda: {"created": 1})
    reject: bool = False
    break_at: int = 0
    following: threading.Event = field(default_factory=threading.Event)

    def records(self, request: Any) -> lots_pb2.LotsOutcome:
        """One record with the outcome that is set."""
        self.requests.append(request)
        return lots_pb2.LotsOutcome(received=1, **self.lots_outcome)  # type: ignore[arg-type]  # names of counts

    def CloseLots(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Takes closures."""
        return lots_pb2.CloseLotsResponse(revision=3, outcome=self.records(request))

    def RecordCertificates(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Takes certificates."""
        return lots_pb2.RecordCertificatesResponse(revision=3, outcome=self.records(request))

    def RecordObjections(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Takes objections."""
        return lots_pb2.RecordObjectionsResponse(revision=3, outcome=self.records(request))

    def GetLotCertificate(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """The lot in which everything has happened."""
        self.requests.append(request)
        return certificate(185, status=lot_status(), basis=request.basis)

    def SummariseGrades(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Nothing but what was withdrawn."""
        self.requests.append(request)
        answer = summary_pb2.SummariseGradesResponse(revision=9, basis=request.basis)
        answer.total.bales_withdrawn = 187
        answer.total.lots_withdrawn = 1
        return answer

    def ListLots(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """One lot."""
        self.requests.append(request)
        yield lifecycle_pb2.ListLotsResponse(revision=9, lots=[lot_status()])

    def decided(self, request: Any, number: int) -> amendments_pb2.AmendmentsOutcome:
        """All applied, or all rejected."""
        self.requests.append(request)
        if not self.reject:
            return amendments_pb2.AmendmentsOutcome(received=number, applied=number)
        outcome = amendments_pb2.AmendmentsOutcome(received=number, rejected=number)
        for row in range(number):
            outcome.results.add(
                row=row,
                subject=LOT,
                outcome=amendments_pb2.AMENDMENT_OUTCOME_REJECTED,
                field=common_pb2.FIELD_SUPERSEDES_REVISION,
                message="is not in force",
                stored_revision=8,
            )
        return outcome

    def Withdraw(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Takes withdrawals."""
        outcome = self.decided(request, len(request.withdrawals))
        return amendments_pb2.WithdrawResponse(revision=9, outcome=outcome)

    def ResolveConflicts(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Takes resolutions."""
        outcome = self.decided(request, len(request.resolutions))
        return amendments_pb2.ResolveConflictsResponse(revision=9, outcome=outcome)

    def ListConflicts(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """One conflict, resolved."""
        self.requests.append(request)
        conflict = amendments_pb2.Conflict(
            conflict_id="8/17",
            state=amendments_pb2.CONFLICT_STATE_ACCEPTED,
            bale=BALE,
            outcome=readings_pb2.OUTCOME_EXISTS_WITH_DIFFERENT_LENGTH,
            field=common_pb2.FIELD_LENGTH,
            received="28.30",
            stored="28.20",
            received_reading=reading(2830, laboratory="L2"),
            stored_reading=reading(),
            stored_revision=7,
            producer_id="W01",
            two_seasons=True,
            two_warehouses=True,
            arrivals=3,
            resolved_revision=9,
            resolution=WHY,
        )
        yield amendments_pb2.ListConflictsResponse(revision=9, conflicts=[conflict])

    def CountConflicts(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Two laboratories, one without a name."""
        answer = amendments_pb2.CountConflictsResponse(revision=9)
        answer.counts.add(open=4)
        answer.counts.add(laboratory="L2", open=1, kept=2, accepted=3)
        return answer

    def GetBale(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """A bale that was read, in conflict, corrected, re-tested and withdrawn."""
        self.requests.append(request)
        answer = trace_pb2.GetBaleResponse(
            revision=9, stored_at_revision=7, reading=reading(2840), withdrawn=True
        )
        if request.WhichOneof("bale") == "usda_bale":
            answer.reading.usda_bale.CopyFrom(request.usda_bale)
        kinds = trace_pb2.BaleEventKind
        events = [
            (kinds.BALE_EVENT_KIND_READ, reading()),
            (kinds.BALE_EVENT_KIND_CONFLICT, reading(2830)),
            (kinds.BALE_EVENT_KIND_CORRECTED, reading(2840)),
            (kinds.BALE_EVENT_KIND_RETESTED, reading(2860, kind="READING_KIND_REVIEW")),
        ]
        for revision, (kind, read) in enumerate(events, 4):
            answer.history.add(revision=revision, kind=kind, reading=read, producer_id="W01")
        answer.history.add(revision=8, kind=kinds.BALE_EVENT_KIND_WITHDRAWN, amendment=WHY)
        answer.history[1].conflict_id = "5/0"
        corrected = answer.history[2]
        corrected.superseded_revision = 4
        corrected.in_force = corrected.first_inspection = True
        corrected.amendment.CopyFrom(WHY)
        comparison = answer.history[3].comparison
        comparison.original_revision = 6
        comparison.unverified = True
        comparison.measures.add(
            field=common_pb2.FIELD_LENGTH, original=2840, retest=2860, tolerance=46, within=True
        )
        comparison.measures.add(field=common_pb2.FIELD_COLOUR_GRADE, original=31, retest=21)
        return answer

    def SubmitReadings(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Corrects the bale."""
        self.requests.append(request)
        result = ingest_pb2.BatchResult(batch_id=request.batch.batch_id, revision=10)
        result.outcome.received = result.outcome.corrected = 1
        result.outcome.outcomes.add(
            outcome=readings_pb2.OUTCOME_CORRECTED, bale=BALE, stored_revision=7
        )
        return ingest_pb2.SubmitReadingsResponse(result=result)

    def GetProducer(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Stands at 5, or at nothing."""
        if request.producer_id == "nobody":
            return ingest_pb2.GetProducerResponse(revision=9, producer_id="nobody")
        return ingest_pb2.GetProducerResponse(
            revision=9, producer_id="W01", next_sequence=5, batches=4, last_revision=8
        )

    def WatchChanges(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Three changes, then a message without one; breaks once before the revision given."""
        self.requests.append(request)
        for revision, kind in (
            (3, lifecycle_pb2.LOT_CHANGE_KIND_NEW),
            (4, lifecycle_pb2.LOT_CHANGE_KIND_FINAL),
            (5, lifecycle_pb2.LOT_CHANGE_KIND_REVISED),
        ):
            if revision <= request.from_revision:
                continue
            if revision == self.break_at:
                self.break_at = 0
                context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
            change = lifecycle_pb2.LotChange(
                revision=revision,
                lot_no=LOT,
                kind=kind,
                state_after=summary_pb2.LOT_STATE_FINAL,
            )
            if not request.without_figures:
                change.after.CopyFrom(certificate(revision, mark="3128B"))
                if revision > 3:
                    change.before.CopyFrom(certificate(revision - 1))
            yield lifecycle_pb2.WatchChangesResponse(revision=revision, changes=[change])
        yield lifecycle_pb2.WatchChangesResponse(revision=6)
        if not request.until_now:
            self.following.set()
            while context.is_active():
                threading.Event().wait(0.05)


@pytest.fixture
def service() -> Service:
    """The service that the commands talk to."""
    return Service()  # type: ignore[abstract]  # methods that no test calls are inherited


@pytest.fixture(autouse=True)
def target(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the service, told to the commands as an operator does."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    amendments_pb2_grpc.add_AmendmentServiceServicer_to_server(service, server)
    ingest_pb2_grpc.add_IngestServiceServicer_to_server(service, server)
    lifecycle_pb2_grpc.add_LifecycleServiceServicer_to_server(service, server)
    lots_pb2_grpc.add_LotServiceServicer_to_server(service, server)
    summary_pb2_grpc.add_SummaryServiceServicer_to_server(service, server)
    trace_pb2_grpc.add_TraceServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("COTTON_SERVER", f"127.0.0.1:{port}")
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def cotton(*arguments: str | Path, answer: str | None = None) -> Result:
    """Runs the command line; `answer` is what the user types."""
    return CliRunner().invoke(
        main, [str(each) for each in arguments], prog_name="cotton", input=answer
    )


def page(*arguments: str | Path) -> str:
    """What a run that ended well prints for people."""
    result = cotton(*arguments)
    assert result.exit_code == Exit.OK, result.stderr
    return result.stdout


def printed(*arguments: str | Path) -> Any:
    """What a run that ended well prints for programs."""
    result = cotton(*arguments, "--json")
    assert result.exit_code in {Exit.OK, Exit.INCOMPLETE}, result.stderr
    return json.loads(result.stdout)


def lines(text: str) -> list[dict[str, Any]]:
    """The objects of JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


ANSWERS: list[tuple[str, ...]] = [
    ("lots", "list"),
    ("lot", LOT),
    ("summary",),
    ("lots", "close", "--lot", LOT, "--received", "1", "--tested", "1"),
    ("conflicts",),
    ("conflicts", "count"),
    ("conflicts", "keep", "8/17", *DECIDED),
    ("withdraw", "--lot", LOT, *DECIDED),
    ("producer", "W01"),
    ("bale", BALE),
    ("correct", BALE, "length=28.5", "--revision-in-force", "7", *DECIDED, "--yes"),
]


@pytest.mark.parametrize("arguments", ANSWERS, ids=" ".join)
def test_every_field_of_json_is_on_the_page(service: Service, arguments: tuple[str, ...]) -> None:
    """A field that is printed is described, and there is always a revision."""
    service.reject = True
    text = CLI_PAGE.read_text(encoding="utf-8")

    def names(data: Any) -> Iterator[str]:
        if isinstance(data, dict):
            yield from data
            for value in data.values():
                yield from names(value)
        elif isinstance(data, list):
            for value in data:
                yield from names(value)

    data = printed(*arguments)
    assert "revision" in data
    assert not {name for name in names(data) if f"`{name}`" not in text}


def test_every_reason_is_on_the_page_and_in_the_help() -> None:
    text = CLI_PAGE.read_text(encoding="utf-8")
    help_text = cotton("withdraw", "--help").output
    for word in amending.REASON.words:
        assert f"`{word}`" in text
        assert word in help_text


def test_a_lot_is_closed_by_its_laboratory(service: Service) -> None:
    """With counts, and the time in China where none is said."""
    page(
        *("lots", "close", "--lot", LOT, "--received", "186", "--tested", "185"),
        *("--laboratory", "L1", "--closed-at", "2016-11-20T08:00:00"),
    )
    (request,) = service.requests
    (closure,) = request.closures
    assert (closure.lot_no, closure.bales_received, closure.bales_tested) == (LOT, 186, 185)
    assert (closure.laboratory, closure.closed_at_s) == ("L1", 1_479_600_000)
    assert not closure.HasField("amendment")


def test_a_closure_takes_the_place_of_another(service: Service) -> None:
    """It names the revision, a reason and who decided; the receipt says corrected."""
    service.lots_outcome = {"corrected": 1}
    said = page(
        *("lots", "close", "--lot", LOT, "--received", "1", "--tested", "1"),
        *("--supersedes", "7", *DECIDED, "--note", "counted again"),
    )
    assert "1 closure received · 1 corrected" in said
    amendment = service.requests[0].closures[0].amendment
    assert amendment == common_pb2.Amendment(
        supersedes_revision=7,
        reason=common_pb2.AMENDMENT_REASON_ENTRY_ERROR,
        note="counted again",
        decided_by="bureau",
    )


def test_certificates_are_recorded(service: Service) -> None:
    """Either number or both; without a time it is when the service receives them."""
    page("lots", "certify", "--lot", LOT, "--quality", "Q1")
    page("lots", "certify", "--lot", LOT, "--weight", "W1", "--issued-at", "2016-11-20")
    first, second = (request.certificates[0] for request in service.requests)
    assert (first.quality_certificate_no, first.issued_at_s) == ("Q1", 0)
    assert (second.weight_certificate_no, second.issued_at_s) == ("W1", 1_479_571_200)


@pytest.mark.parametrize(
    ("command", "columns", "records"),
    [
        ("close", "lot_no,bales_received,bales_tested\n65140161077,186,186\n", "closures"),
        ("certify", "lot_no,quality_certificate_no\n65140161077,Q1\n", "certificates"),
        ("object", "lot_no,objection_no,raised_at\n65140161077,O-1,2016-11-20\n", "objections"),
    ],
)
def test_records_of_lots_come_from_files(
    service: Service, tmp_path: Path, command: str, columns: str, records: str
) -> None:
    """One record a line; a file and options of one lot do not go together."""
    path = tmp_path / "records.csv"
    path.write_text(columns, encoding="utf-8")
    page("lots", command, path)
    (record,) = getattr(service.requests[0], records)
    assert record.lot_no == LOT
    assert cotton("lots", command, path, "--lot", LOT).exit_code == Exit.USAGE
    path.write_text("lot_no\n1\n", encoding="utf-8")
    assert cotton("lots", command, path).exit_code == Exit.BAD_INPUT


def test_an_objection_is_raised_and_decided(service: Service) -> None:
    """What was recorded when it was raised is repeated with the decision."""
    page("lots", "object", "--lot", LOT, "--objection", "O-1", "--raised-by", "owner")
    raised = service.requests[-1].objections[0]
    assert raised.raised_at_s > 0
    assert raised.decision == lots_pb2.OBJECTION_DECISION_UNSPECIFIED
    page(
        *("lots", "object", "--lot", LOT, "--objection", "O-1", "--decision", "upheld"),
        *("--by", "bureau", "--decided-at", "2016-11-30"),
    )
    decided = service.requests[-1].objections[0]
    assert (decided.raised_by, decided.raised_at_s) == ("owner", 1_480_000_000)
    assert (decided.note, decided.decided_by) == ("n", "bureau")
    assert decided.decision == lots_pb2.OBJECTION_DECISION_UPHELD
    unknown = cotton(
        *("lots", "object", "--lot", LOT, "--objection", "O-9", "--decision", "upheld"),
        *("--by", "bureau"),
    )
    assert unknown.exit_code == Exit.NOT_FOUND
    assert "has no objection O-9" in unknown.stderr


def test_lots_are_listed_by_what_is_asked_for(service: Service) -> None:
    """States and keys in words, ages in days or hours."""
    said = page(
        *("lots", "list", "--state", "HELD,read-and-weighed", "--where", "season=2016/17"),
        *("--overdue", "--objected", "--older-than", "10d", "--limit", "7", "--revision", "3"),
    )
    for expected in (LOT, "held: samples tested differ from bales stored", "185/186", "4 d 1 h"):
        assert expected in said
    assert "decision of O-1 was due 2016-12-01" in said
    (request,) = service.requests
    assert list(request.states) == [
        summary_pb2.LOT_STATE_HELD,
        summary_pb2.LOT_STATE_READ_AND_WEIGHED,
    ]
    assert [(each.key, list(each.values)) for each in request.filters] == [
        (summary_pb2.SUMMARY_KEY_SEASON, ["2016"])
    ]
    assert (request.overdue, request.objected) == (True, True)
    assert (request.age_s_min, request.limit, request.revision) == (864_000, 7, 3)


def test_a_certificate_says_where_the_lot_stands(service: Service) -> None:
    """Withdrawn, held with the numbers, conflicts, objections; by the basis asked."""
    said = " ".join(page("lot", LOT, "--basis", "first-inspection").split())
    for expected in (
        "WITHDRAWN 已撤销",
        "decided by bureau",
        "declared 186, received 186, tested 186, stored 185",
        "2 open conflicts",
        "OVERDUE: decision was due 2016-12-01",
        "Q1",
        "revision 5",
        "re-tests are left out",
    ):
        assert expected in said, expected
    assert service.requests[0].basis == summary_pb2.BASIS_FIRST_INSPECTION


def test_a_summary_counts_what_was_withdrawn(service: Service) -> None:
    """In no figure, but said; by the basis asked."""
    said = page("summary", "--basis", "first_inspection")
    assert "187 bales withdrawn (1 lot as a whole)" in said
    assert service.requests[0].basis == summary_pb2.BASIS_FIRST_INSPECTION


def test_conflicts_are_listed_without_naming_the_list(service: Service) -> None:
    """Open ones unless told otherwise; both values of all that differs are shown."""
    said = page("conflicts", "--lot", LOT, "--laboratory", "L2", "--bale", BALE, "--limit", "3")
    for expected in ("8/17", "28.2", "28.3", "lots of two seasons", "two warehouses", "3 times"):
        assert expected in said
    assert "accepted at revision 9: entry error" in said
    page("conflicts", "list", "--state", "kept,accepted")
    first, second = service.requests
    assert list(first.states) == [amendments_pb2.CONFLICT_STATE_OPEN]
    assert (list(first.lot_nos), list(first.laboratories)) == ([LOT], ["L2"])
    assert (first.bale_code, first.limit) == (BALE, 3)
    assert len(second.states) == 2


def test_conflicts_are_counted_by_laboratory() -> None:
    said = page("conflicts", "count")
    assert re.search(r"not given +4 +0 +0", said)
    assert re.search(r"L2 +1 +2 +3", said)
    assert re.search(r"Total 合计 +5 +2 +3", said)


@pytest.mark.parametrize("command", ["accept", "keep"])
def test_a_decision_names_the_revision_in_force(command: str, service: Service) -> None:
    """What it was decided on; left out, the service is told none."""
    cotton("conflicts", command, "8/17", "--revision-in-force", "12", *DECIDED)
    cotton("conflicts", command, "8/17", *DECIDED)
    named = [each.resolutions[0].amendment.supersedes_revision for each in service.requests]
    assert named == [12, 0]


def test_conflicts_are_decided_together(service: Service) -> None:
    """Each id once, all with the same reason; a rejected decision exits 6 and says why."""
    assert "2 decisions received · 2 applied" in page(
        "conflicts", "keep", "8/17", "9/0", "8/17", *DECIDED
    )
    service.reject = True
    result = cotton("conflicts", "accept", "8/17", *DECIDED)
    assert result.exit_code == Exit.INCOMPLETE
    assert "is not in force (in force: revision 8)" in result.stdout
    kept, accepted = service.requests
    assert [each.conflict_id for each in kept.resolutions] == ["8/17", "9/0"]
    assert kept.resolutions[0].decision == amendments_pb2.CONFLICT_DECISION_KEEP
    assert accepted.resolutions[0].decision == amendments_pb2.CONFLICT_DECISION_ACCEPT
    assert accepted.resolutions[0].amendment == WHY


def test_lots_and_bales_are_withdrawn_and_reinstated(service: Service) -> None:
    """32 digits, YEAR/ID, and ids with --crop-year name bales."""
    page("withdraw", "--lot", LOT, "--bale", BALE, "--bale", "2006/960891871766", *DECIDED)
    page(
        *("withdraw", "--bale", "960891871766", "--crop-year", "2006", "--reinstate"),
        *("--revision-in-force", "7", *DECIDED),
    )
    first, second = service.requests
    lot, bale, usda = first.withdrawals
    assert (lot.lot_no, bale.bale_code) == (LOT, BALE)
    assert (usda.usda_bale.bale_id, usda.usda_bale.crop_year) == ("960891871766", 2006)
    assert not usda.reinstate
    (again,) = second.withdrawals
    assert again.usda_bale == usda.usda_bale
    assert (again.reinstate, again.amendment.supersedes_revision) == (True, 7)


def test_a_bale_tells_its_history() -> None:
    """What each event changed, why, and how a re-test compares."""
    said = page("bale", BALE)
    for expected in (
        "WITHDRAWN 已撤销",
        "length: 28.2 → 28.3",
        "conflict 5/0",
        "length: 28.2 → 28.4",
        "takes the place of the reading of revision 4",
        "in force 有效",
        "counts as first inspection",
        "review 复检",
        "beyond tolerance",
        "length 28.4 → 28.6, within ±0.46",
        "colour grade 31 → 21, not the same",
        "not verified",
    ):
        assert expected in said, expected
    events = printed("bale", BALE)["history"]
    assert [each["kind"] for each in events] == [
        *("read", "conflict", "corrected", "retested", "withdrawn")
    ]
    assert events[3]["differences"][0] == {"field": "length", "before": "28.4", "after": "28.6"}
    assert events[4]["reading"] is None


def test_a_correction_without_a_terminal_needs_yes(service: Service) -> None:
    """Nobody can be asked: nothing is asked of the service either."""
    command = ("correct", BALE, "length=28.5", "--revision-in-force", "7", *DECIDED)
    refused = cotton(*command, answer="y\n")
    assert refused.exit_code == Exit.USAGE
    assert "needs --yes" in refused.stderr
    for_programs = cotton(*command, "--json")
    assert for_programs.exit_code == Exit.USAGE
    assert "--json needs --yes" in json.loads(for_programs.stderr)["error"]["message"]
    assert service.requests == []


def test_a_correction_that_changes_nothing_is_refused(service: Service) -> None:
    """The file of nobody is at fault: the exit code is that of a refusal."""
    result = cotton(
        "correct", BALE, "length=28.4", "--revision-in-force", "7", *DECIDED, "--yes", "--json"
    )
    assert result.exit_code == Exit.REFUSED
    assert json.loads(result.stderr)["error"]["reason"] == "NOTHING_CHANGES"
    assert len(service.requests) == 1


def test_a_correction_is_shown_and_asked_about(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent unless the answer is yes."""
    monkeypatch.setattr("cotton_client.cli.correct._at_terminal", lambda: True)
    command = ("correct", BALE, "length=28.5", "preparation=", "--revision-in-force", "7")
    refused = cotton(*command, *DECIDED, answer="n\n")
    assert refused.exit_code == Exit.INTERRUPTED
    assert "Nothing was changed." in refused.stderr
    assert re.search(r"length +28\.4 +28\.5", refused.stderr)
    assert re.search(r"preparation +P2 +—", refused.stderr)
    assert len(service.requests) == 1
    done = cotton(*command, *DECIDED, answer="y\n")
    assert done.exit_code == Exit.OK
    assert "1 bale received · 1 corrected" in done.stdout
    (sent,) = service.requests[-1].batch.rows.readings
    assert (sent.length, sent.preparation, sent.lot_no) == (2850, 0, LOT)
    assert sent.kind == readings_pb2.READING_KIND_CORRECTION
    assert sent.amendment.supersedes_revision == 7


def test_a_correction_takes_every_kind_of_value(service: Service) -> None:
    """In the forms of a CSV file of readings; a USDA bale by year and id."""
    page(
        *("correct", "2006/960891871766", "foreign-fibre=1", "colour_grade=21"),
        *("trash_count=12", "laboratory=L 2", "inspected_at=2016-11-20", "micronaire=4.5"),
        *("--revision-in-force", "7", *DECIDED, "--yes"),
    )
    (sent,) = service.requests[-1].batch.rows.readings
    assert sent.usda_bale == readings_pb2.UsdaBale(bale_id="960891871766", crop_year=2006)
    assert (sent.foreign_fibre, sent.colour_grade, sent.trash_count) == (True, 21, 12)
    assert (sent.laboratory, sent.inspected_at_s, sent.micronaire) == ("L 2", 1_479_571_200, 450)


def test_a_correction_of_what_is_not_in_force_is_refused(service: Service) -> None:
    """The error names the revision that is."""
    result = cotton(
        "correct", BALE, "length=28.5", "--revision-in-force", "6", *DECIDED, "--yes", "--json"
    )
    assert result.exit_code == Exit.REFUSED
    error = json.loads(result.stderr)["error"]
    assert (error["reason"], error["metadata"]) == ("NOT_IN_FORCE", {"revision_in_force": "7"})
    assert len(service.requests) == 1


def test_a_producer_is_shown() -> None:
    assert re.search(r"Next sequence 下一序号 +5", page("producer", "W01"))
    assert "nothing of it is stored" in page("producer", "nobody")


@pytest.mark.parametrize(
    "arguments",
    [
        ("lots", "close", "--lot", LOT),
        ("lots", "close", "--lot", LOT, "--received", "1", "--tested", "1", "--by", "me"),
        ("lots", "close", "--lot", LOT, "--received", "1", "--tested", "1", "--supersedes", "7"),
        ("lots", "close", "--lot", LOT, "--received", "1", "--tested", "1", "--closed-at", "now"),
        ("lots", "certify", "--lot", LOT),
        ("lots", "object", "--lot", LOT, "--objection", "O-1"),
        ("lots", "object", "--lot", LOT, "--objection", "O-1", "--decision", "upheld"),
        (
            *("lots", "object", "--lot", LOT, "--objection", "O-1", "--raised-by", "owner"),
            *("--decided-at", "2016-11-20"),
        ),
        ("lots", "list", "--state", "lost"),
        ("lots", "list", "--older-than", "10"),
        ("conflicts", "keep", "8/17", "--by", "bureau"),
        ("conflicts", "keep", *DECIDED),
        ("conflicts", "keep", "8/17", "--reason", "other", "--by", "bureau"),
        ("conflicts", "--state", "lost"),
        ("withdraw", *DECIDED),
        ("withdraw", "--lot", LOT, "--bale", BALE, "--revision-in-force", "7", *DECIDED),
        ("withdraw", "--bale", "2006/1", "--crop-year", "2007", *DECIDED),
        ("correct", BALE, "--revision-in-force", "7", *DECIDED),
        ("correct", BALE, "28.5", "--revision-in-force", "7", *DECIDED),
        ("correct", BALE, "bale_code=1", "--revision-in-force", "7", *DECIDED),
        ("correct", BALE, "length=long", "--revision-in-force", "7", *DECIDED),
        ("correct", BALE, "length=1", "length=2", "--revision-in-force", "7", *DECIDED),
        ("watch", "--kind", "lost"),
        ("watch", "--where", "colour=31"),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2(service: Service, arguments: tuple[str, ...]) -> None:
    """Before anything is sent."""
    assert cotton(*arguments).exit_code == Exit.USAGE
    assert service.requests == []


def test_changes_are_told_side_by_side() -> None:
    """Only what differs, and how far everything has been told."""
    result = cotton("watch", "--until-now", "--from", "3")
    assert result.exit_code == Exit.OK
    assert re.search(r"revision 4 +lot 65140161077 +final", result.stdout)
    assert re.search(r"bales +3 +4", result.stdout)
    assert re.search(r"length mean +28\.03 +28\.04", result.stdout)
    assert re.search(r"mark +— +3128B", result.stdout)
    assert "revision 3 " not in result.stdout
    assert "Told up to revision 6." in result.stderr


def test_changes_are_told_to_programs(service: Service) -> None:
    """A line a change and a line a revision told; both certificates whole."""
    text = CLI_PAGE.read_text(encoding="utf-8")
    result = cotton("watch", "--until-now", "--kind", "new,final", "--where", "gin=65140", "--json")
    told = lines(result.stdout)
    assert [(each["event"], each["revision"]) for each in told] == [
        *[(event, revision) for revision in (3, 4, 5) for event in ("change", "told")],
        ("told", 6),
    ]
    assert told[0]["before"] is None
    assert told[2]["before"]["bales"] == 3
    assert {"field": "bales", "before": "3", "after": "4"} in told[2]["differences"]
    assert all(f"`{name}`" in text for each in told for name in each)
    assert len(service.requests[0].kinds) == 2
    bare = lines(cotton("watch", "--until-now", "--without-figures", "--json").stdout)
    assert "differences" not in bare[0]


def test_a_watch_outlives_a_restart(service: Service) -> None:
    """It says that it waits, and goes on after the last revision told."""
    service.break_at = 5
    result = cotton("watch", "--until-now", "--json")
    changes = [each["revision"] for each in lines(result.stdout) if each["event"] == "change"]
    assert changes == [3, 4, 5]
    assert [request.from_revision for request in service.requests] == [0, 4]
    assert "Trying again" in result.stderr


def test_a_state_file_goes_on_where_it_was(service: Service, tmp_path: Path) -> None:
    """--from counts only while the file is not there."""
    path = tmp_path / "told"
    command = ("watch", "--until-now", "--from", "3", "--state", path, "--json")
    assert [each["revision"] for each in lines(cotton(*command).stdout)] == [4, 4, 5, 5, 6]
    assert path.read_text(encoding="ascii") == "6\n"
    assert cotton(*command).stdout == ""
    assert [request.from_revision for request in service.requests] == [3, 6]


def test_a_state_file_holds_what_was_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The revision is kept after its message was printed; where that fails, the one before is."""
    path = tmp_path / "told"
    kept_when_printed: list[tuple[int, int | None]] = []
    print_line = watch._line

    def spy(data: dict[str, Any]) -> None:
        if data["event"] == "change":
            kept_when_printed.append((data["revision"], WatchState(path).read()))
            if data["revision"] == 5:
                raise OSError(28, "No space left on device")
        print_line(data)

    monkeypatch.setattr(watch, "_line", spy)
    assert cotton("watch", "--until-now", "--state", path, "--json").exit_code == Exit.UNEXPECTED
    assert kept_when_printed == [(3, None), (4, 3), (5, 4)]
    assert WatchState(path).read() == 4
    assert {each.name for each in tmp_path.iterdir()} == {"told", "told.lock"}


def test_a_state_file_of_something_else_is_left_alone(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "told"
    path.write_text("revision 3\n", encoding="ascii")
    result = cotton("watch", "--until-now", "--state", path)
    assert result.exit_code == Exit.BAD_INPUT
    assert path.read_text(encoding="ascii") == "revision 3\n"
    assert service.requests == []


def test_one_process_goes_by_a_state_file(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "told"
    with WatchState(path).held():
        result = cotton("watch", "--until-now", "--state", path, "--json")
    assert result.exit_code == Exit.USAGE
    assert json.loads(result.stderr)["error"]["reason"] == "STATE_IN_USE"
    assert service.requests == []


@pytest.mark.parametrize("as_json", [False, True])
def test_an_interrupted_watch_says_where_to_resume(
    service: Service, target: str, as_json: bool
) -> None:
    """Ctrl-C exits 130; everything told until then was printed."""
    command = [sys.executable, "-m", "cotton_client.cli", "--server", target, "watch"]
    with subprocess.Popen(
        [*command, *(["--json"] if as_json else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert service.following.wait(20)
        text = ""
        while "revision 5" not in text and '"told", "revision": 6' not in text:
            text += process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=20)
    assert process.returncode == Exit.INTERRUPTED
    if as_json:
        error = json.loads(said)["error"]
        assert (error["reason"], error["metadata"]) == ("INTERRUPTED", {"revision": "6"})
        assert rest == ""
    else:
        assert re.search(r"Told up to revision [56]\. Go on with `.* watch --from [56]`\.", said)
        assert "Traceback" not in said
