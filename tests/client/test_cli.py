"""The command `cotton` against a service with fixed answers: output, exit codes, errors."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import grpc
import pytest
from click.testing import CliRunner
from cotton.inspection.v1 import (
    ingest_pb2,
    ingest_pb2_grpc,
    lots_pb2,
    lots_pb2_grpc,
    readings_pb2,
    summary_pb2,
    summary_pb2_grpc,
    trace_pb2,
    trace_pb2_grpc,
)
from cotton_client import errors, frames, samples
from cotton_client.cli import (
    document,
    failures,
    filters,
    invocation,
    main,
    options,
    output,
    program,
    progress,
)
from cotton_client.cli import lots as lots_command
from cotton_client.cli import send as send_command
from cotton_client.cli import summary as summary_command
from cotton_client.cli.exits import Exit
from cotton_client.retry import RetryPolicy
from cotton_client.upload import UploadTotals
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result
    from cotton_client import CottonClient

ROOT = Path(__file__).resolve().parents[2]
CLI_PAGE = ROOT / "docs" / "cli.md"
WAIT_S_MAX = 20
"""For a process to start, or to end."""

HEARD_S_MAX = 10
REAL_LOT = Path(__file__).with_name("test_render_real_lot.json")
READINGS = "bale_code,lot_no,length\n" + "".join(
    f"32651401611141221550000121{number:06d},65140161077,28.2\n" for number in range(10)
)


@dataclass
class Service(
    ingest_pb2_grpc.IngestServiceServicer,
    lots_pb2_grpc.LotServiceServicer,
    summary_pb2_grpc.SummaryServiceServicer,
    trace_pb2_grpc.TraceServiceServicer,
):
    """Creates whatever it is sent; rejects bales whose code ends with `reject`."""

    requests: list[Any] = field(default_factory=list)
    producers: set[str] = field(default_factory=set)
    reject: str = "none"
    stall_after: int | None = None
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    lot_outcome: lots_pb2.LotOutcome.ValueType = lots_pb2.LOT_OUTCOME_CREATED

    def AppendReadings(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Every batch is answered."""
        for request in request_iterator:
            answer = ingest_pb2.AppendReadingsResponse(revision=1)
            if request.WhichOneof("request") == "open":
                self.producers.add(request.open.producer_id)
                answer.opened.next_sequence = 1
            else:
                if len(self.requests) == self.stall_after:
                    self.stalled.set()
                    self.go_on.wait(WAIT_S_MAX)
                self.requests.append(request.batch)
                answer.result.CopyFrom(self.result(request.batch))
            yield answer

    def result(self, batch: readings_pb2.ReadingBatch) -> ingest_pb2.BatchResult:
        """The outcome of a batch."""
        result = ingest_pb2.BatchResult(revision=len(self.requests), batch_id=batch.batch_id)
        lows = batch.columns.bale_code_low or [
            int(reading.bale_code[16:]) for reading in batch.rows.readings
        ]
        result.outcome.received = len(lows)
        for row, low in enumerate(lows):
            if str(low).endswith(self.reject):
                result.outcome.rejected += 1
                result.outcome.outcomes.add(
                    row=row, outcome=readings_pb2.OUTCOME_REJECTED, bale=str(low)
                )
            else:
                result.outcome.created += 1
        return result

    def SubmitReadings(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """One batch."""
        return ingest_pb2.SubmitReadingsResponse(result=self.result(request.batch))

    def RegisterLots(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Answers every lot with the same outcome."""
        self.requests.append(request)
        return lots_pb2.RegisterLotsResponse(revision=4, outcome=self.outcome(len(request.lots)))

    def RecordLotWeights(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Answers every weight with the same outcome."""
        self.requests.append(request)
        return lots_pb2.RecordLotWeightsResponse(
            revision=5, outcome=self.outcome(len(request.weights))
        )

    def outcome(self, received: int) -> lots_pb2.LotsOutcome:
        """All created, or all conflicting."""
        if self.lot_outcome == lots_pb2.LOT_OUTCOME_CREATED:
            return lots_pb2.LotsOutcome(received=received, created=received)
        results = [lots_pb2.LotResult(row=row, outcome=self.lot_outcome) for row in range(received)]
        return lots_pb2.LotsOutcome(received=received, conflicting=received, results=results)

    def GetLotCertificate(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Knows the real lot only; any other number is not found, and 0 is refused."""
        self.requests.append(request)
        answer = json_format.Parse(
            REAL_LOT.read_text(encoding="utf-8"), summary_pb2.GetLotCertificateResponse()
        )
        if request.lot_no == answer.lot.lot_no:
            return answer
        code = (
            grpc.StatusCode.INVALID_ARGUMENT if request.lot_no == "0" else grpc.StatusCode.NOT_FOUND
        )
        status = status_pb2.Status(code=code.value[0], message=f"Lot {request.lot_no}.")
        violation = error_details_pb2.BadRequest.FieldViolation(
            field="lot_no", description="is not 11 digits"
        )
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(code, status.message)
        raise AssertionError("abort returned")

    def SummariseGrades(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """An empty summary."""
        self.requests.append(request)
        return summary_pb2.SummariseGradesResponse(revision=6, weighting="bales")

    def GetBale(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """A bale with the name that was asked for."""
        self.requests.append(request)
        answer = trace_pb2.GetBaleResponse(revision=8)
        if request.WhichOneof("bale") == "usda_bale":
            answer.reading.usda_bale.CopyFrom(request.usda_bale)
        else:
            answer.reading.bale_code = request.bale_code
        return answer


@pytest.fixture
def service() -> Service:
    """The service that the commands talk to."""
    return Service()  # type: ignore[abstract]  # methods that no test calls are inherited


@pytest.fixture
def target(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the service, told to the commands as an operator does."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    ingest_pb2_grpc.add_IngestServiceServicer_to_server(service, server)
    lots_pb2_grpc.add_LotServiceServicer_to_server(service, server)
    summary_pb2_grpc.add_SummaryServiceServicer_to_server(service, server)
    trace_pb2_grpc.add_TraceServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("COTTON_SERVER", f"127.0.0.1:{port}")
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that give up at once."""
    monkeypatch.setattr(options, "READ_RETRY", RetryPolicy(0, 0))
    monkeypatch.setattr(options.Connection.ask, "__defaults__", (RetryPolicy(0, 0),))


def cotton(*arguments: str | Path) -> Result:
    """Runs the command line."""
    return CliRunner().invoke(main, [str(each) for each in arguments], prog_name="cotton")


def printed(result: Result) -> Any:
    """The JSON on standard output of a run that ended well."""
    assert result.exit_code in {Exit.OK, Exit.INCOMPLETE}, result.stderr
    return json.loads(result.stdout)


def refused(result: Result, code: Exit) -> dict[str, Any]:
    """The JSON error of a run that ended with this code, and nothing else."""
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    error: dict[str, Any] = json.loads(result.stderr)["error"]
    assert error["reason"]
    assert error["message"]
    assert error["remedy"]
    return error


def test_the_page_of_commands_is_up_to_date() -> None:
    """docs/cli.md holds every command's --help as it is."""
    text = CLI_PAGE.read_text(encoding="utf-8")
    assert document.with_help_texts(text) == text, "run: make docs"


def test_the_page_of_commands_lists_every_exit_code() -> None:
    """The table has the codes of the program, no more and no fewer."""
    text = CLI_PAGE.read_text(encoding="utf-8").split("## Exit codes")[1].split("## ")[0]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert codes == {int(code) for code in Exit}


def test_the_page_of_commands_names_every_field_of_json(target: str) -> None:
    """A field that is printed is described."""
    text = CLI_PAGE.read_text(encoding="utf-8")
    assert target

    def names(data: Any) -> Iterator[str]:
        if isinstance(data, dict):
            for name, value in data.items():
                yield name
                yield from names(value)
        elif isinstance(data, list):
            for value in data:
                yield from names(value)

    runs = (
        cotton("lot", samples.real_lot().lot_no, "--json"),
        cotton("summary", "--json"),
        cotton("bale", "1" * 32, "--json"),
        cotton("send", samples.real_bale().readings, "--json"),
        cotton("lots", "register", samples.real_bale().lots, "--json"),
        cotton("simulate", "--lots", "3", "--send", "--json"),
    )
    for result in runs:
        assert "revision" in printed(result)
        missing = {name for name in names(printed(result)) if f"`{name}`" not in text}
        assert not missing


def test_a_default_reason_of_every_error_is_on_the_page() -> None:
    """Programs find each reason that the client gives of itself."""
    text = CLI_PAGE.read_text(encoding="utf-8")

    def kinds(kind: type[errors.CottonError]) -> Iterator[type[errors.CottonError]]:
        for each in kind.__subclasses__():
            yield each
            yield from kinds(each)

    for kind in kinds(errors.CottonError):
        assert f"`{kind.reason_default}`" in text, kind


@pytest.mark.parametrize("group", [main, lots_command.command], ids=["cotton", "cotton lots"])
def test_the_list_of_commands_says_of_each_what_it_says_itself(group: click.Command) -> None:
    """The lines that need no import are the commands' own first lines."""
    assert isinstance(group, program.Program)
    context = click.Context(group)
    for name, (_, line) in group.lazy_commands.items():
        command = group.get_command(context, name)
        assert command is not None
        assert (command.name, command.get_short_help_str(200)) == (name, line)


def test_help_comes_without_loading_polars_or_grpc() -> None:
    """`cotton --help` is quick."""
    code = (
        "import sys; from cotton_client.cli import main; "
        "main(['--help'], standalone_mode=False); "
        "sys.exit(bool({'polars', 'grpc', 'numpy', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_certificate_is_printed_for_people(target: str) -> None:
    """The server may be named before or after the command."""
    for arguments in (["--server", target, "lot"], ["lot", "--server", target]):
        result = cotton(*arguments, samples.real_lot().lot_no)
        assert result.exit_code == Exit.OK
        assert "42 579 kg" in result.stdout
        assert result.stderr == ""


@pytest.mark.usefixtures("target")
def test_a_certificate_is_printed_for_programs(service: Service) -> None:
    """Revision and digits of shares go to the service as given."""
    data = printed(
        cotton(
            "lot", samples.real_lot().lot_no, "--json", "--revision", "5", "--share-decimals", "2"
        )
    )
    assert data["weight"]["conditioned_kg"] == "42579"
    (request,) = service.requests
    assert (request.revision, request.share_decimals, request.as_of_us) == (5, 2, 0)


@pytest.mark.usefixtures("target")
def test_a_certificate_as_of_a_day_is_asked_for_at_its_end_in_china(service: Service) -> None:
    """The service, not the client, finds the revision."""
    lot_no = samples.real_lot().lot_no
    for text in ("2024-11-01", "2024-11-01T23:59:59.999999", "2024-11-01T15:59:59.999999Z"):
        printed(cotton("lot", lot_no, "--json", "--as-of", text))
    asked = {(request.revision, request.as_of_us) for request in service.requests}
    assert asked == {(0, 1_730_476_799_999_999)}
    printed(cotton("lot", lot_no, "--json", "--as-of", "2024-11-01", "--revision", "0"))


@pytest.mark.usefixtures("target")
def test_what_is_not_stored_exits_7_and_what_is_refused_4() -> None:
    """Text and JSON tell the two apart; the fields at fault are named."""
    assert refused(cotton("lot", "65140161099", "--json"), Exit.NOT_FOUND)["reason"] == "NOT_FOUND"
    result = cotton("lot", "0")
    assert result.exit_code == Exit.REFUSED
    assert "lot_no: is not 11 digits" in result.stderr
    assert "What to do: " in result.stderr


@pytest.mark.usefixtures("impatient")
def test_a_server_that_is_not_there_exits_5() -> None:
    """It says where nothing answers and what to do."""
    result = cotton("--server", "127.0.0.1:1", "lot", "1")
    assert result.exit_code == Exit.UNAVAILABLE
    assert "Nothing answers at 127.0.0.1:1." in result.stderr
    refused(cotton("--server", "127.0.0.1:1", "lot", "1", "--json"), Exit.UNAVAILABLE)


@pytest.mark.parametrize(
    "arguments",
    [
        ["lot"],
        ["nothing"],
        ["lot", "1", "--revision", "-1"],
        ["lot", "1", "--as-of", "soon"],
        ["lot", "1", "--as-of", "2024-11-01", "--revision", "3"],
        ["lot", "1", "--revision", "3", "--as-of", "2024-11-01"],
        ["--server", "nowhere", "lot", "1"],
        ["--server", "10.0.0.5:1", "lot", "1"],
        ["summary", "--by", "colour"],
        ["summary", "--by", "gin,gin"],
        ["summary", "--where", "2016"],
        ["summary", "--where", "season=2019/21"],
        ["summary", "--where", "season=x/20"],
        ["bale", "2006/960891871766", "--crop-year", "2007"],
        ["lots", "weigh"],
        ["lots", "weigh", "--lot", "1", "--gross", "1.234", "--tare", "0"],
        ["lots", "weigh", "--lot", "1", "--gross", "NaN", "--tare", "0"],
        ["lots", "weigh", "--lot", "1", "--gross", "1e400", "--tare", "0"],
        ["lots", "weigh", "file.csv", "--lot", "1"],
        ["simulate", "--lots", "3"],
        ["simulate", "--lots", "2", "--warehouses", "3", "--send"],
        ["serve", "--listen", "nowhere"],
    ],
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    """As text and as JSON, and never with a traceback."""
    result = cotton(*arguments)
    assert result.exit_code == Exit.USAGE
    assert "Error: " in result.stderr
    if arguments[0] != "serve":
        refused(cotton(*arguments, "--json"), Exit.USAGE)


@pytest.mark.usefixtures("target")
def test_a_file_is_sent_and_counted(service: Service, tmp_path: Path) -> None:
    """The warehouse is the producer; batches are as large as asked for."""
    path = tmp_path / "readings.csv"
    path.write_text(READINGS, encoding="utf-8")
    result = cotton("send", path, "--warehouse", "W-1", "--batch-bales", "4")
    assert result.exit_code == Exit.OK
    assert "10 bales received · 10 created" in result.stdout
    assert service.producers == {"W-1"}
    assert [batch.columns.count for batch in service.requests] == [4, 4, 2]
    data = printed(cotton("send", path, path, "--rows", "--json"))
    assert (data["received"], len(data["files"])) == (20, 2)
    assert service.requests[-1].WhichOneof("readings") == "rows"


def test_a_message_that_is_too_large_names_the_option(tmp_path: Path) -> None:
    """Whether the client or the server found it too large."""
    for reason in ("MESSAGE_TOO_LARGE", "BATCH_TOO_LARGE"):
        error = errors.InputError("x", reason=reason)
        send_command._name_what_is_stored(error, tmp_path, UploadTotals())
        assert "--batch-bales" in error.remedy


@pytest.mark.usefixtures("target")
def test_rejected_bales_exit_6(service: Service, tmp_path: Path) -> None:
    """The others are stored, and the page lists what was not."""
    service.reject = "7"
    path = tmp_path / "readings.csv"
    path.write_text(READINGS, encoding="utf-8")
    result = cotton("send", path)
    assert result.exit_code == Exit.INCOMPLETE
    assert "9 created · 1 rejected" in result.stdout
    assert printed(cotton("send", path, "--json"))["files"][0]["issues"][0]["record"] == 8


@pytest.mark.usefixtures("target")
def test_a_file_that_cannot_be_read_exits_3(tmp_path: Path) -> None:
    """Missing, empty, a directory, or wrong in a line: each is named with its place."""
    empty, bad = tmp_path / "empty.csv", tmp_path / "bad.csv"
    empty.touch()
    bad.write_text(READINGS + "32651401611141221550000121999999,65140161077,NaN\n", "utf-8")
    for path in (tmp_path / "missing.csv", empty, tmp_path):
        assert refused(cotton("send", path, "--json"), Exit.BAD_INPUT)["reason"] == "INVALID_FILE"
    error = refused(cotton("send", bad, "--json", "--batch-bales", "5"), Exit.BAD_INPUT)
    assert error["metadata"]["line"] == "12"
    assert error["metadata"]["file"] == str(bad)
    assert "sending the file again does not count them twice" in error["remedy"] or (
        error["metadata"]["bales_acknowledged"] == "0"
    )
    assert refused(cotton("send", bad, "--json", "--producer", "仓库"), Exit.BAD_INPUT)


@pytest.mark.usefixtures("target")
def test_lots_are_registered_and_weighed(service: Service) -> None:
    """From files, and a single weight from options, in exact hundredths."""
    sample = samples.real_lot()
    assert sample.weights is not None
    assert "1 lot received" in cotton("lots", "register", sample.lots).stdout
    assert "1 weight received" in cotton("lots", "weigh", sample.weights).stdout
    single = ("--lot", "65140161077", "--gross", "42620", "--tare", "246.5", "--regain", "8.2")
    data = printed(cotton("lots", "weigh", *single, "--resolution", "0.1", "--json"))
    assert (data["revision"], data["created"]) == (5, 1)
    weight = service.requests[-1].weights[0]
    assert (weight.gross, weight.tare, weight.regain, weight.resolution) == (
        4262000,
        24650,
        820,
        10,
    )
    assert not weight.HasField("trash")


@pytest.mark.usefixtures("target")
def test_lots_that_conflict_exit_6(service: Service) -> None:
    """The record is named by its place from 1."""
    service.lot_outcome = lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT
    result = cotton("lots", "register", samples.real_lot().lots, "--json")
    assert result.exit_code == Exit.INCOMPLETE
    assert printed(result)["results"][0]["record"] == 1


def test_words_of_the_contract_are_filtered_by_as_they_are_printed() -> None:
    """Lower case for users, capitals on the wire; names stay as they are."""
    parsed = filters.parse_filters(["cotton_type=saw_ginned_upland,gin=Ab,channel="])
    assert parsed == {
        summary_pb2.SUMMARY_KEY_COTTON_TYPE: ["SAW_GINNED_UPLAND"],
        summary_pb2.SUMMARY_KEY_GIN: ["Ab"],
        summary_pb2.SUMMARY_KEY_CHANNEL: [""],
    }


@pytest.mark.usefixtures("target")
def test_a_summary_asks_for_keys_and_filters(service: Service) -> None:
    """Words become keys; commas part both values and filters."""
    result = cotton(
        "summary", "--by", "division,cotton-type", "--where", "season=2016,2017,gin=65140"
    )
    assert result.exit_code == Exit.OK
    (request,) = service.requests
    assert list(request.keys) == [
        summary_pb2.SUMMARY_KEY_DIVISION,
        summary_pb2.SUMMARY_KEY_COTTON_TYPE,
    ]
    assert [(each.key, list(each.values)) for each in request.filters] == [
        (summary_pb2.SUMMARY_KEY_SEASON, ["2016", "2017"]),
        (summary_pb2.SUMMARY_KEY_GIN, ["65140"]),
    ]


@pytest.mark.parametrize("season", ["2019", "2019/20", "2019/2020"])
def test_a_season_is_named_as_the_certificate_prints_it(season: str) -> None:
    """Or by the year in which it begins."""
    assert filters.parse_filters([f"season={season}"]) == {summary_pb2.SUMMARY_KEY_SEASON: ["2019"]}


@pytest.mark.usefixtures("target")
def test_a_filter_that_matches_nothing_is_said() -> None:
    """And is no error."""
    result = cotton("summary", "--where", "season=2019/20")
    assert result.exit_code == Exit.OK
    assert "No lot matches season=2019/20." in result.stdout
    assert printed(cotton("summary", "--where", "season=2019/20", "--json"))["rows"] == []


@pytest.mark.parametrize("column", ["cotton_type", "picking_mode", "channel"])
def test_the_values_of_a_column_of_words_are_listed(column: str) -> None:
    """--help of `lots register` and the page of commands name each."""
    help_text = " ".join(cotton("lots", "register", "--help").output.split())
    page = CLI_PAGE.read_text(encoding="utf-8")
    listed = [name.lower() for name in frames.ENUM_NAMES[column]]
    assert f"Values of {column}: {', '.join(listed)}" in help_text
    assert f"| `{column}` | {', '.join(f'`{name}`' for name in listed)} |" in page


def test_hints_name_the_command_as_it_was_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`cotton` where the shell finds it by that name, else its path or module."""
    script = tmp_path / "cotton"
    script.write_text("#!/bin/sh\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(script)])
    assert invocation.as_started("(`cotton serve`)") == f"(`{script} serve`)"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert invocation.started_as() == "cotton"
    monkeypatch.setattr(sys, "argv", ["cotton"])
    assert invocation.started_as() == "cotton"
    monkeypatch.setattr(sys, "argv", [str(Path(invocation.__file__).with_name("__main__.py"))])
    assert invocation.started_as() == f"{sys.executable} -m cotton_client.cli"


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (errors.ConfigurationError("x", reason="PLAINTEXT_REFUSED"), "--allow-plaintext"),
        (
            errors.InvalidRequest("x", violations=[errors.FieldViolation("bale.bale_code", "y")]),
            "Check the number.",
        ),
    ],
)
def test_what_to_do_is_said_in_terms_of_the_command(
    error: errors.CottonError, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A user of the command has options, not credentials or fields."""
    for as_json in (False, True):
        failures.report(error, as_json=as_json, with_traceback=False)
        assert remedy in capsys.readouterr().err


def test_every_key_of_the_contract_can_be_named() -> None:
    """--help names them all."""
    assert set(filters.KEYS.values()) == set(summary_pb2.SummaryKey.values()) - {0}
    help_text = summary_command.command.help or ""
    assert all(word in help_text for word in filters.KEYS)


@pytest.mark.usefixtures("target")
def test_a_bale_is_named_in_three_ways(service: Service) -> None:
    """32 digits, YEAR/ID, and an id with --crop-year."""
    assert cotton("bale", "1" * 32).exit_code == Exit.OK
    assert cotton("bale", "2006/960891871766").exit_code == Exit.OK
    assert cotton("bale", "960891871766", "--crop-year", "2006").exit_code == Exit.OK
    assert service.requests[0].bale_code == "1" * 32
    assert service.requests[1] == service.requests[2]


@pytest.mark.usefixtures("target")
def test_a_simulation_is_written_and_sent(service: Service, tmp_path: Path) -> None:
    """The files are those that the other commands read; every warehouse is a producer."""
    data = printed(cotton("simulate", "--lots", "3", "--out", tmp_path, "--send", "--json"))
    assert data["sent"]["created"] == data["bales"]
    assert len(service.producers) == 3
    for path in data["files"]:
        assert Path(path).stat().st_size
    assert cotton("send", *tmp_path.glob("readings-*.csv")).exit_code == Exit.OK
    assert cotton("lots", "register", tmp_path / "lots.csv").exit_code == Exit.OK
    assert cotton("lots", "weigh", tmp_path / "weights.csv").exit_code == Exit.OK


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.Unavailable("x"), Exit.UNAVAILABLE),
        (errors.DeadlineExceeded("x"), Exit.UNAVAILABLE),
        (errors.NotFound("x"), Exit.NOT_FOUND),
        (errors.OutOfSequence("x"), Exit.REFUSED),
        (errors.ServerFault("x"), Exit.REFUSED),
        (errors.SpoolBusy("x"), Exit.UNAVAILABLE),
        (errors.SpoolFull("x"), Exit.REFUSED),
        (errors.SpoolError("x"), Exit.UNEXPECTED),
        (errors.InputError("x"), Exit.BAD_INPUT),
        (errors.ConfigurationError("x"), Exit.USAGE),
        (errors.ContractViolation("x"), Exit.UNEXPECTED),
        (PermissionError(13, "Permission denied", "there"), Exit.UNEXPECTED),
        (RuntimeError("x"), Exit.UNEXPECTED),
        (ExceptionGroup("both", [errors.NotFound("x"), ValueError()]), Exit.NOT_FOUND),
        (click.exceptions.Abort(), Exit.INTERRUPTED),
    ],
)
def test_every_error_has_its_exit_code(
    error: Exception, code: Exit, capsys: pytest.CaptureFixture[str]
) -> None:
    """And something on standard error that is no traceback."""
    assert failures.report(error, as_json=False, with_traceback=False) == code
    text = capsys.readouterr().err
    assert text
    assert "Traceback" not in text


def test_an_interrupt_is_heard_whichever_thread_takes_it(target: str) -> None:
    """While nothing else happens: a command that waits is not awake to look for it."""
    begun = time.monotonic()

    async def wait(_client: CottonClient) -> None:
        interrupting.start()
        await asyncio.sleep(HEARD_S_MAX)

    def interrupt() -> None:
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    interrupting = threading.Thread(target=interrupt)
    woken_by = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(woken_by)
    with pytest.raises(failures.Interrupted):
        options.Connection(target, allow_plaintext=False).ask(wait)
    assert time.monotonic() - begun < HEARD_S_MAX
    assert signal.set_wakeup_fd(woken_by) == woken_by


@pytest.mark.parametrize("as_json", [False, True])
def test_an_interrupted_upload_says_what_is_stored(
    service: Service, target: str, tmp_path: Path, as_json: bool
) -> None:
    """Ctrl-C exits 130 with one message, JSON where JSON was asked for."""
    service.stall_after = 2
    path = tmp_path / "readings.csv"
    path.write_text(READINGS, encoding="utf-8")
    command = [sys.executable, "-m", "cotton_client.cli", "--server", target, "send", str(path)]
    with subprocess.Popen(
        [*command, "--batch-bales", "4", *(["--json"] if as_json else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert service.stalled.wait(WAIT_S_MAX)
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=WAIT_S_MAX)
    service.go_on.set()
    assert (process.returncode, printed) == (Exit.INTERRUPTED, ""), said
    if as_json:
        # Notices may come before it, of a server that was slow to answer.
        *notices, error = [json.loads(line) for line in said.splitlines()]
        assert all(each.keys() == {"notice"} for each in notices), said
        error = error["error"]
        assert error["reason"] == "INTERRUPTED"
        # How many answers were heard before the signal is up to the machine.
        assert error["metadata"]["bales_acknowledged"] in {"0", "4", "8"}
    else:
        assert f"Error: {path}: Interrupted.\nWhat to do: Run it again" in said


def test_every_reason_of_the_client_has_its_exit_code_on_the_page() -> None:
    """Those that the page lists as its own are in the table, each once."""
    text = CLI_PAGE.read_text(encoding="utf-8")
    listed = text.partition("Reasons that the client itself gives:")[2].partition(". All")[0]
    table = "".join(re.findall(r"\n\| \d+ \| (`[A-Z].*) \|", text))
    reasons = re.findall(r"`([A-Z_]+)`", listed)
    assert len(reasons) > 20
    assert {each: table.count(f"`{each}`") for each in reasons} == dict.fromkeys(reasons, 1)


def test_an_attempt_that_is_repeated_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A note an outage, not one for every attempt; another reason is another note."""
    notes = progress.RetryNotes(output.note_console())
    for error in ("Nothing answers.", "Nothing answers.", "It is starting."):
        notes(errors.Unavailable(error), 0.1)
    assert capsys.readouterr().err == (
        "Nothing answers. Trying again …\nIt is starting. Trying again …\n"
    )


def test_an_attempt_that_is_repeated_is_a_line_of_json_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    notes = progress.RetryNotes(output.note_console(), as_json=True)
    notes(errors.Unavailable("The server is away."), 1.0)
    line = json.loads(capsys.readouterr().err)
    assert line == {"notice": "The server is away. Trying again …"}


def test_a_traceback_is_shown_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """For reports of errors that should not happen."""
    failures.report(RuntimeError("x"), as_json=False, with_traceback=True)
    assert "RuntimeError" in capsys.readouterr().err
