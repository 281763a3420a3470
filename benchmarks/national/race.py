"""Service and peers in turn, with the same question over the same bales."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.national.compare import compare
from benchmarks.national.results import SERVICE, Raced
from benchmarks.national.sql import statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.national.asking import Asking
    from benchmarks.national.peers import Peer
    from benchmarks.national.questions import Question


async def race(
    question: Question,
    asking: Asking,
    peers: Sequence[Peer],
    directory: Path,
    levels: int,
    rounds: int,
) -> Raced:
    """Asks everybody once, compares all values, then times `rounds` answers of each.

    Who begins turns with every round. Raises BenchmarkError where the answers differ.
    """
    table, _ = await asking.raced(question)
    said = {each.name: statements(each.name, question, directory, levels) for each in peers}
    values = {
        each.name: compare(each.name, question, table, *each.answer(said[each.name]))
        for each in peers
    }
    took_us: dict[str, list[int]] = {SERVICE: [], **{each.name: [] for each in peers}}
    for number in range(rounds):
        contestants = list(took_us)
        first = number % len(contestants)
        for name in (*contestants[first:], *contestants[:first]):
            if name == SERVICE:
                _, took = await asking.raced(question)
            else:
                (one,) = (each for each in peers if each.name == name)
                took = one.ask(said[name])
            took_us[name].append(took)
    raced = Raced(
        question.name,
        asking.bales,
        table.frame.height,
        values,
        {name: tuple(each) for name, each in took_us.items()},
    )
    asking.tell_raced(raced)
    return raced
