"""The client without await: the same calls from any thread, on a loop of their own."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from cotton_client import errors
from cotton_client.channel import TARGET_DEFAULT
from cotton_client.client import CottonClient
from cotton_client.stream import ANSWER_TIMEOUT_S_DEFAULT, WINDOW_DEFAULT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from concurrent.futures import Future
    from types import TracebackType

    import grpc
    from cotton.inspection.v1 import ingest_pb2, readings_pb2

    from cotton_client.listing import Listing
    from cotton_client.retry import RetryPolicy
    from cotton_client.stream import ReadingStream

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Background:
    """An event loop in a thread, shared by all clients of the process while one is open.

    One for all: gRPC's asyncio side serves one loop of a process well.
    """

    _guard = threading.Lock()
    _shared: _Background | None = None

    def __init__(self) -> None:
        self._users = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="cotton-client", daemon=True)
        self._thread.start()

    @classmethod
    def join(cls) -> _Background:
        """The loop, started for the first that asks."""
        with cls._guard:
            background = cls._shared = cls._shared or cls()
            background._users += 1  # noqa: SLF001 - its own class
            return background

    def leave(self) -> None:
        """Ends the loop when nobody uses it any more."""
        with self._guard:
            self._users -= 1
            if self._users:
                return
            self._unshare()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @classmethod
    def _unshare(cls) -> None:
        cls._shared = None

    @property
    def running(self) -> bool:
        """Whether the loop takes calls."""
        return self._users > 0

    def begin(self, coroutine: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Starts a coroutine on the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """What a coroutine comes to; an interrupt of the caller cancels it."""
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise errors.ConfigurationError(
                "A call was made from inside a callback, whose answer it would wait for.",
                remedy="Let the callback return, and call from another thread.",
            )
        future = self.begin(coroutine)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _serve(self) -> None:
        """Runs the loop until it is stopped, then ends what is left on it."""
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


def _waits_for(
    method: Callable[Concatenate[CottonClient, _P], Coroutine[Any, Any, _T]],
) -> Callable[Concatenate[SyncCottonClient, _P], _T]:
    """The counterpart of a coroutine method: the same call, which returns when it is done."""

    @wraps(method)
    def call(self: SyncCottonClient, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return self._background().run(method(self._client, *args, **kwargs))

    return call


def _lists(
    method: Callable[Concatenate[CottonClient, _P], Listing[_T]],
) -> Callable[Concatenate[SyncCottonClient, _P], SyncListing[_T]]:
    """The counterpart of a method that gives a Listing."""

    @wraps(method)
    def call(self: SyncCottonClient, /, *args: _P.args, **kwargs: _P.kwargs) -> SyncListing[_T]:
        background = self._background()
        return SyncListing(method(self._client, *args, **kwargs), background)

    return call


def _iterates(
    method: Callable[Concatenate[CottonClient, _P], AsyncIterator[_T]],
) -> Callable[Concatenate[SyncCottonClient, _P], Iterator[_T]]:
    """The counterpart of a method that gives an async iterator."""

    @wraps(method)
    def call(self: SyncCottonClient, /, *args: _P.args, **kwargs: _P.kwargs) -> Iterator[_T]:
        background = self._background()
        return _each(method(self._client, *args, **kwargs), background)

    return call


def _each(records: AsyncIterator[_T], background: _Background) -> Iterator[_T]:
    """The records of an async iterator; whoever stops early ends the call behind it."""

    async def following() -> tuple[_T] | None:
        async for record in records:
            return (record,)
        return None

    async def close() -> None:
        if (aclose := getattr(records, "aclose", None)) is not None:
            await aclose()

    try:
        while (found := background.run(following())) is not None:
            yield found[0]
    finally:
        if background.running:
            background.run(close())


class SyncListing(Generic[_T]):
    """The records of an answer, one after the other; iterate over it once.

    `revision` is the one that the answer was computed at, 0 until its first message is there.
    """

    def __init__(self, listing: Listing[_T], background: _Background) -> None:
        self._listing = listing
        self._background = background

    @property
    def revision(self) -> int:
        """The revision that the answer was computed at."""
        return self._listing.revision

    def __iter__(self) -> Iterator[_T]:
        """Every record in the order of the answer; raises a CottonError."""
        return _each(aiter(self._listing), self._background)


class SyncReadingStream:
    """An open stream: batches go out without waiting, answers come back in order."""

    def __init__(self, stream: ReadingStream, background: _Background) -> None:
        self._stream = stream
        self._background = background

    @property
    def next_sequence(self) -> int:
        """The sequence of the producer's next batch, as the server said at the opening."""
        return self._stream.next_sequence

    @property
    def revision(self) -> int:
        """The latest durable revision heard of."""
        return self._stream.revision

    def send(self, batch: readings_pb2.ReadingBatch) -> Future[ingest_pb2.BatchResult]:
        """Sends a batch once fewer than `window` are unanswered; the future is its answer.

        As ReadingStream.send; the future may be waited for in any thread.
        """
        answer = self._background.run(self._stream.send(batch))

        async def answered() -> ingest_pb2.BatchResult:
            return await answer

        return self._background.begin(answered())


class SyncCottonClient:
    """A connection to one service without await; use it as a context manager, from any thread.

    Takes what CottonClient takes, and each method is that of CottonClient of the same name:
    same arguments, same answer, same errors. Callbacks such as `on_progress` are called in
    a thread of the client's own and must not call it.
    """

    def __init__(
        self,
        target: str = TARGET_DEFAULT,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        allow_plaintext: bool = False,
        retry: RetryPolicy | None = None,
        timeout_s: float = 30.0,
        answer_timeout_s: float = ANSWER_TIMEOUT_S_DEFAULT,
    ) -> None:
        self._client = CottonClient(
            target,
            credentials=credentials,
            allow_plaintext=allow_plaintext,
            retry=retry,
            timeout_s=timeout_s,
            answer_timeout_s=answer_timeout_s,
        )
        self._joined: _Background | None = None

    def __enter__(self) -> Self:
        """Makes the channel; it connects with the first call."""
        if self._joined is not None:
            raise errors.ConfigurationError("The client is open already.")
        background = _Background.join()
        background.run(self._client.__aenter__())
        self._joined = background
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the channel; calls under way in other threads are cancelled."""
        background = self._background()
        self._joined = None
        try:
            background.run(self._client.__aexit__(kind, error, traceback))
        finally:
            background.leave()

    @property
    def target(self) -> str:
        """The server's address."""
        return self._client.target

    # One line for each method of CottonClient; a test fails for one that is missing.
    register_lots = _waits_for(CottonClient.register_lots)
    record_lot_weights = _waits_for(CottonClient.record_lot_weights)
    close_lots = _waits_for(CottonClient.close_lots)
    record_certificates = _waits_for(CottonClient.record_certificates)
    record_objections = _waits_for(CottonClient.record_objections)
    record_unit_lots = _waits_for(CottonClient.record_unit_lots)
    record_deliveries = _waits_for(CottonClient.record_deliveries)
    record_areas = _waits_for(CottonClient.record_areas)
    record_market_prices = _waits_for(CottonClient.record_market_prices)
    record_bale_weights = _waits_for(CottonClient.record_bale_weights)
    list_accounts = _lists(CottonClient.list_accounts)
    withdraw = _waits_for(CottonClient.withdraw)
    resolve_conflicts = _waits_for(CottonClient.resolve_conflicts)
    conflicts = _lists(CottonClient.conflicts)
    count_conflicts = _waits_for(CottonClient.count_conflicts)
    lots = _lists(CottonClient.lots)
    watch_changes = _iterates(CottonClient.watch_changes)
    producer = _waits_for(CottonClient.producer)
    correct = _waits_for(CottonClient.correct)
    submit_correction = _waits_for(CottonClient.submit_correction)
    submit_readings = _waits_for(CottonClient.submit_readings)
    lot_certificate = _waits_for(CottonClient.lot_certificate)
    summarise_grades = _waits_for(CottonClient.summarise_grades)
    summary_pages = _iterates(CottonClient.summary_pages)
    tabulate_grades = _waits_for(CottonClient.tabulate_grades)
    tabulate_certificates = _waits_for(CottonClient.tabulate_certificates)
    list_bales = _lists(CottonClient.list_bales)
    bale = _waits_for(CottonClient.bale)
    standards = _waits_for(CottonClient.standards)
    standard = _waits_for(CottonClient.standard)
    grade_readings = _waits_for(CottonClient.grade_readings)
    load_references = _waits_for(CottonClient.load_references)
    references = _waits_for(CottonClient.references)
    reference = _waits_for(CottonClient.reference)
    list_shipped = _waits_for(CottonClient.list_shipped)
    describe_reference = _waits_for(CottonClient.describe_reference)
    price_lots = _waits_for(CottonClient.price_lots)
    freeze_run = _waits_for(CottonClient.freeze_run)
    list_runs = _waits_for(CottonClient.list_runs)
    get_run = _waits_for(CottonClient.get_run)
    tabulate_run = _waits_for(CottonClient.tabulate_run)
    compare_runs = _iterates(CottonClient.compare_runs)
    verify_run = _waits_for(CottonClient.verify_run)
    run_tables = _waits_for(CottonClient.run_tables)
    run_content = _waits_for(CottonClient.run_content)
    send_frames = _waits_for(CottonClient.send_frames)
    send_spooled = _waits_for(CottonClient.send_spooled)

    @contextmanager
    def open_stream(
        self, producer_id: str, *, window: int = WINDOW_DEFAULT
    ) -> Iterator[SyncReadingStream]:
        """A stream of one producer's batches; leaving the block waits for every answer.

        It is not repeated when it breaks: `send_frames` does that.
        """
        background = self._background()
        opening = self._client.open_stream(producer_id, window=window)
        stream = background.run(_entered(opening))
        try:
            yield SyncReadingStream(stream, background)
        except BaseException as error:
            background.run(_left(opening, error))
            raise
        background.run(_left(opening, None))

    def _background(self) -> _Background:
        """The loop, of a client that is open."""
        if self._joined is None:
            raise errors.ConfigurationError(
                "The client is not open.", remedy="Use it in `with SyncCottonClient(…)`."
            )
        return self._joined


async def _entered(opening: Any) -> ReadingStream:
    """The stream of an `open_stream` that is entered here and left in `_left`."""
    stream: ReadingStream = await opening.__aenter__()
    return stream


async def _left(opening: Any, error: BaseException | None) -> None:
    """Leaves an `open_stream` with the error that its block ended with."""
    try:
        await opening.__aexit__(type(error) if error else None, error, None)
    except BaseException as raised:
        if raised is not error:
            raise
