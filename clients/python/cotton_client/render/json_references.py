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
    sent: Sequence[tuple[str, reference_pb2.Reference, int | None]], answer: ReferencesReceipt
) -> Json:
    """What became of documents.

    `sent` has file, document and rows of each, None where rows were not counted.
    """
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
        "references": [reference_version(each) for each in answer.references],
    }


def reference(answer: reference_pb2.GetReferenceResponse) -> Json:
    """One document with its content and its versions."""
    return {
        "revision": answer.revision,
        "kind": names.reference_kind(answer.reference.kind),
        "id": answer.reference.id,
        "content": answer.reference.content,
        "amendment": amendment_of(answer.reference),
        "versions": [reference_version(each) for each in answer.versions],
    }


def reference_version(version: reference_pb2.ReferenceVersion) -> Json:
    """One version of a document, with what it says of itself where it is one of money."""
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
        "head": document_head(version.head) if version.HasField("head") else None,
    }


def document_head(head: reference_pb2.DocumentHead) -> Json:
    """What a document of money says of itself."""
    return {
        "title": head.title or None,
        "title_zh": head.title_zh or None,
        "series": head.series or None,
        "effective_from": head.effective_from or None,
        "effective_through": head.effective_through or None,
        "supersedes": head.supersedes or None,
        "superseded_by": head.superseded_by or None,
        "patch_of": head.patch_of or None,
        "source": head.source or None,
        "confidence": head.confidence or None,
        "note": head.note or None,
        "unit": head.unit or None,
    }
