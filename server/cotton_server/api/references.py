"""ReferenceService: the reference documents as they were at a revision."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import grpc
from cotton.inspection.v1 import reference_pb2

from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.decode import parse
from cotton_server.intake.references import CONTENT_BYTES_MAX
from cotton_server.reference.document_head import head_message, said_head
from cotton_server.reference.money import (
    MONEY,
    PARSERS,
    MoneyDocuments,
    UnknownDocumentError,
    rows_of,
    said_in,
)
from cotton_server.registry.records import Version
from cotton_server.registry.references import Document
from cotton_server.settlement.describe import described, differing
from cotton_server.settlement.library import shipped
from cotton_server.settlement.money_table import DocumentFileError
from cotton_server.trace.revisions import answered_at

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from cotton_server.reference.money import Loaded
    from cotton_server.registry.registry import Registry

Context = grpc.aio.ServicerContext[Any, Any]

KIND_NAMES = {
    reference_pb2.REFERENCE_KIND_ORGANISATION: "organisation",
    reference_pb2.REFERENCE_KIND_COLOUR_CHART: "colour chart",
    **MONEY,
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

    async def list_shipped(
        self, payload: bytes, _context: Context
    ) -> reference_pb2.ListShippedResponse:
        """The documents of money that the service brings along; raises ServiceError."""
        parse(reference_pb2.ListShippedRequest, payload)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, _shipped)

    async def describe_reference(
        self, payload: bytes, _context: Context
    ) -> reference_pb2.DescribeReferenceResponse:
        """What a document of money says, or where two differ; raises ServiceError."""
        request = parse(reference_pb2.DescribeReferenceRequest, payload)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._describe, request)

    def _list(
        self, request: reference_pb2.ListReferencesRequest
    ) -> reference_pb2.ListReferencesResponse:
        revision = answered_at(request.revision, self._registry.revision)
        money = MoneyDocuments(self._registry.references, revision)
        return reference_pb2.ListReferencesResponse(
            revision=revision,
            references=[
                _in_force(version, money)
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
        money = MoneyDocuments(self._registry.references, revision)
        return reference_pb2.GetReferenceResponse(
            revision=revision,
            reference=reference_pb2.Reference(
                kind=document.kind,
                id=document.id,
                content=document.content,
                amendment=document.amendment,
            ),
            versions=[
                *(_version_message(version, in_force=False) for version in known[:-1]),
                _in_force(known[-1], money),
            ],
        )

    def _describe(
        self, request: reference_pb2.DescribeReferenceRequest
    ) -> reference_pb2.DescribeReferenceResponse:
        if request.kind not in MONEY:
            raise ServiceError(
                Reason.INVALID_FIELD,
                "Only documents of money are described entry by entry.",
                {"kind": f"none of {', '.join(MONEY.values())}"},
            )
        revision = answered_at(request.revision, self._registry.revision)
        one, message = self._said(request.kind, "", request.id, request.content, revision)
        answer = reference_pb2.DescribeReferenceResponse(revision=revision, document=message)
        if not (request.other_id or request.other_revision or request.other_content):
            for name, value in described(one).items():
                answer.entries.add(name=name, value=value)
            return answer
        # Each is as it is at its own revision: 0 is the latest, not that of the other.
        latest = self._registry.revision
        other_revision = answered_at(request.other_revision, latest, "other_revision")
        other, message = self._said(
            request.kind,
            "other_",
            request.other_id or one.head.id,
            request.other_content,
            other_revision,
        )
        answer.other.CopyFrom(message)
        for name, value, other_value in differing(one, other):
            answer.entries.add(name=name, value=value, other_value=other_value)
        return answer

    def _said(
        self,
        kind: reference_pb2.ReferenceKind.ValueType,
        prefix: str,
        name: str,
        content: str,
        revision: int,
    ) -> tuple[Any, reference_pb2.ReferenceVersion]:
        """What a document says that is loaded, or is given as `content`; raises ServiceError.

        `prefix` is that of the fields of the request.
        """
        money = MoneyDocuments(self._registry.references, revision)
        loaded: Loaded[Any]
        try:
            if not content:
                loaded = money.loaded(kind, name)
                return loaded.value, _message_of(loaded, in_force=True)
            loaded = money.standing_in(_given(kind, content, f"{prefix}content"))
        except UnknownDocumentError as error:
            raise ServiceError(
                Reason.NOT_FOUND, str(error), {f"{prefix}id": "no document has it"}
            ) from error
        except DocumentFileError as error:
            raise ServiceError(
                Reason.INVALID_FIELD,
                f"The file cannot be used: {error}",
                {f"{prefix}content": f"line {error.line}, {error.place}"},
                {"line": str(error.line)},
            ) from error
        return loaded.value, _message_of(loaded, in_force=False)


def _given(
    kind: reference_pb2.ReferenceKind.ValueType, content: str, field: str
) -> Version[Document]:
    """A file that is not loaded as a document of revision 0; raises DocumentFileError."""
    encoded = content.encode()
    if len(encoded) > CONTENT_BYTES_MAX:
        raise ServiceError(
            Reason.INVALID_FIELD,
            f"The file has {len(encoded)} bytes.",
            {field: f"at most {CONTENT_BYTES_MAX} bytes"},
        )
    said = PARSERS[kind](content, "the file")
    document = Document(
        kind=kind,
        id=said.head.id,
        content=content,
        amendment=None,
        size_bytes=len(encoded),
        sha256=sha256(encoded).hexdigest(),
        rows=rows_of(said),
    )
    return Version(0, 0, document)


def _shipped() -> reference_pb2.ListShippedResponse:
    kinds = {name: kind for kind, name in MONEY.items()}
    return reference_pb2.ListShippedResponse(
        documents=[
            reference_pb2.ShippedDocument(
                kind=kinds[each.kind], id=each.id, head=said_head(each.value), content=each.text
            )
            for each in shipped()
        ]
    )


def _in_force(version: Version[Document], money: MoneyDocuments) -> reference_pb2.ReferenceVersion:
    """A version in force; of a document of money with all that its head says."""
    document = version.record
    if document.kind not in MONEY:
        return _version_message(version, in_force=True)
    return _message_of(money.loaded(document.kind, document.id), in_force=True)


def _message_of(loaded: Loaded[Any], *, in_force: bool) -> reference_pb2.ReferenceVersion:
    message = _version_message(loaded.version, in_force=in_force)
    message.head.CopyFrom(head_message(loaded))
    return message


def _version_message(
    version: Version[Document], *, in_force: bool
) -> reference_pb2.ReferenceVersion:
    """A version with what its file says by itself."""
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
        head=said_head(said_in(document)) if document.kind in MONEY else None,
    )
