"""What names producers, batches and requests, by which a service knows a repeat."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from cotton_client import errors

if TYPE_CHECKING:
    from cotton.inspection.v1 import ingest_pb2, readings_pb2

_PRODUCER_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)


def check_producer_id(producer_id: str) -> None:
    """Raises InputError unless this can name a producer."""
    if not _PRODUCER_ID.fullmatch(producer_id):
        raise errors.InputError(
            f"{producer_id!r} cannot name a producer.",
            reason="INVALID_PRODUCER",
            remedy='Use 1 to 64 of the letters A-Z and a-z, digits, ".", "-", "_" and ":".',
        )


def batch_identity(
    message: readings_pb2.ReadingBatch | ingest_pb2.BatchResult | ingest_pb2.BatchRefused,
) -> str | int:
    """Sequence or batch id; raises ContractViolation when there is neither."""
    match message.WhichOneof("identity"):
        case "sequence":
            return message.sequence
        case "batch_id":
            return message.batch_id
    raise errors.ContractViolation("A batch or its answer carries no sequence and no id.")


def content_id(message: Any, index: int) -> str:
    """64 digits that follow from the content of a message and its place among its kind."""
    digest = hashlib.sha256(index.to_bytes(8, "big"))
    digest.update(message.SerializeToString(deterministic=True))
    return digest.hexdigest()
