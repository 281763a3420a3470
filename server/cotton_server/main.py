"""The life of the server: lock, ledger, replay, serve, drain."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import logging
import os
import platform
import signal
import sys
import time
from contextlib import AsyncExitStack
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from cotton_server.api.accounts import AccountHandlers
from cotton_server.api.conflicts import ConflictHandlers
from cotton_server.api.grading import GradingHandlers
from cotton_server.api.ingest import IngestHandlers
from cotton_server.api.lifecycle import LifecycleHandlers
from cotton_server.api.open_tables import OpenTables
from cotton_server.api.records import RecordHandlers
from cotton_server.api.references import ReferenceHandlers
from cotton_server.api.requests import Admission
from cotton_server.api.server import InspectionServer
from cotton_server.api.settlement import SettlementHandlers
from cotton_server.api.summary import SummaryHandlers
from cotton_server.api.trace import TraceHandlers
from cotton_server.config import changed_settings, split_listen
from cotton_server.errors import StartError
from cotton_server.grading.standards import load_standards
from cotton_server.intake.committer import Committer
from cotton_server.intake.content import ACCOUNTS
from cotton_server.intake.decode import BatchLimits
from cotton_server.intake.room import Bounds
from cotton_server.intake.rules import CURRENT, rule_set
from cotton_server.keeping.forms import require_startable
from cotton_server.keeping.versions import note_version
from cotton_server.ledger import DirectoryLock, Folding, Ledger, LedgerError
from cotton_server.observability.correlation import CallThreads
from cotton_server.observability.logs import configure_logs
from cotton_server.observability.metrics import Metrics
from cotton_server.registry.registry import Registry
from cotton_server.registry.reserve import Reserve
from cotton_server.runs.archive import ARCHIVE_NAME, Archive
from cotton_server.runs.frozen import FrozenRuns
from cotton_server.runs.settle import Settler
from cotton_server.sealing.history import History, Recovered, open_history, recover
from cotton_server.sealing.sealer import SealBounds, Sealer
from cotton_server.summary.at_revision import LotsAtRevision
from cotton_server.summary.changes import ChangeFeed
from cotton_server.summary.gradings import Gradings
from cotton_server.summary.status import Deadlines
from cotton_server.summary.views import LotViews

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton_server.config import Config
    from cotton_server.grading.chart import Chart
    from cotton_server.intake.records import ReplayProgress

_LOG: Final = logging.getLogger(__name__)

_SWITCH_INTERVAL_S: Final = 0.0005
"""How long a thread of Python may hold the interpreter while another waits for it.

Python's own 5 ms is more than a single reading may take in all: receiving, deciding and answering
are two threads, which hand a reading to each other twice.
"""

_OLDEST_GENERATION: Final = 2
_YOUNG_OBJECTS: Final = 20_000
"""New objects between two searches of the youngest; a stream of bulk makes thousands a second."""

EXIT_DRAINED: Final = 0
EXIT_FAILED: Final = 1


class _StoppedError(Exception):
    """A signal came before the server served."""


def serve(config: Config) -> int:
    """Runs the service until SIGTERM or SIGINT; 0 when drained, 1 when the ledger failed.

    Raises StartError (and its kinds) when it cannot start.
    """
    faulthandler.enable()
    configure_logs(config.log_format, config.log_level)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    _LOG.info(
        "starting",
        extra={
            "version": version("cotton-inspection"),
            "python": platform.python_version(),
            "pid": os.getpid(),
            "settings": changed_settings(config),
        },
    )
    try:
        return asyncio.run(_serve(config))
    except (StartError, LedgerError) as error:
        if config.log_format == "json":
            _LOG.critical("cannot start", extra={"error": str(error)})
        if isinstance(error, StartError):
            raise
        raise StartError(str(error)) from error


async def _serve(config: Config) -> int:
    stop = asyncio.Event()
    failures: list[Exception] = []
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def failed(error: Exception) -> None:
        _LOG.critical("the ledger failed; stopping", extra={"error": str(error)})
        failures.append(error)
        stop.set()

    async with AsyncExitStack() as stack:
        ledger = _open(config, stack)
        metrics = Metrics()
        metrics_port = _serve_metrics(config, metrics, stack)
        try:
            recovered = await _recover(config, ledger, metrics, stop)
        except _StoppedError:
            return EXIT_DRAINED
        history, registry = recovered.history, recovered.registry
        _calm_collector()
        stack.callback(Reserve(registry).close)
        _observe(metrics, registry, ledger)
        committer = Committer(
            ledger,
            registry,
            Bounds(
                group_bytes_max=config.group_bytes_max,
                queued_bytes_max=config.queued_bytes_max,
                bales_max=config.bales_max,
                lots_max=config.lots_max,
                conflicts_max=config.conflicts_max,
                accounts_max=config.accounts_max,
            ),
            metrics,
            failed,
        )
        stack.push_async_callback(committer.close)
        sealer = Sealer(
            config.data_dir,
            ledger,
            registry,
            history,
            recovered.residence,
            SealBounds(
                bales=config.seal_bales,
                after_s=config.seal_after_s,
                bales_max=config.bales_max,
                resident_bales_max=config.resident_bales_max,
                cold_bytes_max=config.cold_bytes_max,
            ),
            metrics,
        )
        stack.callback(sealer.close)
        metrics.observe(
            "cotton_sealed_position",
            "Last position of the ledger that is sealed.",
            lambda: sealer.position,
        )
        metrics.observe(
            "cotton_sealing",
            "1 while the ledger is sealed, or payloads are freed that lie in sealed files, else 0.",
            lambda: sealer.working,
        )
        server = _server(config, committer, registry, ledger, history, metrics, stack)
        try:
            port = await server.start(config.listen)
        except OSError as error:
            raise StartError(
                f"Cannot listen on {config.listen}: {error}. Stop what uses the address, or"
                " choose another with --listen."
            ) from error
        metrics.serving(serving=True)
        host = split_listen(config.listen).host
        _LOG.info(
            "serving",
            extra={
                "listen": f"{host}:{port}",
                "metrics": "off" if metrics_port is None else f"http://{metrics_port}/metrics",
                "data_dir": str(config.data_dir),
                "revision": registry.revision,
                "bales": len(registry.bales.index),
            },
        )
        await stop.wait()
        metrics.serving(serving=False)
        if failures:
            await server.stop()
            return EXIT_FAILED
        _LOG.info("draining")
        await server.drain(config.drain_grace_s)
    _LOG.info("drained", extra={"revision": registry.revision})
    return EXIT_FAILED if failures else EXIT_DRAINED


def _calm_collector() -> None:
    """Keeps Python's search for cyclic garbage away from what lives as long as the server.

    The registry has millions of objects and no garbage; going through all of them stops every
    thread for tens of milliseconds. What has outlived a full search is not searched again: of
    that, only a handful of calls that were under way can ever become garbage.
    """

    def spare_survivors(phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == _OLDEST_GENERATION:
            gc.freeze()

    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])
    gc.callbacks.append(spare_survivors)


def _open(config: Config, stack: AsyncExitStack) -> Ledger:
    directory = config.data_dir
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = DirectoryLock(directory)
    except OSError as error:
        raise StartError(
            f"The data directory {directory} cannot be used: {error}. Choose another with"
            " --data-dir, or correct its owner and mode."
        ) from error
    stack.callback(lock.close)
    require_startable(directory)
    ledger = Ledger(directory, page_bytes=config.sqlite_page_bytes)
    stack.callback(ledger.close)
    stack.callback(Folding(ledger).close)
    note_version(directory)
    return ledger


def _registry(config: Config) -> Registry:
    try:
        return Registry(bales_max=config.bales_max, cold_bytes_max=config.cold_bytes_max)
    except MemoryError as error:
        raise StartError(
            f"There is no address space for {config.bales_max} bales. Lower bales_max, or let the"
            " kernel overcommit memory (vm.overcommit_memory 0): only what is used is taken."
        ) from error


def _serve_metrics(config: Config, metrics: Metrics, stack: AsyncExitStack) -> str | None:
    if not config.metrics_listen:
        return None
    host, port = split_listen(config.metrics_listen)
    try:
        bound, close = metrics.serve(host, port)
    except OSError as error:
        raise StartError(
            f"Cannot serve metrics on {config.metrics_listen}: {error}. Choose another address"
            " with --metrics-listen, or close it with --metrics-listen off."
        ) from error
    stack.callback(close)
    return f"{host}:{bound}"


async def _recover(
    config: Config, ledger: Ledger, metrics: Metrics, stop: asyncio.Event
) -> Recovered:
    """A registry at where the ledger ends: the sealed state, then entry by entry."""
    begun = time.monotonic()
    told = begun

    class Progress:
        """Passes progress on, and ends the replay when a signal came."""

        def replay_progress(self, record: ReplayProgress) -> None:
            nonlocal told
            metrics.replay_progress(record)
            if stop.is_set():
                raise _StoppedError
            now = time.monotonic()
            if now - told >= config.replay_progress_interval_s:
                told = now
                _LOG.info(
                    "replaying",
                    extra={"position": record.position, "of": record.of, "bales": record.bales},
                )

    recovered = await asyncio.to_thread(
        recover,
        ledger,
        open_history(config.data_dir, ledger),
        partial(_registry, config),
        resident_bales_max=config.resident_bales_max,
        progress=Progress(),
    )
    registry = recovered.registry
    received_at_us = ledger.received_at_us(ledger.position)
    metrics.recovered(registry.revision, (received_at_us or 0) / 1e6)
    _LOG.info(
        "replayed",
        extra={
            "revision": registry.revision,
            "from_sealed": recovered.history.position,
            "bales": len(registry.bales.index),
            "lots": len(registry.lots),
            "seconds": f"{time.monotonic() - begun:.3f}",
        },
    )
    return recovered


def _observe(metrics: Metrics, registry: Registry, ledger: Ledger) -> None:
    metrics.observe("cotton_registry_bales", "Bales stored.", lambda: len(registry.bales.index))
    metrics.observe(
        "cotton_registry_lots", "Lots registered, weighed or read.", lambda: len(registry.lots)
    )
    metrics.observe(
        "cotton_registry_lots_registered", "Lots registered.", lambda: registry.lots_registered
    )
    metrics.observe(
        "cotton_registry_references",
        "Reference documents, each counted once with all its versions.",
        lambda: len(registry.references),
    )
    for kind, of in ACCOUNTS.items():
        metrics.observe(
            f"cotton_registry_{kind}",
            f"Records of the kind {kind}, with all their versions; accounts_max are held.",
            partial(len, registry.accounts.table(of)),
        )
    metrics.observe(
        "cotton_registry_runs", "Settlement runs that were frozen.", lambda: len(registry.runs)
    )
    metrics.observe(
        "cotton_conflicts_open",
        "Readings that differ from the one in force and are not decided.",
        lambda: registry.conflicts.open,
    )
    metrics.observe(
        "cotton_index_size_bytes",
        "Memory of the duplicate index.",
        lambda: registry.bales.index.size_bytes,
    )
    metrics.observe(
        "cotton_ledger_size_bytes",
        "Size of the ledger and its write-ahead log on disk.",
        lambda: ledger.size_bytes,
    )
    metrics.observe(
        "cotton_ledger_log_size_bytes",
        "Size of the write-ahead log; it grows when checkpoints do not get through.",
        lambda: ledger.log_size_bytes,
    )
    metrics.observe(
        "cotton_sealed_size_bytes",
        "Size of the sealed history on disk.",
        lambda: ledger.sealed_size_bytes,
    )
    metrics.observe(
        "cotton_registry_resident_bytes",
        "Memory of the readings that are held, without the duplicate index.",
        lambda: registry.bales.resident_bytes,
    )


def _received_at_us(ledger: Ledger, revision: int) -> int:
    received_at_us = ledger.received_at_us(revision)
    if received_at_us is None:
        raise AssertionError("a revision that was answered is not in the ledger")
    return received_at_us


def _server(
    config: Config,
    committer: Committer,
    registry: Registry,
    ledger: Ledger,
    history: History,
    metrics: Metrics,
    stack: AsyncExitStack,
) -> InspectionServer:
    standards = load_standards()
    gradings = Gradings(registry, standards)
    readers = CallThreads(config.reader_threads, thread_name_prefix="reader")
    stack.callback(readers.shutdown)
    rules = rule_set(CURRENT)
    lots = LotsAtRevision(registry, gradings, history.standing)
    # The cells of a season take seconds: they are begun now, so that nobody waits for all of them.
    readers.submit(lots.all_lots, None)
    views = LotViews(
        registry,
        Deadlines(rules.objection_days, rules.decision_days),
        lambda revision: _received_at_us(ledger, revision),
    )
    limits = BatchLimits(bales_max=config.batch_bales_max)

    def charts_at(revision: int) -> Mapping[str, Chart]:
        return gradings.at(revision).basis.charts

    admission = Admission(committer, metrics, message_bytes_max=config.message_bytes_max)
    tables = OpenTables(readers, open_max=config.tables_open_max)
    records = RecordHandlers(committer, admission, records_max=config.lots_per_request_max)
    settler = Settler(registry, lots, standards)
    return InspectionServer(
        ingest=IngestHandlers(
            committer,
            registry,
            limits,
            admission,
            batches_in_flight_max=config.stream_batches_in_flight_max,
        ),
        records=records,
        conflicts=ConflictHandlers(registry, ledger, readers),
        lifecycle=LifecycleHandlers(
            registry, views, ChangeFeed(registry, views), gradings, readers, committer.arrival
        ),
        summary=SummaryHandlers(
            registry,
            lots,
            views,
            gradings,
            readers,
            tables=tables,
            rows_max=config.summary_rows_max,
        ),
        settlement=SettlementHandlers(
            registry,
            settler,
            FrozenRuns(registry, settler, Archive(config.data_dir / ARCHIVE_NAME)),
            readers,
            tables=tables,
            store=records.runs(),
        ),
        trace=TraceHandlers(registry, ledger, standards, readers, charts_at=charts_at),
        references=ReferenceHandlers(registry, readers),
        accounts=AccountHandlers(registry, readers),
        grading=GradingHandlers(
            registry,
            standards,
            rules,
            readers,
            limits,
            message_bytes_max=config.message_bytes_max,
            charts_at=charts_at,
        ),
        message_bytes_max=config.message_bytes_max,
        concurrent_calls_max=config.concurrent_calls_max,
        reflect=config.reflection,
        summary_answered=metrics.summary_answered,
    )
