"""The spool: nothing leaves it but what was acknowledged, and one refusal holds up nobody."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import grpc
import polars as pl
import pytest
from cotton.inspection.v1 import ingest_pb2, ingest_pb2_grpc, readings_pb2
from cotton_client import CottonClient, RetryPolicy, errors
from cotton_client.frames import READINGS_SCHEMA, conform
from cotton_client.identity import content_id
from cotton_client.spool import (
    Feed,
    FileState,
    NewBatch,
    Source,
    Spool,
    default_root,
    directory_of,
    places,
    store,
)
from google.rpc import error_details_pb2, status_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from cotton_client.spool.delivery import SentFile

QUICK = RetryPolicy(patience_s=5.0, patience_first_s=0.3, delay_first_s=0.001, delay_max_s=0.02)
SERVER = "127.0.0.1:7410"
TRIED = 7
"""More batches than the three of an upload whose second is refused: it was sent again."""


def bales(first: int, count: int) -> pl.DataFrame:
    """A readings frame of `count` bales whose numbers start at `first`."""
    codes = [f"32651401611141221550000121{number:06d}" for number in range(first, first + count)]
    return conform(
        pl.DataFrame({"bale_code": codes, "lot_no": ["65140161077"] * count}), READINGS_SCHEMA
    )


def spool_in(directory: Path, server: str = SERVER, **options: Any) -> Spool:
    """The spool of producer W01."""
    return Spool(directory, server=server, producer_id="W01", **options)


def new_batch(place: int, source: int = 1, *, sequenced: bool = False) -> NewBatch:
    """A batch of one row that names its place."""
    batch = readings_pb2.ReadingBatch()
    batch.rows.readings.add(bale_code=f"{place:032d}")
    name = content_id(batch, place)
    readings = batch.SerializeToString()
    return NewBatch(source, "a.csv", place, place + 1, 1, name, sequenced, readings)


def source(name: str, *frames: pl.DataFrame, fails: Exception | None = None) -> Source:
    """A source of these frames, which may fail after them."""

    def read() -> Iterator[pl.DataFrame]:
        yield from frames
        if fails is not None:
            raise fails

    return Source(name, read)


def places_waiting(spool: Spool) -> list[int]:
    """Places of the batches that wait, in order."""
    return [each.place for each in spool.waiting(0, 1000)]


@dataclass
class Service(ingest_pb2_grpc.IngestServiceServicer):
    """Stores batches once, keeps sequences, and refuses, breaks or waits where it is told to.

    `refuse` gives a status for batches that hold a bale with this number; `break_after`
    numbers of batches received after which the connection breaks before the answer, and
    `lose` those whose answer alone is lost. With `nameless` refusals name no batch.
    """

    refuse: dict[int, status_pb2.Status] = field(default_factory=dict)
    break_after: set[int] = field(default_factory=set)
    go_on: asyncio.Event | None = None
    tried: asyncio.Event | None = None
    replaced: bool = False
    nameless: bool = False
    lose: set[int] = field(default_factory=set)
    stored: dict[str | int, list[int]] = field(default_factory=dict)
    received: int = 0
    next_sequence: int = 1

    async def AppendReadings(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802
        """One stream."""
        async for request in request_iterator:
            answer = ingest_pb2.AppendReadingsResponse(revision=len(self.stored))
            if request.WhichOneof("request") == "open":
                answer.opened.next_sequence = self.next_sequence
                yield answer
                continue
            if self.go_on is not None:
                await self.go_on.wait()
            self.received += 1
            if self.tried is not None and self.received > TRIED:
                self.tried.set()
            if self.replaced:
                status = refusal(grpc.StatusCode.ABORTED, "STREAM_REPLACED")
                trailing = (("grpc-status-details-bin", status.SerializeToString()),)
                await context.abort(grpc.StatusCode.ABORTED, status.message, trailing)
            self.take(request.batch, answer)
            if self.received in self.break_after:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "broken after storing")
            if self.nameless and answer.HasField("refused"):
                answer.refused.ClearField("identity")
            if self.received not in self.lose:
                yield answer

    async def SubmitReadings(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Is not there: a spool is sent on streams."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"no {request.producer_id}")

    async def GetProducer(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Is not there: the opening of a stream says where a producer stands."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"no {request.producer_id}")

    def take(
        self, batch: readings_pb2.ReadingBatch, answer: ingest_pb2.AppendReadingsResponse
    ) -> None:
        """Stores or refuses a batch."""
        which = batch.WhichOneof("identity")
        assert which is not None
        identity: str | int = getattr(batch, which)
        lows = [low % 1_000_000 for low in batch.columns.bale_code_low] or [
            int(each.bale_code[26:]) for each in batch.rows.readings
        ]
        status = next((self.refuse[low] for low in lows if low in self.refuse), None)
        if status is None and which == "sequence" and batch.sequence > self.next_sequence:
            status = refusal(grpc.StatusCode.FAILED_PRECONDITION, "SEQUENCE_GAP")
        if status is not None:
            answer.refused.status.CopyFrom(status)
            setattr(answer.refused, which, identity)
            answer.refused.next_sequence = self.next_sequence
            return
        answer.result.repeated_batch = identity in self.stored
        if identity not in self.stored:
            self.stored[identity] = lows
            self.next_sequence += which == "sequence"
        setattr(answer.result, which, identity)
        answer.result.revision = len(self.stored)
        answer.result.outcome.received = answer.result.outcome.created = len(lows)

    @property
    def bales(self) -> list[int]:
        """Every bale that was stored, in order of its number."""
        return sorted(low for lows in self.stored.values() for low in lows)


def refusal(code: grpc.StatusCode, reason: str) -> status_pb2.Status:
    """A google.rpc.Status with a reason."""
    status = status_pb2.Status(code=code.value[0], message=f"It is {reason}.")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason))
    return status


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[CottonClient]:
    """A client of the service that is patient for a moment only."""
    server = grpc.aio.server()
    ingest_pb2_grpc.add_IngestServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with CottonClient(f"127.0.0.1:{port}", retry=QUICK) as client:
            yield client
    finally:
        await server.stop(None)


async def send(
    client: CottonClient, directory: Path, *sources: Source, **options: Any
) -> tuple[SentFile, ...]:
    """What `cotton send` does: a feed beside the sending, in batches of four bales."""
    with spool_in(directory, client.target) as spool:
        feed = Feed(spool, sources, batch_bales=4, **options) if sources else None
        try:
            return await client.send_spooled(spool, feed=feed)
        finally:
            if feed is not None:
                await asyncio.to_thread(feed.stop)


def test_what_was_appended_is_there_after_a_kill(tmp_path: Path) -> None:
    """A process that is killed between append and send leaves every batch, in order."""
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from tests.client.test_spool import new_batch, spool_in;"
        "spool = spool_in(Path(sys.argv[1]));"
        "spool.append([new_batch(place) for place in range(3)]); spool.append([new_batch(3)]);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=root, check=False)
    assert done.returncode == -9
    with spool_in(tmp_path) as spool:
        assert places_waiting(spool) == [0, 1, 2, 3]
        assert spool.standing().waiting_bales == 4


def test_a_batch_leaves_only_when_it_is_forgotten(tmp_path: Path) -> None:
    """Reading does not take away; ids are never used again, so nothing is overlooked."""
    with spool_in(tmp_path) as spool:
        spool.append([new_batch(0), new_batch(1)])
        assert places_waiting(spool) == places_waiting(spool) == [0, 1]
        last = spool.waiting(0, 10)[-1]
        spool.forget([(each.id, each.batch_id) for each in spool.waiting(0, 10)])
        assert spool.bytes == 0
        spool.append([new_batch(2)])
        assert [each.place for each in spool.waiting(last.id, 10)] == [2]


def test_every_commit_is_synced(tmp_path: Path) -> None:
    """WAL with synchronous = FULL: what append returned from survives a power cut."""
    with spool_in(tmp_path) as spool:
        connection = spool._writer
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
        assert connection.execute("PRAGMA synchronous").fetchall() == [(2,)]


def test_one_process_at_a_time_and_the_other_is_named(tmp_path: Path) -> None:
    """The error says which process has the spool, and since when."""
    code = (
        "import sys; from pathlib import Path; from tests.client.test_spool import spool_in;"
        "spool = spool_in(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(errors.SpoolBusy, match=f"in use by process {other.pid} since 20"):
            spool_in(tmp_path)
        standing = store.look(tmp_path)
        assert standing is not None
        assert standing.producer_id == "W01"
        other.stdin.close()
        assert other.wait(20) == 0
    spool_in(tmp_path).close()


def test_a_spool_of_another_server_or_producer_is_refused(tmp_path: Path) -> None:
    """Batches for one service never reach another by a slip of a directory."""
    refused = pytest.raises(errors.SpoolError, match=f"producer W01 sends to {SERVER}")
    with spool_in(tmp_path) as spool, refused:
        spool.require_server("127.0.0.1:7411")
    for server, producer in (("127.0.0.1:7411", "W01"), (SERVER, "W02")):
        with pytest.raises(errors.SpoolError, match="another directory") as caught:
            Spool(tmp_path, server=server, producer_id=producer)
        assert caught.value.reason == "SPOOL_OF_ANOTHER"
    spool_in(tmp_path).close()


def test_producers_and_servers_never_share_a_directory(
    state_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever characters a producer has, and whether or not $XDG_STATE_HOME can be used."""
    pairs = [("a", "b:1"), ("a:b", "b:1"), ("a_b", "b:1"), (".", "b:1"), ("..", "[::1]:1")]
    found = {directory_of(tmp_path, *pair) for pair in pairs}
    assert len(found) == len(pairs)
    assert all(each.parent == tmp_path for each in found)
    assert default_root() == state_home / "cotton" / "spool"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_root() == tmp_path / ".local" / "state" / "cotton" / "spool"


def test_a_file_that_is_no_spool_is_left_as_it_is(tmp_path: Path) -> None:
    """A damaged file and one of another format are told apart, and neither is written to."""
    path = tmp_path / places.FILE_NAME
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(errors.SpoolError) as damaged:
        spool_in(tmp_path)
    assert damaged.value.reason == "SPOOL_DAMAGED"
    assert path.read_bytes().startswith(b"no database")
    path.unlink()
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE other (x)")
    connection.close()
    with pytest.raises(errors.SpoolError, match="not a spool of this version"):
        spool_in(tmp_path)


def test_a_full_disk_is_an_error_that_says_so(tmp_path: Path) -> None:
    """What cannot be written is not pretended to be kept."""
    with spool_in(tmp_path) as spool:
        (pages,) = spool._writer.execute("PRAGMA page_count").fetchall()[0]
        spool._writer.execute(f"PRAGMA max_page_count = {pages}")
        large = new_batch(0)
        large = NewBatch(
            1, "a.csv", 0, 1, 1, large.batch_id, sequenced=False, readings=b"x" * 10**6
        )
        with pytest.raises(errors.SpoolError, match="no space left"):
            spool.append([large])
        assert (spool.bytes, places_waiting(spool)) == (0, [])


def test_a_spool_whose_making_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    """Killed before its tables were there, or before it was known whose it is."""
    (tmp_path / places.FILE_NAME).touch()
    assert store.look(tmp_path) is None
    spool_in(tmp_path).close()
    connection = apsw.Connection(str(tmp_path / places.FILE_NAME))
    connection.execute("DELETE FROM spool")
    connection.close()
    assert store.look(tmp_path) is None
    with spool_in(tmp_path) as spool:
        assert spool.standing().server == SERVER


def test_an_empty_spool_gives_back_its_room(tmp_path: Path) -> None:
    """After a clean run nothing of a large upload stays on the disk."""
    with spool_in(tmp_path) as spool:
        large = b"x" * 8_000_000
        spool.append([NewBatch(1, "a", 0, 1, 1, "id", sequenced=False, readings=large)])
        spool.forget([(each.id, each.batch_id) for each in spool.waiting(0, 1)])
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_000_000


def test_files_are_remembered(tmp_path: Path) -> None:
    """As they were when they had been sent, across openings."""
    state = FileState("/x/a.csv", 10, 5, b"digest")
    with spool_in(tmp_path) as spool:
        assert spool.remembered("/x/a.csv") is None
        spool.remember(state)
        spool.remember(FileState("/x/a.csv", 12, 6, b"other"))
    with spool_in(tmp_path) as spool:
        assert spool.remembered("/x/a.csv") == FileState("/x/a.csv", 12, 6, b"other")


async def test_files_are_spooled_sent_and_gone(tmp_path: Path) -> None:
    """Two files, each counted by itself; the spool is empty at the end."""
    service = Service()
    async with serving(service) as client:
        files = await send(
            client, tmp_path, source("a", bales(0, 10)), source("b", bales(10, 3), bales(13, 4))
        )
        with spool_in(tmp_path, client.target) as spool:
            assert (spool.bytes, places_waiting(spool)) == (0, [])
    assert [(each.file, each.totals.received, each.totals.batches) for each in files] == [
        ("a", 10, 3),
        ("b", 7, 2),
    ]
    assert service.bales == list(range(17))


@pytest.mark.parametrize("sequenced", [False, True])
async def test_connections_that_break_count_nothing_twice(tmp_path: Path, sequenced: bool) -> None:
    """Stored, answer lost, sent again under the same identity."""
    service = Service(break_after={2, 5, 6})
    async with serving(service) as client:
        (file,) = await send(client, tmp_path, source("a", bales(0, 40)), sequenced=sequenced)
    assert service.bales == list(range(40))
    assert (file.totals.received, file.totals.batches) == (40, 10)
    assert file.totals.resent_batches > 0
    if sequenced:
        assert list(service.stored) == list(range(1, 11))


@pytest.mark.parametrize("sequenced", [False, True])
async def test_what_a_run_left_is_sent_by_the_next_under_the_same_identity(
    tmp_path: Path, sequenced: bool
) -> None:
    """All but the deletion had happened when it was cut off: everything is a repeat."""
    service = Service()
    async with serving(service) as client:
        with spool_in(tmp_path, client.target) as spool:
            feed = Feed(spool, [source("a", bales(0, 20))], batch_bales=4, sequenced=sequenced)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(spool, "forget", lambda _batches: None)
                await client.send_spooled(spool, feed=feed)
            feed.stop()
            assert len(places_waiting(spool)) == 5
        (file,) = await send(client, tmp_path)
        with spool_in(tmp_path, client.target) as spool:
            assert places_waiting(spool) == []
    assert (file.file, file.totals.received, file.totals.repeated_batches) == ("a", 20, 5)
    assert service.bales == list(range(20))


@pytest.mark.parametrize("sequenced", [False, True])
async def test_a_refused_batch_is_set_aside_and_the_others_go_on(
    tmp_path: Path, sequenced: bool
) -> None:
    """It is reported and kept with its error; in a sequence those after it move up."""
    service = Service(refuse={9: refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")})
    async with serving(service) as client:
        (file,) = await send(client, tmp_path, source("a", bales(0, 40)), sequenced=sequenced)
        assert service.bales == [*range(8), *range(12, 40)]
        assert (file.totals.received, file.answered) == (36, 10)
        (refused,) = file.refused
        assert (refused.bale_first, refused.bales) == (9, 4)
        with spool_in(tmp_path, client.target) as spool:
            (kept,) = spool.standing().refused
            assert (kept.id, kept.reason) == (refused.id, "INVALID_FIELD")
            assert places_waiting(spool) == []
            assert spool.retry() == 1
        assert (await send(client, tmp_path))[0].refused
        service.refuse.clear()
        with spool_in(tmp_path, client.target) as spool:
            assert spool.retry(refused.id) == 1
        (file,) = await send(client, tmp_path)
        assert file.totals.received == 4
    assert service.bales == list(range(40))
    if sequenced:
        assert list(service.stored) == list(range(1, 11))


@pytest.mark.parametrize("sequenced", [False, True])
async def test_a_refusal_without_a_name_sets_none_but_its_own_batch_aside(
    tmp_path: Path, sequenced: bool
) -> None:
    """The answer to a batch before it was lost: that one is stored, and not blamed for it."""
    too_large = refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")
    service = Service(refuse={9: too_large, 17: too_large}, nameless=True, lose={2})
    async with serving(service) as client:
        (file,) = await send(client, tmp_path, source("a", bales(0, 40)), sequenced=sequenced)
        with spool_in(tmp_path, client.target) as spool:
            assert [kept.reason for kept in spool.standing().refused] == ["MESSAGE_TOO_LARGE"] * 2
            assert places_waiting(spool) == []
    assert [each.bale_first for each in file.refused] == [9, 17]
    assert service.bales == [*range(8), *range(12, 16), *range(20, 40)]


async def test_a_refused_batch_that_is_read_again_is_kept_once(tmp_path: Path) -> None:
    """Refused again it takes the place of the first; stored at last it leaves nothing behind."""
    service = Service(refuse={2: refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")})
    async with serving(service) as client:
        for _ in range(2):
            await send(client, tmp_path, source("a", bales(0, 8)))
            with spool_in(tmp_path, client.target) as spool:
                assert len(spool.standing().refused) == 1
        service.refuse.clear()
        await send(client, tmp_path, source("a", bales(0, 8)))
        with spool_in(tmp_path, client.target) as spool:
            assert spool.standing().refused == ()
            assert spool.bytes == 0
    assert service.bales == list(range(8))


def test_only_a_refused_batch_can_be_dropped(tmp_path: Path) -> None:
    """What waits cannot be dropped by a slip of a number."""
    with spool_in(tmp_path) as spool:
        spool.append([new_batch(0), new_batch(1)])
        first, second = spool.waiting(0, 10)
        spool.set_aside(second.id, errors.InvalidRequest("Wrong."))
        assert spool.drop(first.id) is None
        dropped = spool.drop(second.id)
        assert dropped is not None
        assert dropped.place == 1
        assert places_waiting(spool) == [0]
        assert spool.bytes == len(first.readings)


async def test_a_refusal_that_every_batch_would_meet_ends_the_run(tmp_path: Path) -> None:
    """Nothing is set aside, and all waits in order for the next run."""
    service = Service(refuse={5: refusal(grpc.StatusCode.PERMISSION_DENIED, "NOT_PERMITTED")})
    async with serving(service) as client:
        with pytest.raises(errors.NotPermitted):
            await send(client, tmp_path, source("a", bales(0, 12)))
        with spool_in(tmp_path, client.target) as spool:
            assert places_waiting(spool)[:1] == [1]
            assert spool.standing().refused == ()


async def test_a_stream_that_was_replaced_is_not_opened_again(tmp_path: Path) -> None:
    """Two processes must not take the producer from each other for ever."""
    service = Service(replaced=True)
    async with serving(service) as client:
        with pytest.raises(errors.StreamReplaced, match="one process at a time"):
            await send(client, tmp_path, source("a", bales(0, 4)))
        assert service.received == 1
        with spool_in(tmp_path, client.target) as spool:
            assert places_waiting(spool) == [0]


async def test_a_full_server_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Want of room is no fault of the batch: it is sent again in its order."""
    full = refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL")
    tried = asyncio.Event()
    service = Service(refuse={5: full}, tried=tried)
    waits = "cotton_client.spool.delivery._UNTIL_THE_OPERATOR_ACTS_S"
    monkeypatch.setattr(waits, {"STORAGE_FULL": 0.01})
    async with serving(service) as client:
        sending = asyncio.create_task(send(client, tmp_path, source("a", bales(0, 12))))
        await tried.wait()
        service.refuse.clear()
        (file,) = await sending
    assert (file.totals.received, file.refused) == (12, ())
    assert service.bales == list(range(12))


async def test_a_server_that_miscounts_takes_nothing_from_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that does not account for every bale acknowledges nothing."""

    def miscount(
        self: Service,
        batch: readings_pb2.ReadingBatch,
        answer: ingest_pb2.AppendReadingsResponse,
    ) -> None:
        take(self, batch, answer)
        answer.result.outcome.created -= 1

    take = Service.take
    monkeypatch.setattr(Service, "take", miscount)
    async with serving(Service()) as client:
        with pytest.raises(errors.ContractViolation, match="accounts for 3 of 4"):
            await send(client, tmp_path, source("a", bales(0, 8)))
        with spool_in(tmp_path, client.target) as spool:
            assert places_waiting(spool)[0] == 0


async def test_a_file_that_fails_leaves_what_was_read_before_it_stored(tmp_path: Path) -> None:
    """Nothing is read after it, unless the feed is told to go on."""
    for keep_going, read in ((False, 6), (True, 9)):
        service = Service()
        bad = source("bad", bales(0, 6), fails=ValueError("line 8"))
        good = source("good", bales(6, 3))
        async with serving(service) as client:
            await send(client, tmp_path / str(keep_going), bad, good, keep_going=keep_going)
        # The reader hands out whole frames: the two bales that did not fill a batch were
        # not known to be complete when it failed.
        assert service.bales == [low for low in range(read) if low < 4 or low >= 6]
        assert isinstance(bad.error, ValueError)
        assert good.ended == keep_going


async def test_reading_pauses_at_the_limit_and_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spool does not outgrow its limit by more than a group; all arrives in the end."""
    monkeypatch.setattr("cotton_client.spool.feed.GROUP_BYTES", 1)
    service = Service(go_on=asyncio.Event())
    assert service.go_on is not None
    read = 0

    def frames() -> Iterator[pl.DataFrame]:
        nonlocal read
        for place in range(100):
            read += 1
            yield bales(place * 4, 4)

    async with serving(service) as client:
        with spool_in(tmp_path, client.target, limit_bytes=1000) as spool:
            feed = Feed(spool, [Source("a", frames)], batch_bales=4)
            sending = asyncio.create_task(client.send_spooled(spool, feed=feed))
            async with asyncio.timeout(20):
                while spool.bytes < 1000:  # noqa: ASYNC110  # a spool tells nobody
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)
            held, size = read, spool.bytes
            service.go_on.set()
            (file,) = await sending
            feed.stop()
    assert held < 30
    assert 1000 <= size < 1200
    assert file.totals.received == 400
    assert service.bales == list(range(400))


def test_a_spool_full_of_refused_batches_says_so(tmp_path: Path) -> None:
    """No answer will make room: somebody has to decide."""
    with spool_in(tmp_path, limit_bytes=10) as spool:
        spool.append([new_batch(0)])
        spool.set_aside(spool.waiting(0, 1)[0].id, errors.InvalidRequest("Wrong."))
        with pytest.raises(errors.SpoolFull, match="spool list"):
            spool.wait_for_room(threading.Event())


async def test_a_spool_that_cannot_be_written_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The feed's own failure is raised once what was spooled before it is stored."""
    service = Service()
    append = Spool.append

    def once(self: Spool, batches: Any) -> None:
        if self._bytes or service.stored:
            raise errors.SpoolError("The disk is gone.")
        append(self, batches)

    monkeypatch.setattr(Spool, "append", once)
    monkeypatch.setattr("cotton_client.spool.feed.GROUP_BYTES", 1)
    async with serving(service) as client:
        with pytest.raises(errors.SpoolError, match="The disk is gone"):
            await send(client, tmp_path, source("a", bales(0, 12)))
    assert service.bales == list(range(4))


async def test_a_deadline_that_passed_is_tried_again() -> None:
    """The server says that nothing was kept: the same may be sent again."""
    status = refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_PASSED")
    error = errors.from_status(status)
    assert isinstance(error, errors.DeadlinePassed)
    assert error.transient


def test_pauses_keep_to_their_limit_for_ever() -> None:
    """Somebody who tries for days does not count out of range."""
    policy = RetryPolicy(delay_first_s=0.1, delay_max_s=0.5)
    assert 0 <= policy.delay_s(1_000_000) <= 0.5


def test_a_spool_is_looked_at_while_another_process_opens_and_closes_it(tmp_path: Path) -> None:
    """`cotton spool list` waits a moment for the file and never fails for it."""
    code = (
        "import sys; from pathlib import Path; from tests.client.test_spool import spool_in\n"
        "for _ in range(40): spool_in(Path(sys.argv[1])).close()"
    )
    seen = 0
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], cwd=Path(__file__).parents[2]
    ) as other:
        while other.poll() is None:
            if (tmp_path / places.FILE_NAME).exists():
                seen += store.look(tmp_path) is not None
    assert other.returncode == 0
    assert seen
