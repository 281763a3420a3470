"""Documents of money as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton_client.render import names
from cotton_client.render.json_references import document_head, reference_version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton.inspection.v1 import reference_pb2

    from cotton_client.render.json_parts import Json


def loaded(documents: Iterable[reference_pb2.ReferenceVersion], revision: int) -> Json:
    """The documents in force at a revision."""
    return {"revision": revision, "documents": [reference_version(each) for each in documents]}


def shipped(documents: Iterable[reference_pb2.ShippedDocument]) -> Json:
    """The documents that come with the service, with their files."""
    return {
        "revision": None,
        "documents": [
            {
                "kind": names.reference_kind(each.kind),
                "id": each.id,
                "head": document_head(each.head),
                "content": each.content,
            }
            for each in documents
        ],
    }


def described(answer: reference_pb2.DescribeReferenceResponse, *, loaded: bool) -> Json:
    """What a document says; `loaded` tells whether it is, else it is a file or a shipped one."""
    return {
        "revision": answer.revision,
        "loaded": loaded,
        "document": reference_version(answer.document),
        "entries": [{"name": each.name, "value": each.value or None} for each in answer.entries],
    }


def compared(answer: reference_pb2.DescribeReferenceResponse) -> Json:
    """Where two documents differ."""
    return {
        "revision": answer.revision,
        "document": reference_version(answer.document),
        "other": reference_version(answer.other),
        "entries": [
            {
                "name": each.name,
                "value": each.value or None,
                "other_value": each.other_value or None,
            }
            for each in answer.entries
        ],
    }
