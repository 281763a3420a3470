"""The client without await: every call of the async client, from any thread."""

from __future__ import annotations

import asyncio
import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import polars as pl
import pytest
from cotton.inspection.v1 import lots_pb2, readings_pb2, summary_pb2
from cotton_client import CottonClient, RetryPolicy, SyncCottonClient, errors, samples, sync
from cotton_client.frames import READINGS_SCHEMA, conform, lot_messages
from cotton_client.readers import read_lots, read_readings
from cotton_client.spool import Feed, Source, Spool

from tests.support.server import Servers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from cotton_client.upload import UploadTotals

    from tests.support.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of this module, whose bales do not meet."""
    with Servers(tmp_path_factory.mktemp("server")) as servers:
        yield servers.start()


@pytest.fixture
def client(server: Server) -> Iterator[SyncCottonClient]:
    """An open client."""
    with SyncCottonClient(server.address) as opened:
        yield opened


def bales(first: int, count: int) -> pl.DataFrame:
    """A readings frame of `count` bales whose numbers start at `first`."""
    codes = [f"32651401611141221550000121{number:06d}" for number in range(first, first + count)]
    columns = {"bale_code": codes, "lot_no": ["65140161077"] * count, "length": [2820] * count}
    return conform(pl.DataFrame(columns), READINGS_SCHEMA)


def row(number: int) -> readings_pb2.ReadingBatch:
    """A batch of one reading."""
    reading = readings_pb2.Reading(
        bale_code=f"32651401611141221550000121{number:06d}", lot_no="65140161077", length=2820
    )
    return readings_pb2.ReadingBatch(
        batch_id=str(number), rows=readings_pb2.ReadingRows(readings=[reading])
    )


def public_methods(kind: type) -> dict[str, Callable[..., object]]:
    """Functions of a class by name, without those that Python calls."""
    return {
        name: each
        for name, each in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def test_every_method_of_the_async_client_has_its_counterpart() -> None:
    """Same names, same parameters, and no call of either side that the other lacks."""
    ours, theirs = public_methods(SyncCottonClient), public_methods(CottonClient)
    assert set(ours) == set(theirs)
    for name, method in theirs.items():
        found = inspect.signature(ours[name]).parameters
        assert list(found.values()) == list(inspect.signature(method).parameters.values()), name
        assert not inspect.iscoroutinefunction(inspect.unwrap(ours[name], stop=_is_ours)), name
    construct = [
        inspect.signature(kind.__init__).parameters for kind in (SyncCottonClient, CottonClient)
    ]
    assert list(construct[0].values()) == list(construct[1].values())


def _is_ours(function: Callable[..., object]) -> bool:
    return function.__code__.co_filename == sync.__file__


def test_a_lot_goes_from_its_readings_to_its_certificate(client: SyncCottonClient) -> None:
    """Lots, readings, certificate, summary and bale, as a plain program asks for them."""
    sample = samples.real_lot()
    receipt = client.register_lots(lot_messages(read_lots(sample.lots)), producer_id="W01")
    assert receipt.created == 1
    heard: list[UploadTotals] = []
    totals = client.send_frames(
        "W01", read_readings(sample.readings), batch_bales=50, on_progress=heard.append
    )
    assert totals.created == heard[-1].created == totals.received > 0
    certificate = client.lot_certificate(sample.lot_no)
    assert certificate.bales == totals.received
    summary = client.summarise_grades([summary_pb2.SUMMARY_KEY_LOT])
    assert [each.figures.bales for each in summary.rows] == [totals.received]
    code = read_readings(sample.readings).__next__()["bale_code"][0]
    assert client.bale(code).reading.lot_no == sample.lot_no
    with pytest.raises(errors.NotFound):
        client.bale("3" * 32)
    assert client.submit_readings("W01", row(1)).outcome.created == 1


def test_a_spool_is_sent(client: SyncCottonClient, tmp_path: Path) -> None:
    """A feed reads in its own thread while the plain call sends."""
    with Spool(tmp_path, server=client.target, producer_id="W02") as spool:
        feed = Feed(spool, [Source("a", lambda: iter([bales(1000, 50)]))], batch_bales=8)
        (file,) = client.send_spooled(spool, feed=feed)
        feed.stop()
        assert (file.totals.created, spool.bytes) == (50, 0)


def test_calls_come_from_any_thread(client: SyncCottonClient) -> None:
    """Uploads of several producers at once over one client."""
    with ThreadPoolExecutor(4) as pool:
        totals = list(
            pool.map(
                lambda each: client.send_frames(f"T{each}", [bales(2000 + each * 100, 100)]),
                range(4),
            )
        )
    assert [each.created for each in totals] == [100] * 4


def test_a_stream_gives_futures(client: SyncCottonClient) -> None:
    """Batches go out without waiting; leaving the block waits for every answer."""
    with client.open_stream("W03", window=2) as stream:
        assert stream.next_sequence == 1
        answers = [stream.send(row(3000 + number)) for number in range(5)]
        assert answers[0].result(20).outcome.created == 1
        refused = stream.send(readings_pb2.ReadingBatch(batch_id="empty"))
    assert [answer.result().outcome.created for answer in answers] == [1] * 5
    assert stream.revision == answers[-1].result().revision
    with pytest.raises(errors.InvalidRequest):
        refused.result()


def test_an_error_in_the_block_of_a_stream_comes_out_of_it(client: SyncCottonClient) -> None:
    """Whoever fails while a stream is open hears of that and of nothing else."""

    def fail() -> None:
        with client.open_stream("W04"):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()


def test_a_call_from_inside_a_callback_is_refused(client: SyncCottonClient) -> None:
    """It would wait for itself for ever."""
    raised: list[errors.ConfigurationError] = []

    def call(_: UploadTotals) -> None:
        try:
            client.bale("1" * 32)
        except errors.ConfigurationError as error:
            raised.append(error)

    client.send_frames("W05", [bales(5000, 1)], on_progress=call)
    assert "callback" in raised[0].message


def test_a_client_that_is_not_open_says_so() -> None:
    """Before the block and after it, and a block within the block is refused too."""
    client = SyncCottonClient("127.0.0.1:1", retry=RetryPolicy(0, 0))
    for _ in range(2):
        with pytest.raises(errors.ConfigurationError, match="with SyncCottonClient"):
            client.bale("1" * 32)
        with client:
            with pytest.raises(errors.ConfigurationError, match="open already"):
                client.__enter__()
            with pytest.raises(errors.Unavailable):
                client.register_lots([lots_pb2.Lot()], producer_id="W01")


def test_clients_share_one_thread_which_ends_with_the_last() -> None:
    """However many are open, one loop serves them."""

    def running() -> int:
        return sum(each.name == "cotton-client" for each in threading.enumerate())

    assert running() == 0
    with SyncCottonClient("127.0.0.1:1"), SyncCottonClient("127.0.0.1:2"):
        assert running() == 1
        with SyncCottonClient("127.0.0.1:3"):
            assert running() == 1
        assert running() == 1
    assert running() == 0


def test_records_are_iterated_and_an_early_end_closes_the_call() -> None:
    """Every record in order; what is left early is ended on the loop at once."""
    ended = []

    async def records() -> AsyncIterator[int]:
        try:
            for number in range(5):
                await asyncio.sleep(0)
                yield number
        finally:
            ended.append(True)

    background = sync._Background.join()
    try:
        assert list(sync._each(records(), background)) == [0, 1, 2, 3, 4]
        some = sync._each(records(), background)
        assert next(some) == 0
        some.close()  # type: ignore[attr-defined]  # it is a generator
        assert len(ended) == 2
    finally:
        background.leave()


def test_what_a_call_was_waiting_for_is_cancelled_with_its_caller() -> None:
    """An interrupt of the caller does not leave the call running."""
    background = sync._Background.join()
    cancelled = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    class Interrupted(BaseException):
        pass

    class Waiting:
        def result(self) -> None:
            raise Interrupted

        def cancel(self) -> None:
            future.cancel()

    future = background.begin(wait())
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(background, "begin", lambda coroutine: (coroutine.close(), Waiting())[1])
            with pytest.raises(Interrupted):
                background.run(wait())
        assert cancelled.wait(10)
    finally:
        background.leave()
