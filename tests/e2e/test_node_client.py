"""The Node client against the real server: the contract is for every language."""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import google.rpc
import polars as pl
import pytest
from cotton.inspection.v1 import readings_pb2
from cotton_client import samples
from cotton_client.cli.exits import Exit
from cotton_client.encode import encode_rows
from cotton_client.readers import read_readings, readings_csv

from tests.support.bales import LOT, code
from tests.support.calls import Calls
from tests.support.server import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.support.server import Server, Servers

CLIENT = ROOT / "clients" / "node"
REAL_LOT = Path(str(samples.__file__)).parent / "real_lot" / "readings.csv"
REAL_BALES = 186
RUN_S_MAX = 90
COUNTS = (
    "created",
    "existing",
    "conflicting",
    "rejected",
    "superseded",
    "corrected",
    "retested",
)


@dataclass(frozen=True)
class Ran:
    """A run of the client: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> dict[str, Any]:
        """What it printed under --json."""
        answer: dict[str, Any] = json.loads(self.out)
        return answer


@pytest.fixture(scope="module")
def node() -> str:
    """The command node, with the client's packages in place; a test fails without them."""
    found = shutil.which("node")
    if found is None:
        pytest.fail(
            "node is not on the path: these tests run the client in clients/node."
            " On Debian and Ubuntu: apt-get install nodejs npm."
        )
    if not (CLIENT / "node_modules" / ".ready").exists():
        pytest.fail("clients/node lacks its packages: run `make node`.")
    return found


def command(node: str, server: str, path: Path, *options: str) -> list[str]:
    """The command line of the client."""
    script = str(CLIENT / "send.mjs")
    return [node, script, str(path), "--server", server, "--producer", "W-01", *options]


def ran(node: str, *arguments: str, cwd: Path = ROOT) -> Ran:
    """What became of a run of node."""
    done = subprocess.run(
        [node, *arguments],
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=RUN_S_MAX,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def send(node: str, server: Server, path: Path, *options: str) -> Ran:
    """Sends a file."""
    _, *arguments = command(node, server.address, path, *options)
    return ran(node, *arguments)


def counts(answer: Mapping[str, Any]) -> dict[str, int]:
    """The counts that are not zero; they add up to what was received."""
    assert sum(answer[name] for name in COUNTS) == answer["received"]
    return {name: answer[name] for name in COUNTS if answer[name]}


def written(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    """A CSV file of the rows; each has the same columns."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def readings(bales: int) -> list[dict[str, str]]:
    """Rows of so many bales of LOT."""
    return [
        {
            "bale_code": code(number),
            "lot_no": LOT,
            "length": f"28.{number % 100:02d}",
            "micronaire": "4.2",
        }
        for number in range(bales)
    ]


def bales_of(server: Server) -> tuple[int, int]:
    """Bales in a summary of all lots, and in the certificate of LOT."""
    with server.channel() as channel:
        calls = Calls(channel)
        return calls.summarise().total.bales, calls.certificate(LOT).bales


def test_the_unit_tests_of_the_client_pass(node: str) -> None:
    done = ran(node, "--test", "--test-reporter=tap", cwd=CLIENT)
    assert done.code == 0, done.out
    passed = re.search(r"^# pass (\d+)$", done.out, re.MULTILINE)
    assert passed is not None
    assert int(passed[1]) > 0
    assert "\n# skipped 0\n" in done.out


def test_a_real_lot_is_created_once(node: str, servers: Servers) -> None:
    """The first run creates every bale, the second is answered as the first was."""
    server = servers.start()
    first = send(node, server, REAL_LOT, "--json")
    assert first.code == Exit.OK, first.err
    assert counts(first.answer) == {"created": REAL_BALES}
    assert (first.answer["batches"], first.answer["repeated_batches"]) == (1, 0)

    again = send(node, server, REAL_LOT, "--json")
    assert again.code == Exit.OK, again.err
    assert counts(again.answer) == {"created": REAL_BALES}
    assert (again.answer["batches"], again.answer["repeated_batches"]) == (1, 1)
    assert again.answer["revision"] == first.answer["revision"]

    # Other batches of the same bales are no repeat, and every bale in them exists.
    cut = send(node, server, REAL_LOT, "--json", "--batch-bales", "50")
    assert cut.code == Exit.OK, cut.err
    assert counts(cut.answer) == {"existing": REAL_BALES}
    assert (cut.answer["batches"], cut.answer["repeated_batches"]) == (4, 0)

    page = send(node, server, REAL_LOT)
    assert f"186 received = {REAL_BALES} created + 0 existing" in page.out
    assert page.err == ""


def test_both_clients_read_a_file_alike(node: str, tmp_path: Path) -> None:
    """A file with every column becomes the same rows in both clients."""
    texts = {
        **dict.fromkeys(readings_csv.PARSERS, "1"),
        "length": "28.05",
        "uniformity": "83.29",
        "strength": "+29.60",
        "micronaire": "4.150",
        "rd": "0.29",
        "plus_b": "-8",
        "preparation": "P2",
        "standard": "GB1103.1-2023",
        "laboratory": "实验室-7",
        "instrument": 'HVI "7", left',
        "inspected_at": "2016-11-20T12:00:00",
    }
    amendment = ("supersedes_revision", "reason", "note", "decided_by")
    none = dict.fromkeys(readings_csv.COLUMNS, "")
    bale = {**none, "bale_code": code(1), "lot_no": LOT}
    rows = [
        {**bale, **texts},
        {**bale, "rd": "80"},
        {**bale, "length": "28.2", "kind": "review", "inspected_at": "2016-11-20"},
        {
            **bale,
            "length": "28.2",
            "kind": "CORRECTION",
            **dict(zip(amendment, (str(2**53 + 1), "other", "样品混淆", "张三"), strict=True)),
        },
        {
            **none,
            "usda_bale_id": "000123456789",
            "crop_year": "2021",
            "length": "1.14",
            "inspected_at": "2021-11-20T23:59:59-06:00",
        },
    ]
    path = written(tmp_path / "all.csv", rows)
    script = """
        import { batchesOf } from "./lib/batches.mjs";
        import { encodeBatch } from "./lib/contract.mjs";
        import { readReadings } from "./lib/readings.mjs";
        for await (const { message } of batchesOf(readReadings(process.argv[1]), 500)) {
          console.log(Buffer.from(encodeBatch(message)).toString("hex"));
        }
    """
    done = ran(node, "--input-type=module", "--eval", script, str(path), cwd=CLIENT)
    assert done.code == 0, done.err
    batch = readings_pb2.ReadingBatch.FromString(bytes.fromhex(done.out.strip()))
    frame = pl.concat(read_readings(path))
    assert frame.height == len(rows)
    assert list(batch.rows.readings) == list(encode_rows(frame).readings)


def test_columns_are_those_of_the_command(node: str) -> None:
    """Both clients know the same columns of a file of readings."""
    script = (
        'import { PARSERS } from "./lib/fields.mjs";'
        "console.log(JSON.stringify([...PARSERS.keys()]));"
    )
    done = ran(node, "--input-type=module", "--eval", script, cwd=CLIENT)
    assert set(json.loads(done.out)) == set(readings_csv.COLUMNS)


def test_conflicting_and_rejected_bales_are_told(
    node: str, servers: Servers, tmp_path: Path
) -> None:
    """One line for every such bale, exit code 6, and all others are stored."""
    server = servers.start()
    rows = readings(6)
    assert send(node, server, written(tmp_path / "first.csv", rows[:4])).code == Exit.OK
    rows[1]["length"] = "28.99"
    rows[4]["micronaire"] = "99"
    path = written(tmp_path / "second.csv", rows)

    page = send(node, server, path)
    assert page.code == Exit.INCOMPLETE, page.err
    told = [line for line in page.out.splitlines() if line.startswith("line ")]
    assert len(told) == 2
    conflicting = f"line 3: {code(1)} conflicts, length: received 28.99, stored 28.01"
    assert told[0].startswith(conflicting)
    rejected = f"line 6: {code(4)} rejected, micronaire: received 99.00, above "
    assert told[1].startswith(rejected)
    assert "6 received = 1 created + 3 existing + 1 conflicting + 1 rejected" in page.out

    answer = send(node, server, path, "--json", "--batch-bales", "2")
    assert answer.code == Exit.INCOMPLETE
    assert counts(answer.answer) == {"existing": 4, "conflicting": 1, "rejected": 1}
    conflict, rejection = answer.answer["issues"]
    assert conflict["outcome"] == "exists_with_different_length"
    assert (conflict["record"], conflict["line"], conflict["bale"]) == (2, 3, code(1))
    assert (rejection["outcome"], rejection["rule"]) == ("rejected", "above")
    assert (rejection["record"], rejection["field"]) == (5, "micronaire")


def test_errors_say_what_to_do(node: str, servers: Servers, tmp_path: Path) -> None:
    """Each kind of error has its exit code, and the reason and remedy of whoever found it."""
    server = servers.start(batch_bales_max=5)
    path = written(tmp_path / "readings.csv", readings(6))
    refused = send(node, server, path)
    assert refused.code == Exit.REFUSED
    assert refused.err.startswith("Error (BATCH_TOO_LARGE): Batch 1 (lines 2 to 7) was refused:")
    assert "What to do: Split the batch into smaller ones." in refused.err
    assert refused.out == ""

    as_json = send(node, server, path, "--json")
    error = json.loads(as_json.err)["error"]
    assert (as_json.code, as_json.out) == (Exit.REFUSED, "")
    assert (error["reason"], error["remedy"]) == (
        "BATCH_TOO_LARGE",
        "Split the batch into smaller ones.",
    )
    assert error["metadata"]["bales_acknowledged"] == "0"

    rows = readings(6)
    rows[5]["length"] = "28.205"
    wrong = send(node, server, written(tmp_path / "wrong.csv", rows), "--json", "--batch-bales=2")
    error = json.loads(wrong.err)["error"]
    assert (wrong.code, error["reason"]) == (Exit.BAD_INPUT, "INVALID_FILE")
    assert "line 7, column length" in error["message"]
    assert error["metadata"]["bales_acknowledged"] == "4"

    assert ran(node, "clients/node/send.mjs", str(path)).code == Exit.USAGE
    server.end()
    gone = send(node, server, path, "--json")
    assert (gone.code, json.loads(gone.err)["error"]["reason"]) == (
        Exit.UNAVAILABLE,
        "UNAVAILABLE",
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_upload_outlives_a_restart_of_the_server(
    node: str, servers: Servers, tmp_path: Path, how: signal.Signals
) -> None:
    """The server ends in the middle of a file: the client resumes, and every bale is there once."""
    bales = 6000
    path = written(tmp_path / "readings.csv", readings(bales))
    server = servers.start()
    options = ("--json", "--batch-bales", "4", "--in-flight", "4")
    with subprocess.Popen(
        command(node, server.address, path, *options),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as client:
        try:
            with server.channel() as channel:
                calls = Calls(channel)
                while calls.summarise().revision == 0:
                    assert client.poll() is None
            server.end(how)
            assert client.poll() is None, "the file was sent before the server ended"
            stored = servers.start(listen=server.address)
            out, err = client.communicate(timeout=RUN_S_MAX)
        finally:
            client.kill()
    assert client.returncode == Exit.OK, err
    answer = Ran(client.returncode, out, err).answer
    assert counts(answer) == {"created": bales}
    assert answer["batches"] == bales // 4
    assert answer["streams"] >= 2
    assert answer["repeated_batches"] == 0
    assert bales_of(stored) == (bales, bales)


def test_the_lock_names_no_registry() -> None:
    """Every package is pinned and carries its digest, and none an address to take it from."""
    lock = json.loads((CLIENT / "package-lock.json").read_text("utf-8"))
    assert lock["packages"].pop("")["dependencies"].keys() >= {"@grpc/grpc-js", "csv-parse"}
    for name, package in lock["packages"].items():
        assert package["version"][0].isdigit(), name
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, f"{name}: run npm with the .npmrc of clients/node"
    asked = json.loads((CLIENT / "package.json").read_text("utf-8"))["dependencies"]
    for name, version in asked.items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version


def resources_of(name: str) -> list[str]:
    """The proto of that name in the package that the service is built with."""
    return [
        path.read_text("utf-8")
        for path in (Path(each) / name for each in google.rpc.__path__)
        if path.exists()
    ]


def test_the_protos_of_google_rpc_are_those_of_the_service() -> None:
    """The copies in clients/node, for which there is no small npm package, are not out of step."""
    for name in ("status.proto", "error_details.proto"):
        copy = CLIENT / "protos" / "google" / "rpc" / name
        (ours,) = resources_of(name)
        assert copy.read_text("utf-8") == ours, f"copy {name} of googleapis-common-protos anew"
