"""Reference documents as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton_client.render import names
from cotton_client.render.json_parts import Json, amendment_of, instant_us

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton.inspection.v1 import reference_pb2

    from cotton_client.references import ReferencesReceipt


def receipt(
    sent: Sequence[tuple[str, reference_pb2.Reference, int]], answer: ReferencesReceipt
) -> Json:
    """What became of documents: `sent` has file, document and rows of each."""
    results = {each.row: each for each in answer.results}
    return {
        "revision": answer.revision,
        "repeated": answer.repeated,
        "received": answer.received,
        "created": answer.created,
        "existing": answer.existing,
        "conflicting": answer.conflicting,
        "rejected": answer.rejected,
        "corrected": answer.corrected,
        "superseded": answer.superseded,
        "documents": [
            {
                "file": file,
                "kind": names.reference_kind(document.kind),
                "id": document.id,
                "rows": rows,
                "outcome": names.lot_outcome(result.outcome) if result else "created",
                "message": (result.message or None) if result else None,
                "stored_revision": (result.stored_revision or None) if result else None,
            }
            for row, (file, document, rows) in enumerate(sent)
            for result in (results.get(row),)
        ],
    }


def references(answer: reference_pb2.ListReferencesResponse) -> Json:
    """The documents in force."""
    return {
        "revision": answer.revision,
        "references": [_version(each) for each in answer.references],
    }


def reference(answer: reference_pb2.GetReferenceResponse) -> Json:
    """One document with its content and its versions."""
    return {
        "revision": answer.revision,
        "kind": names.reference_kind(answer.reference.kind),
        "id": answer.reference.id,
        "content": answer.reference.content,
        "amendment": amendment_of(answer.reference),
        "versions": [_version(each) for each in answer.versions],
    }


def _version(version: reference_pb2.ReferenceVersion) -> Json:
    return {
        "kind": names.reference_kind(version.kind),
        "id": version.id,
        "stored_revision": version.revision,
        "received_at": instant_us(version.received_at_us),
        "sha256": version.sha256,
        "size_bytes": version.size_bytes,
        "rows": version.rows,
        "amendment": amendment_of(version),
        "in_force": version.in_force,
    }
