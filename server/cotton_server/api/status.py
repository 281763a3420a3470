"""Errors on the wire: google.rpc.Status with ErrorInfo, BadRequest and RetryInfo."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, NoReturn

from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from cotton_server.api.naming import names_of_call
from cotton_server.errors import DOMAIN, DamagedError, Reason, Repeat, ServiceError
from cotton_server.ledger import LedgerDamagedError

if TYPE_CHECKING:
    import grpc
    from google.protobuf.message import Message

RETRY_AFTER_S: Final = 1
"""How long a caller is asked to wait before it tries again what can succeed later."""

MESSAGE_BYTES_MAX: Final = 1500
"""Of what happened. It is sent twice, escaped, and peers take 8 KiB of an error in all."""

VIOLATION_BYTES_MAX: Final = 300
"""Of what is wrong with one field."""

_LOG: Final = logging.getLogger(__name__)

_DETAILS_KEY: Final = "grpc-status-details-bin"


def status_of(error: ServiceError) -> status_pb2.Status:
    """The error as google.rpc.Status; what it repeats of a request may be long, and is cut."""
    details: list[Message] = [
        error_details_pb2.ErrorInfo(
            reason=error.reason.name,
            domain=DOMAIN,
            metadata={**error.metadata, "remedy": error.reason.remedy},
        )
    ]
    if error.violations:
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=field, description=_cut(text, VIOLATION_BYTES_MAX)
                    )
                    for field, text in error.violations.items()
                ]
            )
        )
    if error.reason.repeat is Repeat.LATER:
        details.append(
            error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=RETRY_AFTER_S))
        )
    number, _ = error.reason.code.value
    return status_pb2.Status(
        code=number,
        message=f"{_cut(error.message, MESSAGE_BYTES_MAX)} {error.reason.remedy}",
        details=[_packed(detail) for detail in details],
    )


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: ServiceError) -> NoReturn:
    """Ends a call with the error."""
    status = status_of(error)
    await context.abort(
        error.reason.code,
        status.message,
        ((_DETAILS_KEY, status.SerializeToString()), *names_of_call()),
    )
    raise AssertionError("abort raises")


def refusal_fields(error: ServiceError) -> dict[str, str]:
    """What the log is told of a refusal; its text, which may repeat values, for debugging alone."""
    fields = {"reason": error.reason.name, "code": error.reason.code.name}
    return {**fields, "says": error.message} if _LOG.isEnabledFor(logging.DEBUG) else fields


def internal_error(error: BaseException) -> ServiceError:
    """What a caller is told of an error that is ours; the log has the rest."""
    if isinstance(error, DamagedError | LedgerDamagedError):
        return ServiceError(Reason.STORAGE_DAMAGED, "What the answer is made of is damaged.")
    return ServiceError(Reason.INTERNAL, f"{type(error).__name__} in the server.")


def _packed(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def _cut(text: str, bytes_max: int) -> str:
    encoded = text.encode()
    if len(encoded) <= bytes_max:
        return text
    return f"{encoded[:bytes_max].decode(errors='ignore')}…"
