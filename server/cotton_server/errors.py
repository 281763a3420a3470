"""Every error that the service answers with: one table of symbol, code, occasion and remedy."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from collections.abc import Mapping


class Repeat(Enum):
    """Whether clients send the same again by themselves; the text is for docs/errors.md."""

    CHANGED = "no: the same would be refused again"
    LATER = "yes, after the pause that RetryInfo names, while their patience lasts"
    AT_ONCE = "yes, after a pause of their own, while their patience lasts"
    FROM_SPOOL = "`cotton send` from its spool; a program has to do what is said"


class Reason(Enum):
    """Reason of an error: its gRPC code, when it occurs, what the caller can do, and who repeats.

    The symbol travels as `reason` of google.rpc.ErrorInfo; clients map it back. What a message
    says stands where the error is raised: docs/errors.md is made of both.
    """

    MALFORMED_MESSAGE = (
        grpc.StatusCode.INVALID_ARGUMENT,
        "The bytes of a message are not what its protobuf type allows.",
        "Encode the message by the protos of cotton.inspection.v1 and send it again.",
        Repeat.CHANGED,
    )
    UNKNOWN_FIELDS = (
        grpc.StatusCode.INVALID_ARGUMENT,
        "A message has fields that this version of the contract does not have.",
        "Send only fields of the contract that this server speaks, or upgrade the server.",
        Repeat.CHANGED,
    )
    MISSING_FIELD = (
        grpc.StatusCode.INVALID_ARGUMENT,
        "A field that has to be given is not.",
        "Fill in the field that is named and send the message again.",
        Repeat.CHANGED,
    )
    INVALID_FIELD = (
        grpc.StatusCode.INVALID_ARGUMENT,
        "A field has a value that is not allowed, or that does not fit another.",
        "Correct the field that is named and send the message again.",
        Repeat.CHANGED,
    )
    UNEQUAL_COLUMNS = (
        grpc.StatusCode.INVALID_ARGUMENT,
        "The columns of a batch are of different lengths.",
        "Give every column exactly `count` values, or leave it out, and send the batch again.",
        Repeat.CHANGED,
    )
    EMPTY_BATCH = (
        grpc.StatusCode.INVALID_ARGUMENT,
        "A batch holds no reading.",
        "Send at least one reading in a batch.",
        Repeat.CHANGED,
    )
    MESSAGE_TOO_LARGE = (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "A message is larger than `message_bytes_max`.",
        "Split it into smaller messages; 1000 to 8000 bales in one are fastest.",
        Repeat.CHANGED,
    )
    BATCH_TOO_LARGE = (
        grpc.StatusCode.INVALID_ARGUMENT,
        "A batch or a request has more entries than `batch_bales_max` or `lots_per_request_max`.",
        "Split the batch into smaller ones.",
        Repeat.CHANGED,
    )
    STREAM_NOT_OPENED = (
        grpc.StatusCode.FAILED_PRECONDITION,
        "A stream was not opened before its first batch, or was opened twice.",
        "Send `open` with the producer's id as the first message of the stream, and only then.",
        Repeat.CHANGED,
    )
    SEQUENCE_GAP = (
        grpc.StatusCode.FAILED_PRECONDITION,
        "A batch does not carry the next sequence of its producer.",
        "Send the batches that are missing first, from `next_sequence` on.",
        Repeat.FROM_SPOOL,
    )
    STREAM_REPLACED = (
        grpc.StatusCode.ABORTED,
        "A newer stream was opened for the same producer.",
        "Give each sender a producer id of its own, or stop the other one, before you try again.",
        Repeat.CHANGED,
    )
    BATCH_REUSED = (
        grpc.StatusCode.ALREADY_EXISTS,
        "A sequence, batch id or request id is stored with other content.",
        "Send other readings under a sequence, batch id or request id that was never used.",
        Repeat.CHANGED,
    )
    NOT_FOUND = (
        grpc.StatusCode.NOT_FOUND,
        "What was asked for is not stored.",
        "Check the number or id; if it is right, what it names has not arrived yet.",
        Repeat.CHANGED,
    )
    UNKNOWN_STANDARD = (
        grpc.StatusCode.NOT_FOUND,
        "A standard is named that the server does not have.",
        "Name a standard that the server has: GradingService.ListStandards, `cotton standards`.",
        Repeat.CHANGED,
    )
    FUTURE_REVISION = (
        grpc.StatusCode.OUT_OF_RANGE,
        "A revision or an instant is asked for that has not come yet.",
        "Ask for a revision that exists, for 0, the latest, or for an instant that has passed.",
        Repeat.CHANGED,
    )
    DIGEST_DIFFERS = (
        grpc.StatusCode.FAILED_PRECONDITION,
        "A run is to be frozen whose digest is not that of its terms.",
        "Price the lots at that revision, look at what comes out, and freeze its digest.",
        Repeat.CHANGED,
    )
    RUN_DIFFERS = (
        grpc.StatusCode.FAILED_PRECONDITION,
        "A frozen run, computed again, does not come out with its digest.",
        "Read its lines with the version that made it, or freeze a successor with this one.",
        Repeat.CHANGED,
    )
    TOO_MANY_CALLS = (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "`concurrent_calls_max` calls are open.",
        "Try again in a moment; the operator can raise concurrent_calls_max.",
        Repeat.LATER,
    )
    TOO_MANY_TABLES = (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "`tables_open_max` answers are held for their readers.",
        "Try again in a moment, and read tables to their end; tables_open_max can be raised.",
        Repeat.LATER,
    )
    TOO_MANY_CODES = (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "There is no room for another code of a producer, laboratory or instrument.",
        "Name producers, laboratories, instruments and standards by fixed codes, not anew.",
        Repeat.CHANGED,
    )
    REGISTRY_FULL = (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "The bales, lots or records that may be held are stored.",
        "The operator has to raise bales_max, lots_max or accounts_max and restart the server.",
        Repeat.FROM_SPOOL,
    )
    TOO_MANY_CONFLICTS = (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "As many conflicts are held as may be, of all bales or of one.",
        "Resolve what makes readings differ; the operator can raise conflicts_max and restart.",
        Repeat.CHANGED,
    )
    STORAGE_FULL = (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "The disk of the data directory is full.",
        "The operator has to free disk space; then send the batch again. Nothing of it was kept.",
        Repeat.LATER,
    )
    DEADLINE_PASSED = (
        grpc.StatusCode.DEADLINE_EXCEEDED,
        "The deadline of the call passed before the batch was decided.",
        "Nothing of it was kept: send the same again, and allow it more time.",
        Repeat.AT_ONCE,
    )
    CALLER_GONE = (
        grpc.StatusCode.CANCELLED,
        "The caller went before its batch was decided; so nobody sees this but the log.",
        "Nothing of it was kept: send the same again, and wait for the answer.",
        Repeat.AT_ONCE,
    )
    DRAINING = (
        grpc.StatusCode.UNAVAILABLE,
        "The server was told to stop.",
        "The server is stopping: connect again and resume from what was last acknowledged or told.",
        Repeat.LATER,
    )
    STORAGE_FAILED = (
        grpc.StatusCode.UNAVAILABLE,
        "Writing or syncing failed; the server acknowledges nothing more and exits.",
        "The server's disk failed and it stops; send the batch again when it is back.",
        Repeat.LATER,
    )
    STORAGE_DAMAGED = (
        grpc.StatusCode.DATA_LOSS,
        "What an answer is made of is missing on disk, or is not what was written.",
        "The operator has to run `cotton fsck`, which says what to do; then ask again.",
        Repeat.CHANGED,
    )
    INTERNAL = (
        grpc.StatusCode.INTERNAL,
        "The server failed in a way that nobody expected.",
        "Report it with the time and the request id; the server's log has more under both.",
        Repeat.CHANGED,
    )

    def __init__(self, code: grpc.StatusCode, occurs: str, remedy: str, repeat: Repeat) -> None:
        """Takes the table's row."""
        self.code = code
        self.occurs = occurs
        self.remedy = remedy
        self.repeat = repeat


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
