"""Service and peers in turn, with the same question over the same bales."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.national.compare import compare
from benchmarks.national.results import SERVICE, Raced
from benchmarks.national.sql import statements

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
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

    Raises BenchmarkError where the answers differ.
    """
    table, _ = await asking.raced(question)
    said = {each.name: statements(each.name, question, directory, levels) for each in peers}
    values = {
        each.name: compare(each.name, question, table, *each.answer(said[each.name]))
        for each in peers
    }

    async def took(name: str) -> int:
        if name == SERVICE:
            return (await asking.raced(question))[1]
        (one,) = (each for each in peers if each.name == name)
        return one.ask(said[name])

    raced = Raced(
        question.name,
        asking.bales,
        table.frame.height,
        values,
        await in_turn([SERVICE, *said], took, rounds),
    )
    asking.tell_raced(raced)
    return raced


async def in_turn(
    contestants: Sequence[str], took: Callable[[str], Awaitable[int]], rounds: int
) -> dict[str, tuple[int, ...]]:
    """How long everybody took in each round; who begins turns with every round."""
    found: dict[str, list[int]] = {name: [] for name in contestants}
    for number in range(rounds):
        first = number % len(contestants)
        for name in (*contestants[first:], *contestants[:first]):
            found[name].append(await took(name))
    return {name: tuple(each) for name, each in found.items()}
