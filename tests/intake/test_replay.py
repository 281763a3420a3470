"""Replay verifies what was decided, never decides it anew, and does not depend on grouping."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import readings_pb2
from cotton_server.domain.fields import ABSENT
from cotton_server.errors import StartError
from cotton_server.intake import committer as committer_module
from cotton_server.intake import replay as replay_module
from cotton_server.intake.replay import ReplayDiffersError, replay
from cotton_server.ledger import Ledger, LedgerDamagedError
from cotton_server.registry.records import Versions
from cotton_server.registry.registry import Registry

from tests.support.bales import bale, usda_bale
from tests.support.broken import without_duplicate_check
from tests.support.committing import answer, committing
from tests.support.entries import edit, read, rewrite, with_outcomes

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.registry.lots import LotEntry

BATCHES = [
    [bale(1), bale(2), usda_bale(1)],
    [bale(2), bale(3, rd=1), bale(1, length=2999)],
    [usda_bale(1), usda_bale(2), bale(4, micronaire=240)],
    [bale(5)],
]
BALES = 6
READINGS = 7
"""Six bales, and a reading that differs from that of one of them."""


async def write(directory: Path) -> None:
    """A ledger of four batches and, between them, the registration of a lot."""
    async with committing(directory) as running:
        for number, bales in enumerate(BATCHES, 1):
            await running.stored(number, bales)
            if number == 2:
                await (await running.register("r"))


def replayed(directory: Path, bales_max: int = 100) -> Registry:
    """The registry of a ledger."""
    registry = Registry(bales_max=bales_max)
    ledger = Ledger(directory)
    try:
        replay(ledger.verified(), registry, of=ledger.position)
    finally:
        ledger.close()
    return registry


def vars_of(lot: LotEntry) -> list[object]:
    """All that a lot holds; versions spelled out."""
    values = [getattr(lot, field.name) for field in fields(lot)]
    return [list(value.all) if isinstance(value, Versions) else value for value in values]


def contents(registry: Registry) -> tuple[object, ...]:
    """All that a registry holds."""
    bales, count = registry.bales, registry.bales.count
    columns: list[Any] = [bales.high, bales.low, bales.position, bales.batch_row]
    columns += [bales.inspected_at_s, bales.kind, bales.has_course]
    columns += [*bales.values.values(), *bales.references.values()]
    return (
        registry.revision,
        [registry.received_by_us(position) for position in range(registry.revision + 1)],
        registry.producers.next_sequence("p"),
        [column[:count].tolist() for column in columns],
        [vars_of(lot) for lot in registry.lots],
        [(row, registry.course(row)) for row in range(count) if bales.has_course[row]],
        list(registry.conflicts),
        registry.changes,
    )


async def test_replay_gives_the_registry_that_was_there(tmp_path: Path) -> None:
    await write(tmp_path)
    async with committing(tmp_path) as running:
        assert len(running.registry.bales.index) == BALES
        assert running.registry.bales.count == READINGS
        assert contents(running.registry) == contents(replayed(tmp_path))


async def test_a_ledger_that_was_begun_under_the_rule_set_before_is_replayed_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its entries are decided by the rules that they name, its re-tests compared by them."""
    review = readings_pb2.READING_KIND_REVIEW
    monkeypatch.setattr(committer_module, "CURRENT", "intake-2")
    async with committing(tmp_path) as running:
        for number, bales in enumerate(BATCHES, 1):
            await running.stored(number, [each.but(visual_grade=None) for each in bales])
        apart = replace(bale(2, length=2900).but(visual_grade=None), kind=review)
        stored = await running.stored(len(BATCHES) + 1, [apart])
        assert isinstance(stored.outcome, readings_pb2.BatchOutcome)
        assert stored.outcome.outcomes[0].comparison.rule_set == "intake-2"
    monkeypatch.undo()
    async with committing(tmp_path) as running:
        await running.stored(len(BATCHES) + 2, [bale(6), bale(7, visual_grade=8)])
        await running.stored(len(BATCHES) + 3, [bale(1)])
        expected = contents(running.registry)
    names = [entry.content.rule_set for entry in read(tmp_path)]
    assert names == ["intake-2"] * 5 + ["intake-3"] * 2
    registry = replayed(tmp_path)
    assert contents(registry) == expected
    # The repeat of bale 1 has a visual grade, which its first reading had not: a conflict.
    assert registry.bales.values["visual_grade"][: registry.bales.count].tolist() == [
        *([ABSENT] * (READINGS + 1)), 3, 3,
    ]  # fmt: skip


async def test_an_instant_that_an_older_rule_set_took_is_replayed_and_is_not_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registration in microseconds stays stored; another lot like it is rejected."""
    at_us = 1_730_000_000_000_000
    monkeypatch.setattr(committer_module, "CURRENT", "intake-2")
    async with committing(tmp_path) as running:
        taken = await answer(await running.register("r1", gate_in_at_s=at_us))
    monkeypatch.undo()
    async with committing(tmp_path) as running:
        (lot,) = running.registry.lots
        registered = lot.registrations.last
        assert registered is not None
        assert registered.record.gate_in_at_s == at_us
        again = await answer(await running.register("r1", gate_in_at_s=at_us))
        refused = await answer(
            await running.register("r2", lot_no="65140161078", gate_in_at_s=at_us)
        )
    assert [each.outcome.rejected for each in (taken, again, refused)] == [0, 0, 1]
    assert contents(replayed(tmp_path)) == contents(running.registry)


@pytest.mark.parametrize("group_bytes_max", [1, 600, 1 << 30])
async def test_how_entries_are_grouped_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group_bytes_max: int
) -> None:
    await write(tmp_path)
    expected = contents(replayed(tmp_path))
    monkeypatch.setattr(replay_module, "GROUP_BYTES_MAX", group_bytes_max)
    assert contents(replayed(tmp_path)) == expected


@pytest.mark.parametrize("position", [1, 2, 4, 5])
async def test_an_entry_that_is_decided_otherwise_now_is_named(
    tmp_path: Path, position: int
) -> None:
    """The digests are right: only the decision on record differs from the one made now."""
    await write(tmp_path)

    def one_more_warned(outcomes: bytes) -> bytes:
        outcome = readings_pb2.BatchOutcome.FromString(outcomes)
        outcome.warned += 1
        return outcome.SerializeToString(deterministic=True)

    rewrite(tmp_path, with_outcomes(position, one_more_warned))
    assert len(read(tmp_path)) == 5
    with pytest.raises(
        ReplayDiffersError, match=f"(?s)Entry {position} .*Start the version"
    ) as caught:
        replayed(tmp_path)
    assert caught.value.position == position


async def test_a_build_that_decides_otherwise_is_caught_by_the_outcomes_on_record(
    tmp_path: Path,
) -> None:
    await write(tmp_path)
    with without_duplicate_check(), pytest.raises(ReplayDiffersError) as caught:
        replayed(tmp_path)
    assert caught.value.position == 2


async def test_a_registration_that_is_decided_otherwise_now_is_named(tmp_path: Path) -> None:
    await write(tmp_path)
    rewrite(tmp_path, with_outcomes(3, lambda outcomes: outcomes + b"\x28\x01"))
    with pytest.raises(ReplayDiffersError) as caught:
        replayed(tmp_path)
    assert caught.value.position == 3


async def test_a_damaged_entry_ends_the_replay(tmp_path: Path) -> None:
    await write(tmp_path)
    edit(tmp_path, "UPDATE entry SET payload = x'00' WHERE position = 4")
    with pytest.raises(LedgerDamagedError) as caught:
        replayed(tmp_path)
    assert caught.value.position == 4


async def test_a_rule_set_or_message_of_another_version_is_a_clear_error(tmp_path: Path) -> None:
    await write(tmp_path)
    rewrite(tmp_path, lambda each: replace(each.content, rule_set="intake-99"))
    with pytest.raises(StartError, match=r"from entry 1 on.*'intake-99'.*Start the version"):
        replayed(tmp_path)
    rewrite(tmp_path, lambda each: replace(each.content, rule_set="intake-3", message="x.Y"))
    with pytest.raises(StartError, match=r"'x.Y' is not part of this version"):
        replayed(tmp_path)


async def test_a_ledger_of_more_bales_than_the_registry_holds_is_a_clear_error(
    tmp_path: Path,
) -> None:
    """The operator lowered bales_max below what is stored."""
    await write(tmp_path)
    assert replayed(tmp_path, READINGS).bales.count == READINGS
    with pytest.raises(StartError, match=r"bales_max"):
        replayed(tmp_path, READINGS - 1)
