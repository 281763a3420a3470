"""Prometheus metrics of the service, updated once a group commit and once a summary."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import summary_pb2
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from cotton_server.errors import Reason
from cotton_server.intake.content import KINDS, READINGS, REQUESTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from cotton_server.intake.records import BatchAnswered, GroupCommitted, ReplayProgress
    from cotton_server.sealing.records import Sealed

_LATENCY_BUCKETS_S: Final = (
    0.0005,
    0.001,
    0.002,
    0.003,
    0.005,
    0.0075,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
)
_SUMMARY_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SEAL_BUCKETS_S: Final = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0)
_SUMMARY_METHODS: Final = (
    *(method.name for method in summary_pb2.DESCRIPTOR.services_by_name["SummaryService"].methods),
    "PriceLots",
    "GetRun",
    "TabulateRun",
    "CompareRuns",
    "VerifyRun",
)
_OUTCOMES: Final = (
    "created",
    "existing",
    "conflicting",
    "rejected",
    "superseded",
    "corrected",
    "retested",
)


class Metrics:
    """All metrics, in a registry of their own; takes the records of intake as an Observer."""

    def __init__(self) -> None:
        """Creates every series up front, so that a rate of zero is seen as zero."""
        # A second series a counter that says when this process started: process metrics do.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types here
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._create_intake()
        self._create_summary()
        self._create_state()

    def _create_intake(self) -> None:
        registry = self.registry
        bales = Counter(
            "cotton_bales",
            "Bales received and stored, by outcome; the outcomes add up to all received.",
            ["outcome"],
            registry=registry,
        )
        self._bales = {outcome: bales.labels(outcome) for outcome in _OUTCOMES}
        self._received = Counter(
            "cotton_bales_received",
            "Bales received in batches that were stored.",
            registry=registry,
        )
        self._warned = Counter(
            "cotton_bales_warned", "Bales created with a warning.", registry=registry
        )
        self._unregistered = Counter(
            "cotton_bales_unregistered",
            "Bales created while their lot was not registered.",
            registry=registry,
        )
        records = Counter(
            "cotton_lot_records",
            "Records of lots and of what money needs, withdrawals, resolutions, reference documents"
            " and settlement runs received, by outcome; decisions that were applied count as"
            " created.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._records = {
            (kind, outcome): records.labels(kind, outcome)
            for kind in REQUESTS
            for outcome in _OUTCOMES
        }
        records_warned = Counter(
            "cotton_lot_records_warned",
            "Records of lots created or corrected with a warning.",
            ["kind"],
            registry=registry,
        )
        self._records_warned = {kind: records_warned.labels(kind) for kind in REQUESTS}
        batches = Counter(
            "cotton_batches",
            "Batches and requests answered: stored, repeated, or refused with a reason.",
            ["kind", "result"],
            registry=registry,
        )
        results = ("stored", "repeated", *(reason.name for reason in Reason))
        self._batches = {
            (kind, result): batches.labels(kind, result) for kind in KINDS for result in results
        }
        self._bytes = Counter(
            "cotton_ledger_written_bytes", "Bytes of payload made durable.", registry=registry
        )
        self._ack = Histogram(
            "cotton_ack_latency_seconds",
            "From receipt of a batch to its durable answer.",
            registry=registry,
            buckets=_LATENCY_BUCKETS_S,
        )
        self._commit = Histogram(
            "cotton_ledger_commit_seconds",
            "One group commit: digests, insertion, write and fsync.",
            registry=registry,
            buckets=_LATENCY_BUCKETS_S,
        )
        self._sync = Histogram(
            "cotton_ledger_fsync_seconds",
            "The part of a group commit that writes its log and syncs it to disk.",
            registry=registry,
            buckets=_LATENCY_BUCKETS_S,
        )
        self._decide = Histogram(
            "cotton_decide_seconds",
            "Checking and deciding one group.",
            registry=registry,
            buckets=_LATENCY_BUCKETS_S,
        )
        self._group = Histogram(
            "cotton_group_batches",
            "Batches in one group commit.",
            registry=registry,
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        )

    def _create_summary(self) -> None:
        seconds = Histogram(
            "cotton_summary_seconds",
            "From receipt of a question about grades or settlement to the bytes of its answer; of a"
            " stream, the making of all messages without the time that they wait for their reader.",
            ["method"],
            registry=self.registry,
            buckets=_SUMMARY_BUCKETS_S,
        )
        self._summary = {method: seconds.labels(method) for method in _SUMMARY_METHODS}

    def _create_state(self) -> None:
        registry = self.registry
        self._in_flight_batches = Gauge(
            "cotton_in_flight_batches", "Batches received and not yet answered.", registry=registry
        )
        self._in_flight_bytes = Gauge(
            "cotton_in_flight_bytes", "Bytes received and not yet answered.", registry=registry
        )
        self._revision = Gauge(
            "cotton_durable_revision", "Last durable position of the ledger.", registry=registry
        )
        self._revision_time = Gauge(
            "cotton_durable_revision_timestamp_seconds",
            "When the last durable position was committed; after a start, when it was received.",
            registry=registry,
        )
        self._replayed = Gauge(
            "cotton_replay_position", "Position that start-up has replayed.", registry=registry
        )
        self._to_replay = Gauge(
            "cotton_replay_target_position", "Position to replay at start-up.", registry=registry
        )
        self._serving = Gauge(
            "cotton_serving", "1 while the service takes calls, else 0.", registry=registry
        )
        seals = Counter(
            "cotton_seals",
            "Runs of the process that seals the ledger, by result.",
            ["result"],
            registry=registry,
        )
        self._seals = {result: seals.labels(result) for result in ("succeeded", "failed")}
        self._sealed_ranges = Counter(
            "cotton_sealed_ranges", "Ranges of the ledger that were sealed.", registry=registry
        )
        self._seal_seconds = Histogram(
            "cotton_seal_seconds",
            "One run of the process that seals the ledger.",
            registry=registry,
            buckets=_SEAL_BUCKETS_S,
        )
        self._gauges: list[Gauge] = []
        build = Info("cotton_build", "Versions of the running service.", registry=registry)
        build.info(
            {
                "version": version("cotton-inspection"),
                "python": platform.python_version(),
                "grpcio": version("grpcio"),
                "polars": version("polars"),
                "numpy": version("numpy"),
                "apsw": version("apsw"),
            }
        )

    def observe(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """Adds a gauge that is read when it is scraped."""
        gauge = Gauge(name, documentation, registry=self.registry)
        gauge.set_function(read)
        self._gauges.append(gauge)

    def serving(self, *, serving: bool) -> None:
        """Notes whether the service takes calls."""
        self._serving.set(1 if serving else 0)

    def recovered(self, revision: int, received_at_s: float) -> None:
        """Notes the revision that start-up found, and when its entry was received."""
        self._revision.set(revision)
        self._revision_time.set(received_at_s)

    def group_committed(self, record: GroupCommitted) -> None:
        """A group is durable and applied."""
        for outcome in _OUTCOMES:
            count = getattr(record, outcome)
            if record.kind == READINGS:
                self._bales[outcome].inc(count)
            else:
                self._records[record.kind, outcome].inc(count)
        if record.kind == READINGS:
            self._received.inc(record.received)
            self._warned.inc(record.warned)
            self._unregistered.inc(record.unregistered)
        else:
            self._records_warned[record.kind].inc(record.warned)
        self._batches[record.kind, "stored"].inc(record.batches)
        self._bytes.inc(record.bytes)
        for latency in record.ack_latencies_s:
            self._ack.observe(latency)
        self._commit.observe(record.commit_s)
        self._sync.observe(record.sync_s)
        self._decide.observe(record.decide_s)
        self._group.observe(record.batches)
        self._revision.set(record.revision)
        self._revision_time.set(record.committed_at_s)

    def batch_answered(self, record: BatchAnswered) -> None:
        """A batch was answered without being stored."""
        self._batches[record.kind, record.result].inc()

    def summary_answered(self, method: str, seconds: float) -> None:
        """A method of SummaryService has answered; from receipt to the bytes of the answer."""
        self._summary[method].observe(seconds)

    def sealed(self, record: Sealed) -> None:
        """The process that seals has ended."""
        self._seals["succeeded" if record.succeeded else "failed"].inc()
        self._sealed_ranges.inc(record.ranges)
        self._seal_seconds.observe(record.seconds)

    def in_flight(self, batches: int, size_bytes: int) -> None:
        """What is received and not yet answered."""
        self._in_flight_batches.set(batches)
        self._in_flight_bytes.set(size_bytes)

    def replay_progress(self, record: ReplayProgress) -> None:
        """Start-up has read so far."""
        self._replayed.set(record.position)
        self._to_replay.set(record.of)

    def serve(self, host: str, port: int) -> tuple[int, Callable[[], None]]:
        """Serves /metrics; gives the port bound and what closes it."""
        server, thread = start_http_server(port, addr=host, registry=self.registry)

        def close() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return server.server_port, close
