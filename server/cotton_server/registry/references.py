"""The reference documents: every version of each, and which were in force at a revision."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from cotton_server.registry.records import Version, Versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cotton.inspection.v1 import common_pb2, reference_pb2

    from cotton_server.registry.lifecycle import Moment

    Kind: TypeAlias = reference_pb2.ReferenceKind.ValueType


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A version of a reference document; each equals itself only, to key what is read of it.

    `size_bytes` and `sha256` (hexadecimal) are of the content as UTF-8; `rows` counts the units of
    an organisation, the rectangles of a chart, or what a document of money pays.
    """

    kind: Kind
    id: str
    content: str
    amendment: common_pb2.Amendment | None
    size_bytes: int
    sha256: str
    rows: int


class ReferenceBook:
    """Documents by kind and id.

    One thread adds, in the order of the ledger; any thread may look: what it looks into is
    replaced whole.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self._documents: Mapping[Kind, Mapping[str, Versions[Document]]] = {}
        self._changes: dict[Kind, tuple[int, ...]] = {}
        self.size_bytes = 0

    def __len__(self) -> int:
        """Documents, each counted once with all its versions."""
        return sum(map(len, self._documents.values()))

    def of_kind(self, kind: Kind) -> Mapping[str, Versions[Document]]:
        """All documents of a kind by id."""
        return self._documents.get(kind, {})

    def add(self, document: Document, moment: Moment) -> None:
        """Puts a version of a document into force."""
        kind, known = document.kind, self.of_kind(document.kind)
        version = Version(moment.position, moment.received_at_us, document)
        versions = known.get(document.id, Versions()).plus(version)
        self._documents = {**self._documents, kind: {**known, document.id: versions}}
        self._changes[kind] = (*self._changes.get(kind, ()), moment.position)
        self.size_bytes += document.size_bytes

    def versions(self) -> Iterator[Version[Document]]:
        """All versions of all documents: of each kind and id together, oldest first."""
        for documents in self._documents.values():
            for versions in documents.values():
                yield from versions.all

    def begin_with(self, versions: Iterable[Version[Document]]) -> None:
        """Takes what `versions` gives of another book into an empty one."""
        if self._documents:
            raise AssertionError("documents that were there come before all others")
        documents: dict[Kind, dict[str, Versions[Document]]] = {}
        changes: dict[Kind, list[int]] = {}
        for version in versions:
            document = version.record
            of_kind = documents.setdefault(document.kind, {})
            of_kind[document.id] = of_kind.get(document.id, Versions()).plus(version)
            changes.setdefault(document.kind, []).append(version.position)
            self.size_bytes += document.size_bytes
        self._documents = documents
        self._changes = {kind: tuple(sorted(each)) for kind, each in changes.items()}

    def in_force(self, kind: Kind, revision: int) -> list[Version[Document]]:
        """What was in force of a kind at a revision, by id."""
        found = (versions.at(revision) for _, versions in sorted(self.of_kind(kind).items()))
        return [version for version in found if version is not None]

    def changed_at(self, kind: Kind, revision: int | None = None) -> int:
        """The last position, up to a revision if one is given, that changed a kind; 0 for none."""
        changes = self._changes.get(kind, ())
        count = len(changes) if revision is None else bisect_right(changes, revision)
        return changes[count - 1] if count else 0
