"""Questions asked under the conditions that a measurement sets, and what comes of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.errors import BenchmarkError
from benchmarks.national.questions import CERTIFICATES, SUMMARISE, TABULATE
from benchmarks.national.results import IDLE, SCANNED, Asked, percentile_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl
    from cotton.inspection.v1 import settlement_pb2
    from cotton_client.tables import Table

    from benchmarks.national.ask import Answer, Asker
    from benchmarks.national.questions import Question
    from benchmarks.national.results import Raced


@dataclass(slots=True)
class Draft:
    """A question that is asked several times; the server's times are found when it has ended."""

    condition: str
    question: str
    method: str
    of_lots: bool
    bales: int
    answers: list[Answer] = field(default_factory=list)

    def add(self, answer: Answer) -> None:
        """Takes an answer; of its table nothing is kept but its size."""
        self.answers.append(answer.without_table())

    def resolved(self, server_us: Sequence[int]) -> Asked:
        """With the server's times, which are in the order of all calls."""
        last = self.answers[-1]
        return Asked(
            self.condition,
            self.question,
            self.method,
            self.of_lots,
            self.bales,
            last.revision,
            last.rows,
            last.size_bytes,
            tuple(
                sum(server_us[place] for place in each.places)
                for each in self.answers
                if each.places
            ),
            tuple(each.client_us for each in self.answers),
        )


class Asking:
    """Asks, keeps what it finds in drafts, and tells of it."""

    def __init__(self, asker: Asker, told: Callable[[str], None]) -> None:
        """Takes who asks, and who is told."""
        self._asker = asker
        self._drafts: list[Draft] = []
        self._told = told
        self.bales = 0
        """Bales stored, which stand beside what is found."""

    def resolved(self, server_us: Sequence[int]) -> list[Asked]:
        """All that was asked, with the server's times in the order of all calls."""
        return [draft.resolved(server_us) for draft in self._drafts]

    def draft(self, condition: str, question: Question, method: str = TABULATE) -> Draft:
        """A question that is going to be asked; at least once."""
        draft = Draft(condition, question.name, method, question.of_lots, self.bales)
        self._drafts.append(draft)
        return draft

    async def again(self, draft: Draft, question: Question) -> Answer:
        """Asks once more."""
        answer = await self._asker.tabulate(question)
        draft.add(answer)
        return answer

    async def once(self, condition: str, question: Question) -> Answer:
        """Asks once."""
        draft = self.draft(condition, question)
        answer = await self.again(draft, question)
        self.tell(draft)
        return answer

    async def repeat(
        self,
        condition: str,
        question: Question,
        times: int,
        *,
        revision: int = 0,
        as_of_us: int = 0,
    ) -> Answer:
        """Asks so many times; of the latest revision once before, untimed. All must agree."""
        if condition == IDLE:
            await self.latest(question)
        draft = self.draft(condition, question)
        kept: Answer | None = None
        for _ in range(times):
            answer = await self._asker.tabulate(question, revision=revision, as_of_us=as_of_us)
            draft.add(answer)
            if kept is not None and not _same(kept, answer):
                raise BenchmarkError(f'"{question.name}" was answered in two ways.')
            kept = answer
        if kept is None:
            raise AssertionError("a question is asked at least once")
        self.tell(draft)
        return kept

    async def repeat_rows(self, question: Question, times: int) -> None:
        """Asks so many times for typed rows."""
        draft = self.draft(IDLE, question, SUMMARISE)
        for _ in range(times):
            draft.add(await self._asker.summarise(question))
        self.tell(draft)

    async def repeat_beside(
        self, condition: str, question: Question, times: int, season: int, through: str
    ) -> None:
        """Asks so many times for a season through a day, with the one before beside it."""
        query = question.query()
        query.filters.add(key="SUMMARY_KEY_SEASON", values=[str(season)])
        query.inspected_through, query.with_last_season = through, True
        draft = self.draft(condition, question)
        for _ in range(times):
            draft.add(await self._asker.tabulate_query(query))
        self.tell(draft)

    async def certificates(self, times: int) -> None:
        """Asks so many times for the certificates of all lots."""
        draft = Draft(SCANNED, "certificates of all lots", CERTIFICATES, True, self.bales)
        self._drafts.append(draft)
        for _ in range(times):
            draft.add(await self._asker.certificates())
        self.tell(draft)

    def drafted(self, condition: str, name: str, method: str) -> Draft:
        """What is asked of settlement, or done with it; at least once."""
        draft = Draft(condition, name, method, True, self.bales)
        self._drafts.append(draft)
        return draft

    async def price(
        self, draft: Draft | None, request: settlement_pb2.PriceLotsRequest
    ) -> tuple[Table, settlement_pb2.SettlementHeader, int]:
        """A table of a settlement, its header, and how long it took at the client."""
        answer, header = await self._asker.price(request)
        if draft is not None:
            draft.add(answer)
        return _table(answer), header, answer.client_us

    async def freeze(self, draft: Draft, run: settlement_pb2.Run) -> None:
        """Freezes a run."""
        draft.add(await self._asker.freeze(run))

    async def verify(self, draft: Draft, run_id: str) -> None:
        """Has a run computed anew."""
        draft.add(await self._asker.verify(run_id))

    async def frame(self, question: Question, revision: int) -> pl.DataFrame:
        """The rows of an answer at a revision, of which no time is kept."""
        return _table(await self._asker.tabulate(question, revision=revision)).frame

    async def latest(self, question: Question) -> Answer:
        """An answer of which no time is kept."""
        return await self._asker.tabulate(question)

    async def raced(self, question: Question) -> tuple[Table, int]:
        """An answer as those of peers are taken: its table, and how long it took at the client."""
        answer = await self._asker.tabulate(question)
        return _table(answer), answer.client_us

    def tell_raced(self, raced: Raced) -> None:
        """Says who took how long."""
        times = "  ".join(
            f"{name} {percentile_ms(took, 50):8.1f} ms" for name, took in raced.took_us.items()
        )
        self._told(
            f"  raced       {raced.question:24} {raced.rows:6} rows  {times}"
            f"  {min(raced.values.values())} values agree"
        )

    def tell(self, draft: Draft) -> None:
        """Says how long the answers to a question took."""
        took_us = [each.client_us for each in draft.answers]
        self._told(
            f"  {draft.condition:11} {draft.question:24} {draft.method:20}"
            f" {draft.answers[-1].rows:6} rows {len(took_us):3} x"
            f"  client p50 {percentile_ms(took_us, 50):8.1f} ms"
            f"  max {percentile_ms(took_us, 100):8.1f} ms"
        )


def _table(answer: Answer) -> Table:
    if answer.table is None:
        raise AssertionError("an answer in columns has a table")
    return answer.table


def _same(one: Answer, other: Answer) -> bool:
    return one.revision == other.revision and _table(one).frame.equals(_table(other).frame)
