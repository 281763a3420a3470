"""A registry that batches and requests are given to, without a ledger or a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cotton.inspection.v1 import readings_pb2
from cotton_server.domain.fields import VALUE_FIELDS
from cotton_server.intake.content import bales_of
from cotton_server.intake.decode import BatchLimits, decode
from cotton_server.intake.rules import CURRENT, rule_set
from cotton_server.intake.verdict import apply, judge
from cotton_server.registry.lifecycle import Moment
from cotton_server.registry.registry import Registry
from cotton_server.registry.runs import rows_of

from tests.support.bales import Bale, batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.intake.content import AnyOutcome, Content, RecordsRequest

RULES = rule_set(CURRENT)

SECOND_US = 1_000_000
"""Between one revision and the next, as `moment` has it."""


def moment(position: int) -> Moment:
    """A position, received as many seconds after 1970 as its number."""
    return Moment(position, position * SECOND_US)


def store(registry: Registry, *contents: Content) -> Sequence[AnyOutcome]:
    """Decides contents as one group and applies them; their outcomes."""
    first = registry.revision + 1
    verdict = judge(contents, registry, RULES, first)
    moments = [moment(first + place) for place in range(len(contents))]
    apply(verdict, moments, registry)
    for each, content in zip(moments, contents, strict=True):
        registry.producers.note("p", None, *each, bales_of(content))
    return verdict.outcomes


class Deciding:
    """A registry and the outcomes of the batches that it was given."""

    def __init__(self, *, bales_max: int = 1000) -> None:
        """Starts empty."""
        self.registry = Registry(bales_max=bales_max)
        self.outcomes: list[readings_pb2.BatchOutcome] = []

    @property
    def revision(self) -> int:
        """The last position."""
        return self.registry.revision

    def take(self, *group: Sequence[Bale], shape: str = "columns") -> readings_pb2.BatchOutcome:
        """Decides batches as one group and applies them; the outcome of the last."""
        contents = [decode(batch(bales, shape=shape), BatchLimits(1000)) for bales in group]
        for outcome in store(self.registry, *contents):
            assert isinstance(outcome, readings_pb2.BatchOutcome)
            self.outcomes.append(outcome)
        return self.outcomes[-1]

    def request(self, request: RecordsRequest) -> Any:
        """Decides a request with records and applies it; its outcome."""
        (outcome,) = store(self.registry, request)
        return outcome

    def stored(self) -> list[tuple[object, ...]]:
        """All that is stored of every reading, as text and numbers."""
        return self._read(range(self.registry.bales.count))

    def counted(
        self, revision: int | None = None, *, first: bool = False
    ) -> list[tuple[object, ...]]:
        """What counts of every bale at a revision, in force or as first inspection."""
        revision = self.registry.revision if revision is None else revision
        count = self.registry.rows_at(revision)
        lots = [lot.at(revision, count) for lot in self.registry.lots]
        rows = [row for lot in lots for row in rows_of(lot.first_runs if first else lot.runs)]
        return self._read(sorted(int(row) for row in rows))

    def _read(self, rows: Sequence[int]) -> list[tuple[object, ...]]:
        bales, registry = self.registry.bales, self.registry
        where = list(rows)
        lots = [registry.lots[n].lot_no for n in bales.references["lot"][where].tolist()]
        texts = [
            [book[n] for n in bales.references[name][where].tolist()]
            for name, book in registry.texts.items()
        ]
        values = [bales.values[field.name][where].tolist() for field in VALUE_FIELDS]
        columns: list[Any] = [bales.high, bales.low, bales.position, bales.batch_row]
        columns += [bales.inspected_at_s, bales.kind]
        plain = [column[where].tolist() for column in columns]
        return list(zip(lots, *texts, *values, *plain, strict=True))
