"""Summaries asked for by several while another one stores: each is of one revision, for good."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from cotton.inspection.v1 import readings_pb2, summary_pb2

from tests.support.bales import Bale, bale
from tests.support.calls import CALL_S_MAX, Calls
from tests.support.table_rows import Place, rows_of_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.support.server import Server, Servers

STORING_S = 3.5
AGAIN_S = 2.5
"""How long is stored and asked, and how long asked again; the rest is starting and ending."""

ASKING = 3
HEARD_MIN = 12
"""Far fewer than are heard otherwise: on a slow machine too the answers must not be of nothing."""

BEGUN = 2
"""The first revision asked for: with a lot and bales, without which there are fewer columns."""

LOTS = 150
REGISTERED = 140
BALES_A_BATCH = 25
IN_FORCE, FIRST = summary_pb2.BASIS_IN_FORCE, summary_pb2.BASIS_FIRST_INSPECTION
GIN, LOT, LABORATORY = (
    summary_pb2.SUMMARY_KEY_GIN,
    summary_pb2.SUMMARY_KEY_LOT,
    summary_pb2.SUMMARY_KEY_LABORATORY,
)
DIVISION, STATE = summary_pb2.SUMMARY_KEY_DIVISION, summary_pb2.SUMMARY_KEY_STATE
BALES, COLUMNS = Place("bales"), ("bales", "length", "main_colour", "conditioned")

Request: TypeAlias = (
    summary_pb2.SummariseGradesRequest
    | summary_pb2.TabulateGradesRequest
    | summary_pb2.TabulateCertificatesRequest
)


def lot_no(number: int) -> str:
    """The number of a lot of one of four gins."""
    return f"6514{number % 4}241{number % LOTS:03d}"


def bale_of(number: int) -> Bale:
    """The reading of a bale: every batch is of the next lot."""
    made = bale(
        number,
        lot_no(number // BALES_A_BATCH),
        micronaire=340 + number % 160,
        length=2750 + number % 90,
    )
    return replace(made, laboratory=f"L{number % 2}")


@dataclass
class Storing:
    """The only one who stores, and how many bales there were at every revision acknowledged."""

    calls: Calls
    bales: list[int] = field(default_factory=lambda: [0])

    @property
    def revision(self) -> int:
        """The last revision that was acknowledged."""
        return len(self.bales) - 1

    def until(self, end_s: float) -> None:
        """Goes on storing by turns: a registration, a batch, a review, a weight."""
        while time.monotonic() < end_s:
            self.store()

    def store(self) -> None:
        """Stores the next one."""
        turns: list[Callable[[int], int]] = [self._register, self._read, self._review, self._weigh]
        created = turns[self.revision % len(turns)](self.revision // len(turns))
        self.bales.append(self.bales[-1] + created)

    def _read(self, number: int) -> int:
        first = number * BALES_A_BATCH
        bales = [bale_of(each) for each in range(first, first + BALES_A_BATCH)]
        created = self.calls.submit(bales, f"b{number}").outcome.created
        assert created == BALES_A_BATCH
        return created

    def _register(self, number: int) -> int:
        division = ("第八师", "第七师", "")[number % 3]
        self.calls.register(f"r{number}", lot_no(number % REGISTERED), division=division)
        return 0

    def _review(self, number: int) -> int:
        """Another result of a bale that is there: the bases differ, and neither has one more."""
        review = replace(bale_of(number).but(length=2400), kind=readings_pb2.READING_KIND_REVIEW)
        self.calls.submit([review], f"v{number}")
        return 0

    def _weigh(self, number: int) -> int:
        self.calls.weigh(f"w{number}", lot_no(number))
        return 0


class Heard(NamedTuple):
    """An answer: its question, its revision, its bytes, its bales in all and of each row."""

    request: Request
    revision: int
    content: tuple[bytes, ...]
    total: int
    rows: Sequence[int]


def questions() -> Iterator[Request]:
    """By keys of lots and of bales, on either basis, as rows and as columns."""
    for keys in ([GIN], [LOT], [DIVISION, STATE], [LABORATORY]):
        for basis in (IN_FORCE, FIRST):
            asked = summary_pb2.SummariseGradesRequest(keys=keys, basis=basis)
            yield asked
            yield summary_pb2.TabulateGradesRequest(query=asked, columns=COLUMNS)
    yield summary_pb2.TabulateCertificatesRequest(columns=COLUMNS)
    yield summary_pb2.TabulateCertificatesRequest(columns=COLUMNS, basis=FIRST)


QUESTIONS = tuple(questions())


def at_revision(request: Request, revision: int) -> Request:
    """The same question of a revision."""
    made = type(request).FromString(request.SerializeToString())
    if isinstance(made, summary_pb2.TabulateGradesRequest):
        made.query.revision = revision
    else:
        made.revision = revision
    return made


def ask(calls: Calls, request: Request) -> Heard:
    """The answer to a question."""
    if isinstance(request, summary_pb2.SummariseGradesRequest):
        answer = calls.summary.SummariseGrades(request, timeout=CALL_S_MAX)
        for row in (*answer.rows, answer.total):
            parts = (row.figures, *row.other_figures)
            assert sum(each.bales for each in parts) + row.bales_without_standard == row.bales
        rows = [row.bales for row in answer.rows]
        content = (answer.SerializeToString(deterministic=True),)
        return Heard(request, answer.revision, content, answer.total.bales, rows)
    tabulate: Any = (
        calls.summary.TabulateGrades
        if isinstance(request, summary_pb2.TabulateGradesRequest)
        else calls.summary.TabulateCertificates
    )
    messages = list(tabulate(request, timeout=CALL_S_MAX))
    columns = messages[0].columns
    rows = [bales_of(row) for each in messages for row in rows_of_page(each.page, columns)]
    total = sum(rows)
    if isinstance(request, summary_pb2.TabulateGradesRequest):
        (total,) = (bales_of(row) for row in rows_of_page(messages[0].total, columns))
    return Heard(
        request,
        messages[0].header.revision,
        tuple(each.SerializeToString(deterministic=True) for each in messages),
        total,
        rows,
    )


def bales_of(row: Any) -> int:
    """The bales of a row of a table."""
    return int(row.cells[BALES] or 0)


def asking(server: Server, storing: Storing, seed: int, end_s: float) -> list[Heard]:
    """Asks one question after the other, every third of them of an older revision."""
    chance = random.Random(seed)  # noqa: S311 - which question comes next
    heard = []
    with server.channel() as channel:
        calls = Calls(channel)
        while time.monotonic() < end_s:
            acknowledged = storing.revision
            request = chance.choice(QUESTIONS)
            if chance.random() < 1 / 3:
                older = chance.randint(BEGUN, acknowledged)
                found = ask(calls, at_revision(request, older))
                assert found.revision == older
            else:
                found = ask(calls, request)
                assert found.revision >= acknowledged
            heard.append(found)
    return heard


def test_what_is_asked_while_others_store_is_of_one_revision_for_good(servers: Servers) -> None:
    """Totals are those acknowledged by then, rows add up to them, and neither changes any more."""
    server = servers.start()
    with server.channel() as channel, ThreadPoolExecutor(ASKING) as threads:
        storing = Storing(Calls(channel))
        while storing.revision < BEGUN:
            storing.store()
        end_s = time.monotonic() + STORING_S
        asked = [threads.submit(asking, server, storing, seed, end_s) for seed in range(ASKING)]
        storing.until(end_s)
        heard = [each for future in asked for each in future.result()]
        assert len(heard) >= HEARD_MIN
        assert len({each.revision for each in heard}) > HEARD_MIN // 2
        for each in heard:
            assert each.total == sum(each.rows) == storing.bales[each.revision], each.request
        random.Random(ASKING).shuffle(heard)  # noqa: S311 - an order
        end_s, again = time.monotonic() + AGAIN_S, 0
        calls = Calls(channel)
        while heard and time.monotonic() < end_s:
            each = heard.pop()
            assert ask(calls, at_revision(each.request, each.revision)).content == each.content
            again += 1
        assert again
