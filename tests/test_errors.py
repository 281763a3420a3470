"""Errors: each stands on its page, and clients repeat what the table says and nothing else."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from cotton_client import errors
from cotton_client.spool import delivery
from cotton_server.api.status import status_of
from cotton_server.errors import Reason, Repeat, ServiceError

from tools.errors_page import (
    CLIENT,
    SERVER,
    client_kinds,
    errors_page,
    one_line,
    service_messages,
    start_kinds,
)
from tools.raised import raised

ROOT = Path(__file__).resolve().parent.parent
BY_CLIENTS = {Repeat.LATER, Repeat.AT_ONCE}


def page() -> str:
    """docs/errors.md as it is committed."""
    return (ROOT / "docs" / "errors.md").read_text("utf-8")


@cache
def sources(directory: Path) -> str:
    """All Python of a directory as one text."""
    return "\n".join(path.read_text("utf-8") for path in sorted(directory.rglob("*.py")))


def error_of(reason: Reason) -> errors.CottonError:
    """The client's error for an answer with the reason."""
    return errors.from_status(status_of(ServiceError(reason, "It went wrong.")))


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_an_occasion_a_text_and_a_place_that_raises_it(reason: Reason) -> None:
    assert re.fullmatch(r"[A-Z`].*\.", reason.occurs)
    assert re.search(rf"\bReason\.{reason.name}\b", sources(SERVER))
    assert reason is Reason.STORAGE_FULL or service_messages()[reason.name]


def test_every_reason_that_code_names_is_on_the_page() -> None:
    """Those of the service by their table, those of the client by what is passed on."""
    named = set(re.findall(r"\bReason\.([A-Z_]+)\b", sources(SERVER)))
    assert named >= {reason.name for reason in Reason}
    named |= set(re.findall(r"\breason=\"([A-Z_]+)\"", sources(CLIENT)))
    named |= {kind.reason_default for kind in client_kinds().values()}
    headed = set(re.findall(r"^### ([A-Z_]+)", page(), re.MULTILINE))
    assert named == headed


def test_whatever_keeps_a_server_from_starting_says_why_on_the_page() -> None:
    """Each class of the family that is raised has a text of its own there."""
    _, _, start = page().partition("## A server that does not start")
    for each in raised(SERVER, start_kinds()):
        for text in each.arguments.get("0", ()):
            if text.count(" ") > 1 and any(map(str.isalpha, text)):
                assert f"- {one_line(text)}\n" in start, f"{each.file}:{each.line}"


def test_the_page_is_what_the_table_gives() -> None:
    assert page() == errors_page()


@pytest.mark.parametrize("reason", Reason)
def test_the_client_repeats_what_the_table_says(reason: Reason) -> None:
    assert error_of(reason).transient == (reason.repeat in BY_CLIENTS)


def test_the_spool_sends_again_what_the_table_says() -> None:
    """Beyond what every call repeats: what waits for the operator, or for a batch before it."""
    own = {reason.name for reason in Reason if reason.repeat is Repeat.FROM_SPOOL}
    operator = set(delivery._UNTIL_THE_OPERATOR_ACTS_S)
    by_clients = {reason.name for reason in Reason if reason.repeat in BY_CLIENTS}
    assert own == (operator - by_clients) | {errors.OutOfSequence.reason_default}


def test_the_node_client_repeats_what_the_table_says() -> None:
    """Its own mapping, fed with the bytes that the server sends."""
    node = shutil.which("node")
    assert node is not None, "the tests need Node; see README.md"
    statuses = {
        reason.name: base64.b64encode(
            status_of(ServiceError(reason, "It went wrong.")).SerializeToString()
        ).decode()
        for reason in Reason
    }
    script = """
        import { errorFromStatus } from "./lib/status.mjs";
        import { decodeStatus } from "./lib/contract.mjs";
        import { readFileSync } from "node:fs";
        const told = Object.entries(JSON.parse(readFileSync(0, "utf8"))).map(([name, bytes]) =>
          [name, errorFromStatus(decodeStatus(Buffer.from(bytes, "base64"))).transient]);
        console.log(JSON.stringify(Object.fromEntries(told)));
    """
    done = subprocess.run(
        [node, "--input-type=module", "--eval", script],
        cwd=ROOT / "clients" / "node",
        input=json.dumps(statuses),
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == {
        reason.name: reason.repeat in BY_CLIENTS for reason in Reason
    }
