"""Reference documents over gRPC: loaded, listed, shown at revisions, and there after a restart."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cotton.inspection.v1 import lots_pb2, reference_pb2, reference_pb2_grpc

from tests.support.calls import CALL_S_MAX, error_of
from tests.support.organisations import CHART, ORGANISATION, XPCC, chart, load, reference, text
from tests.support.server import Servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONE, OTHER = text(*XPCC), text(*XPCC[:3])


class Documents:
    """ReferenceService on one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        """Makes the stub."""
        self.stub = reference_pb2_grpc.ReferenceServiceStub(channel)

    def load(
        self, *documents: reference_pb2.Reference, request_id: str
    ) -> reference_pb2.LoadReferencesResponse:
        """Loads documents."""
        return self.stub.LoadReferences(load(*documents, request_id=request_id), timeout=CALL_S_MAX)

    def list(self, revision: int = 0) -> reference_pb2.ListReferencesResponse:
        """The documents in force."""
        request = reference_pb2.ListReferencesRequest(revision=revision)
        return self.stub.ListReferences(request, timeout=CALL_S_MAX)

    def get(self, name: str = "xpcc", **asked: Any) -> reference_pb2.GetReferenceResponse:
        """One document."""
        request = reference_pb2.GetReferenceRequest(**{"kind": ORGANISATION, "id": name, **asked})
        return self.stub.GetReference(request, timeout=CALL_S_MAX)


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Documents]:
    """A server with an organisation at revisions 1 and 3 and a chart at 2, started anew then."""
    directory: Path = tmp_path_factory.mktemp("server")
    with Servers(directory) as servers:
        first = servers.start()
        with first.channel() as channel:
            made = Documents(channel)
            assert made.load(reference(ONE), request_id="a").outcome.created == 1
            made.load(reference(chart(), "c", kind=CHART), request_id="b")
            amended = made.load(reference(OTHER, supersedes=1, note="n"), request_id="c")
            assert amended.outcome.corrected == 1
            before = [made.list(revision) for revision in (1, 2, 3)]
        assert first.end() == 0
        server = servers.start()
        with server.channel() as channel:
            made = Documents(channel)
            assert [made.list(revision) for revision in (1, 2, 3)] == before
            metrics = server.metrics()
            assert metrics["cotton_registry_references",] == 2
            yield made


def test_the_same_request_again_is_answered_as_the_first_time(documents: Documents) -> None:
    again = documents.load(reference(ONE), request_id="a")
    assert (again.revision, again.repeated_request, again.outcome.created) == (1, True, 1)


def test_the_list_has_what_is_in_force_at_a_revision(documents: Documents) -> None:
    listed = [
        [(each.kind, each.id, each.revision, each.rows) for each in documents.list(n).references]
        for n in (1, 2, 3)
    ]
    assert listed == [
        [(ORGANISATION, "xpcc", 1, 6)],
        [(ORGANISATION, "xpcc", 1, 6), (CHART, "c", 2, 1)],
        [(ORGANISATION, "xpcc", 3, 3), (CHART, "c", 2, 1)],
    ]


def test_a_document_is_shown_with_its_versions(documents: Documents) -> None:
    latest, older = documents.get(), documents.get(revision=2)
    assert latest.reference == reference(OTHER, supersedes=1, note="n")
    assert older.reference == reference(ONE)
    assert (older.revision, len(older.versions)) == (2, 1)
    assert [(each.revision, each.in_force) for each in latest.versions] == [(1, False), (3, True)]
    version = latest.versions[0]
    assert version.sha256 == sha256(ONE.encode()).hexdigest()
    assert version.size_bytes == len(ONE.encode())
    assert version.received_at_us > 0
    assert not version.HasField("amendment")
    assert latest.versions[1].amendment == latest.reference.amendment


@pytest.mark.parametrize(
    ("asked", "reason", "fields"),
    [
        ({"name": "unknown"}, "NOT_FOUND", ["id"]),
        ({"name": "c", "kind": CHART, "revision": 1}, "NOT_FOUND", ["id"]),
        ({"kind": 0}, "INVALID_FIELD", ["kind"]),
        ({"revision": 10_000}, "FUTURE_REVISION", ["revision"]),
    ],
)
def test_what_is_not_there_is_a_typed_error(
    documents: Documents, asked: dict[str, Any], reason: str, fields: list[str]
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        documents.get(**asked)
    error = error_of(refused.value)
    assert (error.reason, error.fields) == (reason, fields)


def test_a_list_of_the_future_is_a_typed_error(documents: Documents) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        documents.list(10_000)
    assert error_of(refused.value).reason == "FUTURE_REVISION"


@pytest.mark.parametrize(("count", "reason"), [(0, "MISSING_FIELD"), (65, "BATCH_TOO_LARGE")])
def test_a_request_holds_some_documents(documents: Documents, count: int, reason: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        documents.load(*[reference(ONE)] * count, request_id="many")
    assert error_of(refused.value).reason == reason


def test_a_bad_document_leaves_the_others_of_its_request(documents: Documents) -> None:
    revision = documents.list().revision
    bad = reference(text("village,v,v,,,,"), "bad")
    answer = documents.load(bad, reference(OTHER), request_id="bad")
    assert answer.revision == revision + 1
    assert [(each.row, each.outcome) for each in answer.outcome.results] == [
        (0, lots_pb2.LOT_OUTCOME_REJECTED),
        (1, lots_pb2.LOT_OUTCOME_EXISTS),
    ]
    assert answer.outcome.results[0].message == (
        'Line 2: "village" is no level. Give one of region, division, regiment, county.'
    )
