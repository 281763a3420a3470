"""The stages of a batch: what is noted under which name, on which thread, beside which limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Thread = Literal["loop", "committer"]

GRPC: Final = "grpc"
"""What the loop takes beside the stages noted: gRPC and asyncio, in and out."""

REST: Final = "rest"
"""What the committing thread takes beside the stages noted."""

WAIT: Final = "wait"
"""What is left of the whole time: the committing thread waits for batches."""

WRAPPED: Final = (
    ("cotton_server.api.ingest", "parse_batch", "decode"),
    ("cotton_server.api.ingest", "decode", "decode"),
    ("cotton_server.intake.committer", "Committer._process", REST),
    ("cotton_server.intake.committer", "Committer._sift", "sift"),
    ("cotton_server.intake.verdict", "concatenated", "gather"),
    ("cotton_server.intake.verdict", "check", "check"),
    ("cotton_server.intake.verdict", "decide", "decide"),
    ("cotton_server.registry.index", "BaleIndex.hashes", "find"),
    ("cotton_server.registry.index", "BaleIndex.find", "find"),
    ("cotton_server.intake.verdict", "batch_outcomes", "outcomes"),
    ("cotton_server.intake.committer", "_entry", "outcomes"),
    ("cotton_server.ledger.ledger", "payload_digest", "digest"),
    ("cotton_server.ledger.ledger", "chained_digest", "digest"),
    ("cotton_server.ledger.ledger", "Ledger.append", "write"),
    ("cotton_server.intake.committer", "apply", "apply"),
    ("cotton_server.registry.bales", "BaleStore.append", "store"),
    ("cotton_server.registry.index", "BaleIndex.add", "enter"),
    ("cotton_server.intake.committer", "Committer._answer", "answer"),
    ("cotton_server.observability.metrics", "Metrics.group_committed", "answer"),
    ("cotton_server.ledger.ledger", "Ledger.checkpoint", "fold"),
)
"""Module, function or method of it, and the stage that its time belongs to."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as it is shown, and the physical limit (by key) that it stands beside."""

    key: str
    thread: Thread
    name: str
    limit: str = ""


STAGES: Final = (
    Stage(GRPC, "loop", "receive and acknowledge: gRPC and asyncio", "loopback"),
    Stage("decode", "loop", "decode: bytes to columns", "copy_message"),
    Stage(WAIT, "committer", "wait for batches"),
    Stage("sift", "committer", "find repeated batches and gaps"),
    Stage("gather", "committer", "put the columns of the group together", "copy_columns"),
    Stage("check", "committer", "check ranges, identifiers, texts"),
    Stage("find", "committer", "look bales up in the duplicate index", "touch"),
    Stage("decide", "committer", "decide: twins, lots, courses"),
    Stage("outcomes", "committer", "outcomes as messages"),
    Stage("digest", "committer", "digests", "sha256"),
    Stage("write", "committer", "write into SQLite's pages", "copy_message"),
    Stage("sync", "committer", "commit: write the log and sync it", "fsync"),
    Stage("apply", "committer", "apply: lots, producers, change feed"),
    Stage("store", "committer", "store the columns", "copy_stored"),
    Stage("enter", "committer", "enter bales into the duplicate index", "touch"),
    Stage("answer", "committer", "hand answers and metrics over"),
    Stage("fold", "committer", "fold the log into the file"),
    Stage(REST, "committer", "what is left"),
)
