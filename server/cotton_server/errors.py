"""Every error that the service answers with: one table of symbol, code, message and remedy."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from collections.abc import Mapping


class Reason(Enum):
    """Reason of an error: its gRPC code, and what the caller can do.

    The symbol travels as `reason` of google.rpc.ErrorInfo; clients map it back.
    """

    MALFORMED_MESSAGE = (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Encode the message by the protos of cotton.inspection.v1 and send it again.",
    )
    UNKNOWN_FIELDS = (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Send only fields of the contract that this server speaks, or upgrade the server.",
    )
    MISSING_FIELD = (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Fill in the field that is named and send the message again.",
    )
    INVALID_FIELD = (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Correct the field that is named and send the message again.",
    )
    UNEQUAL_COLUMNS = (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Give every column exactly `count` values, or leave it out, and send the batch again.",
    )
    EMPTY_BATCH = (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Send at least one reading in a batch.",
    )
    MESSAGE_TOO_LARGE = (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "Split it into smaller messages; 1000 to 8000 bales in one are fastest.",
    )
    BATCH_TOO_LARGE = (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Split the batch into smaller ones.",
    )
    STREAM_NOT_OPENED = (
        grpc.StatusCode.FAILED_PRECONDITION,
        "Send `open` with the producer's id as the first message of the stream, and only then.",
    )
    SEQUENCE_GAP = (
        grpc.StatusCode.FAILED_PRECONDITION,
        "Send the batches that are missing first, from `next_sequence` on.",
    )
    STREAM_REPLACED = (
        grpc.StatusCode.ABORTED,
        "Give each sender a producer id of its own, or stop the other one, before you try again.",
    )
    BATCH_REUSED = (
        grpc.StatusCode.ALREADY_EXISTS,
        "Send other readings under a sequence, batch id or request id that was never used.",
    )
    NOT_FOUND = (
        grpc.StatusCode.NOT_FOUND,
        "Check the number or id; if it is right, what it names has not arrived yet.",
    )
    UNKNOWN_STANDARD = (
        grpc.StatusCode.NOT_FOUND,
        "Name a standard that the server has: GradingService.ListStandards, `cotton standards`.",
    )
    FUTURE_REVISION = (
        grpc.StatusCode.OUT_OF_RANGE,
        "Ask for a revision that exists, for 0, the latest, or for an instant that has passed.",
    )
    DIGEST_DIFFERS = (
        grpc.StatusCode.FAILED_PRECONDITION,
        "Price the lots at that revision, look at what comes out, and freeze its digest.",
    )
    RUN_DIFFERS = (
        grpc.StatusCode.FAILED_PRECONDITION,
        "Read its lines with the version that made it, or freeze a successor with this one.",
    )
    TOO_MANY_CALLS = (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "Try again in a moment; the operator can raise concurrent_calls_max.",
    )
    TOO_MANY_TABLES = (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "Try again in a moment, and read tables to their end; tables_open_max can be raised.",
    )
    TOO_MANY_CODES = (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "Name producers, laboratories, instruments and standards by fixed codes, not anew.",
    )
    REGISTRY_FULL = (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "The operator has to raise bales_max, lots_max or accounts_max and restart the server.",
    )
    TOO_MANY_CONFLICTS = (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "Resolve what makes readings differ; the operator can raise conflicts_max and restart.",
    )
    STORAGE_FULL = (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "The operator has to free disk space; then send the batch again. Nothing of it was kept.",
    )
    DEADLINE_PASSED = (
        grpc.StatusCode.DEADLINE_EXCEEDED,
        "Nothing of it was kept: send the same again, and allow it more time.",
    )
    CALLER_GONE = (
        grpc.StatusCode.CANCELLED,
        "Nothing of it was kept: send the same again, and wait for the answer.",
    )
    DRAINING = (
        grpc.StatusCode.UNAVAILABLE,
        "The server is stopping: connect again and resume from what was last acknowledged or told.",
    )
    STORAGE_FAILED = (
        grpc.StatusCode.UNAVAILABLE,
        "The server's disk failed and it stops; send the batch again when it is back.",
    )
    STORAGE_DAMAGED = (
        grpc.StatusCode.DATA_LOSS,
        "The operator has to run `cotton fsck`, which says what to do; then ask again.",
    )
    INTERNAL = (
        grpc.StatusCode.INTERNAL,
        "Report it with the time and the request; it is in the server's log.",
    )

    def __init__(self, code: grpc.StatusCode, remedy: str) -> None:
        """Takes the gRPC code and the remedy of the table's row."""
        self.code = code
        self.remedy = remedy


DOMAIN = "inspection.cotton"
"""Domain of google.rpc.ErrorInfo."""


@dataclass
class ServiceError(Exception):
    """An error that is answered to the caller: reason, what happened, where.

    `violations` names the fields at fault with what is wrong with each; `metadata` carries
    values that a program needs, such as `next_sequence`.
    """

    reason: Reason
    message: str
    violations: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """What happened and what to do."""
        return f"{self.message} {self.reason.remedy}"


class DamagedError(Exception):
    """A stored file is not there, or is not what was written; the text names it, for operators."""


class StartError(Exception):
    """The server cannot start; the text says why and what to do."""
