"""ReferenceService: the reference documents as they were at a revision."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
from cotton.inspection.v1 import reference_pb2

from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.decode import parse
from cotton_server.trace.revisions import answered_at

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from cotton_server.registry.records import Version
    from cotton_server.registry.references import Document
    from cotton_server.registry.registry import Registry

Context = grpc.aio.ServicerContext[Any, Any]

KIND_NAMES = {
    reference_pb2.REFERENCE_KIND_ORGANISATION: "organisation",
    reference_pb2.REFERENCE_KIND_COLOUR_CHART: "colour chart",
}
"""What errors call each kind of document."""


class ReferenceHandlers:
    """Handlers of ReferenceService that answer; the work runs on reader threads."""

    def __init__(self, registry: Registry, readers: Executor) -> None:
        """Takes what is read, and the threads."""
        self._registry = registry
        self._readers = readers

    async def list_references(
        self, payload: bytes, _context: Context
    ) -> reference_pb2.ListReferencesResponse:
        """The documents in force at a revision, by kind and id; raises ServiceError."""
        request = parse(reference_pb2.ListReferencesRequest, payload)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._list, request)

    async def get_reference(
        self, payload: bytes, _context: Context
    ) -> reference_pb2.GetReferenceResponse:
        """One document with its versions up to a revision; raises ServiceError."""
        request = parse(reference_pb2.GetReferenceRequest, payload)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._get, request)

    def _list(
        self, request: reference_pb2.ListReferencesRequest
    ) -> reference_pb2.ListReferencesResponse:
        revision = answered_at(request.revision, self._registry.revision)
        return reference_pb2.ListReferencesResponse(
            revision=revision,
            references=[
                _version_message(version, in_force=True)
                for kind in KIND_NAMES
                for version in self._registry.references.in_force(kind, revision)
            ],
        )

    def _get(
        self, request: reference_pb2.GetReferenceRequest
    ) -> reference_pb2.GetReferenceResponse:
        if request.kind not in KIND_NAMES:
            raise ServiceError(
                Reason.INVALID_FIELD,
                "The request does not say of which kind the document is.",
                {"kind": f"none of {', '.join(KIND_NAMES.values())}"},
            )
        revision = answered_at(request.revision, self._registry.revision)
        versions = self._registry.references.of_kind(request.kind).get(request.id)
        stored = () if versions is None else versions.all
        known = [version for version in stored if version.position <= revision]
        if not known:
            raise ServiceError(
                Reason.NOT_FOUND,
                f"There is no {KIND_NAMES[request.kind]} of this id at revision {revision}.",
                {"id": "no document has it"},
            )
        document = known[-1].record
        return reference_pb2.GetReferenceResponse(
            revision=revision,
            reference=reference_pb2.Reference(
                kind=document.kind,
                id=document.id,
                content=document.content,
                amendment=document.amendment,
            ),
            versions=[
                _version_message(version, in_force=version is known[-1]) for version in known
            ],
        )


def _version_message(
    version: Version[Document], *, in_force: bool
) -> reference_pb2.ReferenceVersion:
    document = version.record
    return reference_pb2.ReferenceVersion(
        kind=document.kind,
        id=document.id,
        revision=version.position,
        received_at_us=version.received_at_us,
        sha256=document.sha256,
        size_bytes=document.size_bytes,
        rows=document.rows,
        amendment=document.amendment,
        in_force=in_force,
    )
