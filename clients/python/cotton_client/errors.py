"""Every error of the client in one tree, and the one place that maps gRPC's to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from cotton_client.naming import request_id_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cotton.inspection.v1 import ingest_pb2

_DETAILS_KEY: Final = "grpc-status-details-bin"
_BROKEN_WHILE_WRITING: Final = "Internal error from Core"
"""What grpc.aio makes of a write to a call whose end it has not heard of yet."""


_BROKEN: Final = (
    "Stream removed",
    "Socket closed",
    "Connection reset",
    "Broken pipe",
    "GOAWAY",
    "keepalive",
)
"""What gRPC's own texts of a connection that broke hold, beside errno and file."""


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request that the server did not take, and why."""

    field: str
    description: str


class CottonError(Exception):
    """Any error of the client: what happened, and what to do.

    `reason` is a stable symbol for programs (the server's, where it answered), `message`
    says what happened and where, `remedy` what to do; `metadata` and `violations` are what
    the server added. `retry_after_s` is set where the server asks to come back later.
    `request_id` names the call in the server's log, where the server answered it.
    """

    reason_default: ClassVar[str] = "ERROR"
    remedy_default: ClassVar[str] = "Report it with the command and the time."

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        remedy: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[FieldViolation] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.reason_default
        self.remedy = remedy or self.remedy_default
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after_s = retry_after_s
        self.request_id = ""

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed when it is made again."""
        return self.retry_after_s is not None

    def __str__(self) -> str:
        """What happened, which fields, and what to do, in one line."""
        fields = "".join(f" {each.field}: {each.description}." for each in self.violations)
        return f"{self.message}{fields} {self.remedy}"


class ConfigurationError(CottonError):
    """The client was told something that cannot work; no call was made."""

    reason_default = "CONFIGURATION"
    remedy_default = "Correct the setting that is named."


class InputError(CottonError):
    """A file or record that is to be sent cannot be; the server was not asked."""

    reason_default = "INVALID_INPUT"
    remedy_default = "Correct the input and send it again."


class ContractViolation(CottonError):  # noqa: N818 - an answer that the contract rules out
    """The server answered what the contract does not allow."""

    reason_default = "CONTRACT_VIOLATION"
    remedy_default = "Check that the address is that of a cotton service and that versions agree."


class Unavailable(CottonError):  # noqa: N818 - named as gRPC's status is
    """The server cannot be reached, is stopping, or the connection broke."""

    reason_default = "UNAVAILABLE"
    remedy_default = (
        "Check the address and that the server runs (`cotton serve`), then do the same again:"
        " nothing is counted twice."
    )

    @property
    def transient(self) -> bool:
        """Always: every request may be sent again and is counted once."""
        return True


class DeadlineExceeded(Unavailable):
    """The server did not answer in time."""

    reason_default = "DEADLINE_EXCEEDED"
    remedy_default = "Send the same again; what was stored is not counted twice."


class DeadlinePassed(DeadlineExceeded):
    """The call's deadline passed before the server stored anything: nothing of it was kept."""

    reason_default = "DEADLINE_PASSED"
    remedy_default = "Send the same again, with more time."


class OutOfStep(Unavailable):
    """An answer is not that of the oldest batch that waits: something between loses messages.

    Which batch it belongs to is not guessed: the stream is ended, and whatever has no
    answer is sent again on another.
    """

    reason_default = "OUT_OF_STEP"
    remedy_default = (
        "Do the same again: nothing is counted twice. If it happens again, look at what"
        " stands between this machine and the server."
    )


class RefusedInDoubt(Unavailable):
    """One of several batches was refused, and the refusal does not say which.

    None is blamed: the stream is ended, and what waited is sent again, one batch at a time,
    so that the next refusal is certain. `reason` and `remedy` are those of the refusal.
    """


class SpoolError(CottonError):
    """The spool on this machine's disk cannot be used; what it holds is left as it is."""

    reason_default = "SPOOL_FAILED"
    remedy_default = "Check the directory, its permissions and the space on the disk."


class SpoolBusy(SpoolError):  # noqa: N818 - a state of the spool
    """Another process sends from the spool."""

    reason_default = "SPOOL_BUSY"
    remedy_default = "Wait until it has ended, or stop it, then do the same again."


class SpoolFull(SpoolError):  # noqa: N818 - a state of the spool
    """The spool is at its limit, and nothing in it waits that could be sent to make room."""

    reason_default = "SPOOL_FULL"
    remedy_default = (
        "See `cotton spool list`, then retry or drop what was refused, or give a larger"
        " --spool-limit."
    )


class Refused(CottonError):  # noqa: N818 - the root of what the server refuses
    """The server answered, and refused the request; nothing of it was kept."""

    reason_default = "REFUSED"
    remedy_default = "Correct the request and send it again."


class InvalidRequest(Refused):
    """The request breaks the contract; `violations` names the fields."""

    reason_default = "INVALID_REQUEST"


class NotFound(Refused):
    """What was asked for is not stored."""

    reason_default = "NOT_FOUND"
    remedy_default = "Check the number; if it is right, it has not arrived yet."


class UnknownStandard(NotFound):
    """The server has no standard of that id."""

    reason_default = "UNKNOWN_STANDARD"
    remedy_default = "Name a standard that the server has; `cotton standards` lists them."


class ResourceExhausted(Refused):
    """A limit was reached: the size of a message or an answer, or the server's storage."""

    reason_default = "RESOURCE_EXHAUSTED"
    remedy_default = "Send smaller batches, or ask for less."


class FailedPrecondition(Refused):
    """The request cannot be served in the state that the server or stream is in."""

    reason_default = "FAILED_PRECONDITION"


class OutOfSequence(FailedPrecondition):
    """A batch does not carry the producer's next sequence, which is `next_sequence`."""

    reason_default = "SEQUENCE_GAP"
    remedy_default = "Send from next_sequence on, and let one process send for a producer."

    @property
    def next_sequence(self) -> int | None:
        """The sequence that the producer's next batch must carry, where the server said it."""
        text = self.metadata.get("next_sequence", "")
        return int(text) if text.isascii() and text.isdigit() else None


class StreamReplaced(FailedPrecondition):
    """A newer stream of the same producer was opened, and this one ended for it."""

    reason_default = "STREAM_REPLACED"
    remedy_default = (
        "Let one process at a time send for a producer, or give each a producer of its own;"
        " then send the same again: nothing is counted twice."
    )

    @property
    def transient(self) -> bool:
        """Never: two processes would take the producer from each other for ever."""
        return False


class Reused(Refused):
    """A batch id, sequence or request id was used before for something else."""

    reason_default = "BATCH_REUSED"
    remedy_default = "Send other content under an id that was never used."


class NotPermitted(Refused):
    """The server does not know the caller, or does not let it do this."""

    reason_default = "NOT_PERMITTED"
    remedy_default = "Ask the operator for access."


class NotSupported(Refused):
    """The server does not offer this method."""

    reason_default = "NOT_SUPPORTED"
    remedy_default = "Upgrade the server, or check that the address is that of a cotton service."


class ServerFault(Refused):
    """The server failed in a way it did not expect."""

    reason_default = "INTERNAL"
    remedy_default = "Report it to the operator with the time; it is in the server's log."


_BY_CODE: Final[Mapping[grpc.StatusCode, type[CottonError]]] = {
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.CANCELLED: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.ABORTED: FailedPrecondition,
    grpc.StatusCode.ALREADY_EXISTS: Reused,
    grpc.StatusCode.PERMISSION_DENIED: NotPermitted,
    grpc.StatusCode.UNAUTHENTICATED: NotPermitted,
    grpc.StatusCode.UNIMPLEMENTED: NotSupported,
}
"""Class of an error by its status; any other status is a ServerFault."""

_BY_REASON: Final[Mapping[str, type[CottonError]]] = {
    "DEADLINE_PASSED": DeadlinePassed,
    "SEQUENCE_GAP": OutOfSequence,
    "STREAM_REPLACED": StreamReplaced,
    "UNKNOWN_STANDARD": UnknownStandard,
}
"""Class of an error by the server's reason, where it says more than the status."""

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


def from_status(status: status_pb2.Status) -> CottonError:
    """The error that a google.rpc.Status stands for.

    Reason and metadata come from ErrorInfo (`metadata["remedy"]` is what to do),
    violations from BadRequest, the delay from RetryInfo; details of other types are left.
    """
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    retry_after_s: float | None = None
    for detail in status.details:
        try:
            if detail.Unpack(retry):
                retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()
            elif not detail.Unpack(info):
                detail.Unpack(bad_request)
        except DecodeError:
            continue
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    kind = _BY_REASON.get(info.reason) or _BY_CODE.get(code, ServerFault)
    metadata = dict(info.metadata)
    remedy = metadata.pop("remedy", "")
    # The status' message is for callers that read nothing else, so it ends with the remedy.
    message = _sentence(status.message.removesuffix(remedy))
    return kind(
        message or f"The server answered {code.name}.",
        reason=info.reason,
        remedy=remedy,
        metadata=metadata,
        violations=[
            FieldViolation(each.field, each.description.rstrip("."))
            for each in bad_request.field_violations
        ],
        retry_after_s=retry_after_s,
    )


def from_rpc_error(error: grpc.aio.AioRpcError, target: str) -> CottonError:
    """The error that a failed call to `target` stands for."""
    found = _from_rpc_error(error, target)
    found.request_id = request_id_of(error.trailing_metadata())
    return found


def _from_rpc_error(error: grpc.aio.AioRpcError, target: str) -> CottonError:
    trailing: Any = error.trailing_metadata() or ()
    for key, value in trailing:
        if key == _DETAILS_KEY and isinstance(value, bytes):
            try:
                return from_status(status_pb2.Status.FromString(value))
            except DecodeError:
                break
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.INTERNAL and details == _BROKEN_WHILE_WRITING:
        return Unavailable(f"The connection to the server at {target} broke.")
    if code is grpc.StatusCode.UNAVAILABLE:
        if "connect" in details:
            # gRPC's text lists every address with errno and file; this is what it comes to.
            said = f"Nothing answers at {target}."
        elif any(text in details for text in _BROKEN):
            said = f"The connection to the server at {target} broke."
        else:
            said = f"The server at {target} is not available. {_sentence(details)}".rstrip()
        return Unavailable(said)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded(f"The server at {target} did not answer in time.")
    return from_status(status_pb2.Status(code=code.value[0], message=details))


def from_refusal(refused: ingest_pb2.BatchRefused) -> CottonError:
    """The error of a batch that was refused; OutOfSequence carries `next_sequence`."""
    error = from_status(refused.status)
    if refused.next_sequence:
        error.metadata.setdefault("next_sequence", str(refused.next_sequence))
    return error


def _sentence(text: str) -> str:
    """The text with a full stop; "" stays empty."""
    text = text.strip()
    return text if not text or text[-1] in ".!?" else f"{text}."
