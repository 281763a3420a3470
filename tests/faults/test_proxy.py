"""A network that loses, repeats, reorders and cuts: every bale is stored once, and told once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import polars as pl
import pytest
from cotton.inspection.v1 import (
    amendments_pb2,
    common_pb2,
    ingest_pb2,
    readings_pb2,
    summary_pb2,
)
from cotton_client import CottonClient, RetryPolicy, errors
from cotton_client import stream as stream_module
from cotton_client.delivery import Delivery
from cotton_client.frames import READINGS_SCHEMA, conform
from cotton_client.identity import batch_identity
from cotton_client.spool import Feed, Source, Spool, directory_of, store
from cotton_client.spool.delivery import SpoolDelivery
from cotton_client.upload import Upload
from cotton_server.intake.content import APPEND, WITHDRAWALS
from cotton_server.intake.replay import replay
from cotton_server.ledger import Ledger
from cotton_server.registry.registry import Registry

from tests.support.bales import code
from tests.support.entries import read
from tests.support.model import CREATED, outcomes_of
from tests.support.proxy import WITHOUT_LOSS, Fault, Plan, TornConnections, proxy
from tests.support.server import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from cotton_client.delivery import Unacknowledged
    from cotton_client.stream import ReadingStream
    from cotton_client.upload import UploadTotals
    from cotton_server.ledger import Entry

    from tests.support.server import Server, Servers

PATIENT: Final = RetryPolicy(
    patience_s=20, patience_first_s=10, delay_first_s=0.002, delay_max_s=0.02
)
ANSWER_S: Final = 0.25
"""After so long a message is taken for lost; a server that is merely slow is asked again."""

BATCHES: Final = 24
BALES_A_BATCH: Final = 15
BALES: Final = BATCHES * BALES_A_BATCH
RUN_S_MAX: Final = 60


@dataclass
class Run:
    """One upload of a lot by a producer of its own, and what it was told of its batches."""

    number: int
    sequenced: bool
    spooled: bool
    rows: bool
    acknowledged: list[tuple[readings_pb2.ReadingBatch, ingest_pb2.BatchResult]] = field(
        default_factory=list
    )

    @property
    def producer(self) -> str:
        """The producer's id."""
        return f"warehouse-{self.number}"

    @property
    def lot_no(self) -> str:
        """The lot, of the gin of tests.support.bales.LOT."""
        return f"65140161{self.number:03d}"

    @property
    def codes(self) -> list[str]:
        """The bales of the lot."""
        return [code(self.number * 1_000_000 + place) for place in range(BALES)]

    def frames(self) -> Iterator[pl.DataFrame]:
        """The readings, as a reader gives them."""
        frame = pl.DataFrame(
            {
                "bale_code": self.codes,
                "lot_no": [self.lot_no] * BALES,
                "length": [2700 + place % 300 for place in range(BALES)],
            }
        )
        yield conform(frame, READINGS_SCHEMA)

    async def upload(self, client: CottonClient, directory: Path) -> UploadTotals:
        """Sends all readings, past a spool or through one, which is left empty."""
        manner: dict[str, Any] = {"sequenced": self.sequenced, "rows": self.rows}
        if not self.spooled:
            return await client.send_frames(
                self.producer, self.frames(), batch_bales=BALES_A_BATCH, **manner
            )
        with Spool(
            directory / self.producer, server=client.target, producer_id=self.producer
        ) as spool:
            feed = Feed(spool, [Source("a.csv", self.frames)], batch_bales=BALES_A_BATCH, **manner)
            try:
                (file,) = await client.send_spooled(spool, feed=feed)
            finally:
                await asyncio.to_thread(feed.stop)
            assert not file.refused
            standing = spool.standing()
            assert (standing.waiting_batches, standing.refused) == (0, ())
            return file.totals

    async def go(self, client: CottonClient, directory: Path) -> None:
        """Uploads, then corrects one bale and withdraws another; all is told as it must be."""
        with noting(self.acknowledged):
            totals = await self.upload(client, directory)
        told = (totals.batches, totals.received, totals.created, totals.existing)
        assert told == (BATCHES, BALES, BALES, 0)
        amendment = common_pb2.Amendment(
            reason=common_pb2.AMENDMENT_REASON_ENTRY_ERROR, decided_by="inspector"
        )
        stored = await client.bale(self.codes[0])
        correcting = common_pb2.Amendment(supersedes_revision=stored.stored_at_revision)
        correcting.MergeFrom(amendment)
        correction = await client.correct(
            self.codes[0], {"length": 2600}, correcting, producer_id=self.producer
        )
        assert correction.corrected == 1
        withdrawal = amendments_pb2.Withdrawal(bale_code=self.codes[1], amendment=amendment)
        receipt = await client.withdraw([withdrawal], producer_id=self.producer)
        assert receipt.applied == 1


@contextmanager
def noting(
    acknowledged: list[tuple[readings_pb2.ReadingBatch, ingest_pb2.BatchResult]],
) -> Iterator[None]:
    """Journals each batch with the answer that the client takes for it."""

    def journaling(stored: Callable[..., Any]) -> Callable[..., Any]:
        async def note(
            delivery: Delivery, each: Unacknowledged, result: ingest_pb2.BatchResult
        ) -> None:
            batch = readings_pb2.ReadingBatch()
            batch.CopyFrom(each.batch)
            acknowledged.append((batch, result))
            await stored(delivery, each, result)

        return note

    with (
        patch.object(Upload, "stored", journaling(Upload.stored)),
        patch.object(SpoolDelivery, "stored", journaling(SpoolDelivery.stored)),
    ):
        yield


def runs_of(sequenced: bool, spooled: bool, count: int) -> list[Run]:
    """Runs in one manner, rows and columns in turn."""
    return [Run(number, sequenced, spooled, rows=number % 2 == 1) for number in range(count)]


async def check_counted(server: Server, runs: list[Run]) -> None:
    """The figures of each lot hold every bale once, less the one that was withdrawn."""
    async with CottonClient(server.address) as client:
        for run in runs:
            lots = {summary_pb2.SUMMARY_KEY_LOT: [run.lot_no]}
            assert (await client.summarise_grades(filters=lots)).total.bales == BALES - 1
        assert (await client.summarise_grades()).total.bales == len(runs) * (BALES - 1)


def check_ledger(directory: Path, runs: list[Run]) -> None:
    """Acknowledged ⊆ stored, as acknowledged; every batch and every bale is there once."""
    entries = read(directory)
    for run in runs:
        check_entries(run, [each for each in entries if each.content.producer == run.producer])
    registry = Registry(bales_max=1_000_000)
    ledger = Ledger(directory)
    replay(ledger.verified(), registry, of=ledger.position)
    ledger.close()
    assert registry.revision == len(entries)


def check_entries(run: Run, entries: list[Entry]) -> None:
    """What the ledger holds of one producer is what its client was told, and no more."""
    batches = [each for each in entries if each.content.message == APPEND]
    assert created_of(batches) == Counter(run.codes), "a bale is missing, or there twice"
    stored = {batch_identity(batch_of(each)): each for each in batches}
    assert len(stored) == len(batches) == BATCHES
    if run.sequenced:
        assert set(stored) == set(range(1, BATCHES + 1))
    assert len(run.acknowledged) == BATCHES
    for batch, result in run.acknowledged:
        entry = stored[batch_identity(batch)]
        answered = result.outcome.SerializeToString(deterministic=True)
        assert (entry.position, entry.content.outcomes) == (result.revision, answered)
        assert batch_of(entry) == batch, "a batch was acknowledged, and another stored for it"
    decided = Counter(each.content.kind for each in entries)
    assert (decided[WITHDRAWALS], len(entries)) == (1, BATCHES + 2)


def batch_of(entry: Entry) -> readings_pb2.ReadingBatch:
    """The batch that an entry of a stream holds."""
    return ingest_pb2.AppendReadingsRequest.FromString(entry.content.payload).batch


def created_of(entries: list[Entry]) -> Counter[str]:
    """How often each bale was created."""
    created: Counter[str] = Counter()
    for entry in entries:
        batch = batch_of(entry)
        columns = zip(batch.columns.bale_code_high, batch.columns.bale_code_low, strict=True)
        bales = [reading.bale_code for reading in batch.rows.readings]
        bales += [f"{high:016d}{low:016d}" for high, low in columns]
        outcomes = outcomes_of(readings_pb2.BatchOutcome.FromString(entry.content.outcomes))
        created.update(bale for bale, each in zip(bales, outcomes, strict=True) if each == CREATED)
    return created


def connecting(address: str) -> CottonClient:
    """A client that takes a message for lost soon, and does not give up."""
    return CottonClient(address, retry=PATIENT, timeout_s=0.5, answer_timeout_s=ANSWER_S)


async def check_plans(
    server: Server,
    data: Path,
    directory: Path,
    runs: list[Run],
    plan_of: Callable[[int], Plan] = Plan,
) -> Counter[str]:
    """Each run through a proxy with a plan of its own; the faults that were met."""
    met: Counter[str] = Counter()
    for run in runs:
        plan = plan_of(run.number)
        async with proxy(server.address, plan) as address, connecting(address) as client:
            await asyncio.wait_for(run.go(client, directory), RUN_S_MAX)
        met += plan.met
    await check_counted(server, runs)
    assert server.end() == 0
    check_ledger(data, runs)
    return met


@pytest.mark.parametrize("spooled", [False, True], ids=["frames", "spool"])
@pytest.mark.parametrize("sequenced", [False, True], ids=["content-ids", "sequences"])
async def test_through_any_faults_every_bale_is_stored_and_told_once(
    servers: Servers, tmp_path: Path, sequenced: bool, spooled: bool, proxy_plans: int
) -> None:
    server = servers.start()
    runs = runs_of(sequenced, spooled, max(proxy_plans // 4, 1))
    met = await check_plans(server, servers.data_dir, tmp_path, runs)
    if len(runs) >= 5:
        assert {fault for way in met for fault in Fault if way.endswith(fault)} == set(Fault)


@contextmanager
def taking_answers_by_order() -> Iterator[None]:
    """A broken client: each answer is taken for that of the oldest batch, whatever it names."""
    with patch.object(stream_module, "batch_identity", lambda *_message, **_named: ""):
        yield


@contextmanager
def not_sending_again() -> Iterator[None]:
    """A broken client: what was unanswered when a stream broke is taken for sent."""
    run = Delivery.run

    async def forget_and_run(delivery: Delivery, stream: ReadingStream) -> None:
        delivery.pending.clear()
        await run(delivery, stream)

    with patch.object(Delivery, "run", forget_and_run):
        yield


@contextmanager
def not_resuming() -> Iterator[None]:
    """A broken client: a stream that breaks ends the upload."""
    with patch.object(errors.Unavailable, "transient", False):
        yield


HARD: Final = partial(
    Plan, share=0.25, faults=frozenset({Fault.LOST, Fault.SWAPPED, Fault.CUT_BEFORE})
)
"""Plans without what a broken client might survive."""


@pytest.mark.parametrize(
    ("broken", "caught_by"),
    [
        (taking_answers_by_order, AssertionError),
        (not_sending_again, AssertionError),
        (not_resuming, errors.Unavailable),
    ],
)
async def test_a_client_that_loses_track_of_its_batches_is_caught(
    servers: Servers,
    tmp_path: Path,
    broken: Callable[[], AbstractContextManager[None]],
    caught_by: type[Exception],
) -> None:
    server, runs = servers.start(), runs_of(sequenced=False, spooled=False, count=1)
    with broken(), pytest.raises(caught_by):
        await check_plans(server, servers.data_dir, tmp_path, runs, HARD)


async def test_a_server_that_does_not_check_sequences_is_caught(
    servers: Servers, tmp_path: Path
) -> None:
    """It stores what follows a lost message, and what came twice."""
    server = servers.start(broken="without_sequence_check")
    runs = runs_of(sequenced=True, spooled=False, count=1)
    with pytest.raises((AssertionError, errors.OutOfSequence)):
        await check_plans(server, servers.data_dir, tmp_path, runs)


@pytest.mark.parametrize("sequenced", [False, True], ids=["content-ids", "sequences"])
async def test_through_connections_torn_in_mid_message_every_bale_is_stored_once(
    servers: Servers, tmp_path: Path, sequenced: bool
) -> None:
    server = servers.start()
    (run,) = runs_of(sequenced, spooled=True, count=1)
    torn = TornConnections(server.address, random.Random(sequenced))  # noqa: S311 - where to tear
    async with torn.listening() as address, connecting(address) as client:
        await asyncio.wait_for(run.go(client, tmp_path), RUN_S_MAX)
    assert torn.torn > 0
    await check_counted(server, [run])
    assert server.end() == 0
    check_ledger(servers.data_dir, [run])


@pytest.mark.parametrize("sequenced", [False, True], ids=["content-ids", "sequences"])
async def test_a_client_killed_behind_a_faulty_network_finishes_when_run_again(
    servers: Servers, tmp_path: Path, sequenced: bool
) -> None:
    """`cotton send` with SIGKILL after some messages, and once more, left alone."""
    server = servers.start()
    (run,) = runs_of(sequenced, spooled=True, count=1)
    file = tmp_path / "readings.csv"
    lines = [f"{bale},{run.lot_no},28.2" for bale in run.codes]
    file.write_text("\n".join(["bale_code,lot_no,length", *lines, ""]), "utf-8")
    # Nothing is lost here: the command has no setting for how soon it takes that for granted.
    plan = Plan(7, share=0.04, faults=WITHOUT_LOSS)
    async with proxy(server.address, plan) as address:
        options = ["--warehouse", run.producer, "--batch-bales", str(BALES_A_BATCH), "--json"]
        options += ["--sequenced"] * sequenced

        async def start() -> asyncio.subprocess.Process:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cotton_client.cli", "--server", address),
                *("send", str(file), *options),
                cwd=ROOT,
                env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )

        client = await start()
        await asyncio.wait_for(plan.have_passed(12), RUN_S_MAX)
        client.send_signal(signal.SIGKILL)
        await client.communicate()
        assert client.returncode == -signal.SIGKILL
        client = await start()
        said, _ = await asyncio.wait_for(client.communicate(), RUN_S_MAX)
        assert client.returncode == 0
    (told,) = json.loads(said)["files"]
    if sequenced:
        # What was left had its numbers; the file that is read again gets new ones.
        assert told["received"] == told["created"] + told["existing"] == BALES
    else:
        assert (told["received"], told["created"]) == (BALES, BALES)
    left = store.look(directory_of(tmp_path / "state/cotton/spool", run.producer, address))
    assert left is not None
    assert (left.waiting_batches, left.refused) == (0, ())
    async with CottonClient(server.address) as reader:
        assert (await reader.summarise_grades()).total.bales == BALES
    assert server.end() == 0
    entries = read(servers.data_dir)
    assert created_of(entries) == Counter(run.codes)
    identities = Counter((each.content.sequence, each.content.batch_id) for each in entries)
    assert set(identities.values()) == {1}
    assert len(entries) <= 2 * BATCHES if sequenced else len(entries) == BATCHES
