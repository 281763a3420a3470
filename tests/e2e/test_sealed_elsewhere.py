"""The queries of docs/sealing.md, as they stand there, give what the service answers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import duckdb
from cotton.inspection.v1 import amendments_pb2, amendments_pb2_grpc, readings_pb2

from tests.e2e.test_sealed_history import sealed_up_to
from tests.support.bales import Bale, bale
from tests.support.calls import CALL_S_MAX, Calls
from tests.support.histories import amendment
from tests.support.server import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import grpc

    from tests.support.server import Servers

PAGE: Final = ROOT / "docs" / "sealing.md"
DATA_DIR, LOT = "cotton-data", "65140161077"
"""What the page names, where a reader puts something else."""

LOTS: Final = (LOT, "65140171078", "65140172001", "65140172002")
BALES: Final = 10
Answer = list[tuple[int, int]]


def query_of(language: str) -> str:
    """The one piece of code of a language in the section on reading elsewhere."""
    section = PAGE.read_text(encoding="utf-8").split("## Reading it elsewhere")[1].split("\n## ")[0]
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert DATA_DIR in code
    assert LOT in code
    return str(code)


def by_polars(directory: Path, lot_no: str) -> Answer:
    """Numbers and lengths of the bales of a lot, as the page says for Python."""
    code = query_of("python").replace(DATA_DIR, str(directory)).replace(LOT, lot_no)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - what our own page tells its readers to run
    return sorted(names["bales"].rows())


def by_duckdb(directory: Path, lot_no: str) -> Answer:
    """The same as the page says for DuckDB."""
    code = query_of("sql").replace(DATA_DIR, str(directory)).replace(LOT, lot_no)
    with duckdb.connect() as connection:
        return sorted(connection.execute(code).fetchall())


QUERIES: Final[tuple[Callable[[Path, str], Answer], ...]] = (by_polars, by_duckdb)


class Deciding:
    """Withdraws, reinstates and decides conflicts."""

    def __init__(self, channel: grpc.Channel) -> None:
        """Makes the stub."""
        self._stub = amendments_pb2_grpc.AmendmentServiceStub(channel)
        self._requests = 0

    def withdraw(self, *, reinstate: bool = False, **subject: Any) -> None:
        """Withdraws a lot or a bale, or takes that back."""
        withdrawal = amendments_pb2.Withdrawal(
            amendment=amendment(), reinstate=reinstate, **subject
        )
        request = amendments_pb2.WithdrawRequest(
            producer_id="bureau", request_id=self._request_id(), withdrawals=[withdrawal]
        )
        self._stub.Withdraw(request, timeout=CALL_S_MAX)

    def decide(self, conflict: str, decision: amendments_pb2.ConflictDecision.ValueType) -> None:
        """Decides a conflict."""
        resolution = amendments_pb2.ConflictResolution(
            conflict_id=conflict, decision=decision, amendment=amendment()
        )
        request = amendments_pb2.ResolveConflictsRequest(
            producer_id="bureau", request_id=self._request_id(), resolutions=[resolution]
        )
        self._stub.ResolveConflicts(request, timeout=CALL_S_MAX)

    def _request_id(self) -> str:
        self._requests += 1
        return f"decided-{self._requests}"


def begin(calls: Calls) -> dict[str, list[Bale]]:
    """Four lots and a first reading of each of their bales."""
    told: dict[str, list[Bale]] = {}
    for place, lot_no in enumerate(LOTS):
        calls.register(f"r-{lot_no}", lot_no)
        numbers = range(BALES * place, BALES * (place + 1))
        told[lot_no] = [bale(number, lot_no, length=2000 + 10 * number) for number in numbers]
        calls.submit(told[lot_no], f"first-{lot_no}")
    return told


def amend(calls: Calls, deciding: Deciding, told: dict[str, list[Bale]]) -> None:
    """Of the bales of the first lot each meets something else; two of the lots are withdrawn."""
    bales = told[LOT]
    since = calls.bale(bales[0]).stored_at_revision
    corrected = [
        bales[0].but(length=3330).correcting(since),
        replace(bales[1], lot_no=LOTS[1]).correcting(since),
    ]
    assert calls.submit(corrected, "corrected").outcome.corrected == 2
    review = replace(bales[2].but(length=2500), kind=readings_pb2.READING_KIND_REVIEW)
    supervisory = replace(bales[3].but(length=2600), kind=readings_pb2.READING_KIND_SUPERVISORY)
    assert calls.submit([review, supervisory], "again").outcome.retested == 2
    differing = [each.but(length=3100) for each in bales[4:7]]
    contested = calls.submit(differing, "differing")
    assert contested.outcome.conflicting == 3
    deciding.decide(f"{contested.revision}/0", amendments_pb2.CONFLICT_DECISION_ACCEPT)
    deciding.decide(f"{contested.revision}/1", amendments_pb2.CONFLICT_DECISION_KEEP)
    for each in bales[7:9]:
        deciding.withdraw(bale_code=each.code)
    for lot_no in LOTS[2:]:
        deciding.withdraw(lot_no=lot_no)


def bring_back(deciding: Deciding, told: dict[str, list[Bale]]) -> None:
    """A bale and a lot count again."""
    deciding.withdraw(bale_code=told[LOT][8].code, reinstate=True)
    deciding.withdraw(lot_no=LOTS[3], reinstate=True)


def answered(calls: Calls, told: dict[str, list[Bale]]) -> dict[str, Answer]:
    """Numbers and lengths of the bales of each lot that count, as the service tells them."""
    found: dict[str, Answer] = {lot_no: [] for lot_no in LOTS}
    for each in (each for bales in told.values() for each in bales):
        answer = calls.bale(each)
        if not answer.withdrawn and not answer.lot_withdrawn:
            found[answer.reading.lot_no].append((int(each.code[-6:]), answer.reading.length))
    for lot_no, bales in found.items():
        figures = calls.certificate(lot_no).figures
        assert (figures.bales, figures.length.sum) == (
            len(bales),
            sum(length for _, length in bales),
        )
    return {lot_no: sorted(bales) for lot_no, bales in found.items()}


def test_the_queries_of_the_page_give_what_the_service_answers(servers: Servers) -> None:
    """After every step all is sealed: what a file holds goes out of force in a later one."""
    server = servers.start(seal_bales=1, seal_after_s=1)
    data_dir = servers.data_dir
    left = data_dir / "sealed" / "readings" / "season=2016" / "9999999998-9999999999.parquet"
    with server.channel() as channel:
        calls, deciding = Calls(channel), Deciding(channel)
        told = begin(calls)
        steps: list[Callable[[], object]] = [
            lambda: None,
            lambda: amend(calls, deciding, told),
            lambda: bring_back(deciding, told),
        ]
        counted = []
        for step in steps:
            step()
            sealed_up_to(server, int(server.metrics()["cotton_durable_revision",]))
            # As a seal leaves that was cut short: nothing names it.
            left.write_bytes(b"left behind")
            right = answered(calls, told)
            for query in QUERIES:
                assert {lot_no: query(data_dir, lot_no) for lot_no in LOTS} == right
            counted.append({lot_no: len(bales) for lot_no, bales in right.items()})
    assert counted[0] == dict.fromkeys(LOTS, BALES)
    assert counted[1] == {LOT: BALES - 3, LOTS[1]: BALES + 1, LOTS[2]: 0, LOTS[3]: 0}
    assert counted[2] == {LOT: BALES - 2, LOTS[1]: BALES + 1, LOTS[2]: 0, LOTS[3]: BALES}
    lengths = [length for _, length in right[LOT]]
    assert {3330, 3100} <= set(lengths)
