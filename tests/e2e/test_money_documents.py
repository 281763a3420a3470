"""Documents of money over gRPC: shipped, loaded, listed with their heads, described, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cotton.inspection.v1 import reference_pb2, reference_pb2_grpc

from tests.support.calls import CALL_S_MAX, error_of
from tests.support.money_documents import RULE_SET, SCHEDULE, document, patch, rule_set, schedule
from tests.support.organisations import ORGANISATION, XPCC, load, reference, text
from tests.support.server import Servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BASE = schedule("base", effective_through="2016-12-31", note="n")
AMENDED = schedule("base", effective_through="2016-12-31").replace('"31" = "0"', '"31" = "7"')
PATCH = patch("patch", "base", effective_from="2017-01-01")


class Money:
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

    def describe(self, **asked: Any) -> reference_pb2.DescribeReferenceResponse:
        """What a document says."""
        request = reference_pb2.DescribeReferenceRequest(**{"kind": SCHEDULE, **asked})
        return self.stub.DescribeReference(request, timeout=CALL_S_MAX)

    def differing(self, **asked: Any) -> dict[str, tuple[str, str]]:
        """Where two documents differ."""
        return {
            each.name: (each.value, each.other_value) for each in self.describe(**asked).entries
        }


@pytest.fixture(scope="module")
def money(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Money]:
    """A server with a schedule, amended at revision 2, a patch and a rule set; started anew."""
    directory: Path = tmp_path_factory.mktemp("server")
    with Servers(directory) as servers:
        first = servers.start()
        with first.channel() as channel:
            made = Money(channel)
            loaded = made.load(
                document("base", BASE),
                document("patch", PATCH),
                document("r", rule_set("r"), RULE_SET),
                reference(text(*XPCC)),
                document("wrong", schedule("wrong").replace('"21" =', '"99" =')),
                request_id="a",
            )
            assert (loaded.outcome.created, loaded.outcome.rejected) == (4, 1)
            assert (
                'Line 23: factors[1].rates.99: GB1103.1-2012 has no class "99" of colour. Its'
                in (loaded.outcome.results[0].message)
            )
            amended = made.load(document("base", AMENDED, supersedes=1), request_id="b")
            assert amended.outcome.corrected == 1
            newer = schedule("new", supersedes="patch", effective_from="2018-01-01")
            made.load(document("new", newer), request_id="c")
            before = [made.list(revision) for revision in (1, 2, 3)]
        assert first.end() == 0
        with servers.start().channel() as channel:
            made = Money(channel)
            assert [made.list(revision) for revision in (1, 2, 3)] == before
            yield made


def test_the_list_has_heads(money: Money) -> None:
    listed = {
        (each.kind, each.id): each for each in money.list().references if each.kind != ORGANISATION
    }
    assert list(listed) == [
        (SCHEDULE, "base"),
        (SCHEDULE, "new"),
        (SCHEDULE, "patch"),
        (RULE_SET, "r"),
    ]
    head = listed[SCHEDULE, "patch"].head
    assert (head.patch_of, head.unit, head.superseded_by) == ("base", "yuan/t", "new")
    assert (head.effective_from, head.effective_through) == ("2017-01-01", "")
    assert (head.series, head.source) == ("s", "made up")
    assert f'confidence = "{head.confidence}"' in PATCH
    assert listed[SCHEDULE, "new"].head.supersedes == "patch"
    assert listed[RULE_SET, "r"].head.unit == "yuan/kg"
    assert [listed[key].rows for key in listed] == [2, 2, 1, 1]
    earlier = {each.id: each.head for each in money.list(2).references}
    assert earlier["patch"].superseded_by == ""
    assert not earlier["xpcc"].ByteSize()


def test_versions_have_heads(money: Money) -> None:
    request = reference_pb2.GetReferenceRequest(kind=SCHEDULE, id="base")
    answer = money.stub.GetReference(request, timeout=CALL_S_MAX)
    assert answer.reference.content == AMENDED
    assert [each.head.note for each in answer.versions] == ["n", ""]
    assert [each.in_force for each in answer.versions] == [False, True]


def test_what_is_shipped_can_be_loaded_as_it_is(money: Money) -> None:
    request = reference_pb2.ListShippedRequest()
    found = money.stub.ListShipped(request, timeout=CALL_S_MAX).documents
    assert [each.kind for each in found] == sorted(each.kind for each in found)
    (futures,) = (each for each in found if each.id == "futures-2016-17")
    assert (futures.head.confidence, futures.head.unit) == ("H", "yuan/t")
    described = money.describe(kind=futures.kind, content=futures.content)
    assert (described.document.id, described.document.revision) == ("futures-2016-17", 0)
    assert described.document.head == futures.head
    assert {each.name: each.value for each in described.entries}["factors.colour.21"] == "300"


def test_a_patch_is_described_with_its_base(money: Money) -> None:
    at_one = {each.name: each.value for each in money.describe(id="patch", revision=1).entries}
    assert (at_one["factors.colour.21"], at_one["factors.colour.31"]) == ("310", "0")
    answer = money.describe(id="patch")
    assert (answer.revision, answer.document.revision, answer.HasField("other")) == (3, 1, False)
    assert {each.name: each.value for each in answer.entries}["factors.colour.31"] == "7"


def test_documents_are_compared(money: Money) -> None:
    """With itself at another revision, with another, and with files that are not loaded."""
    assert money.differing(id="patch", other_revision=1) == {"factors.colour.31": ("7", "0")}
    assert money.differing(id="base", other_revision=1) == {
        "factors.colour.31": ("7", "0"),
        "note": ("", "n"),
    }
    other = money.differing(id="base", other_id="patch")
    assert other["factors.colour.21"] == ("300", "310")
    assert other["effective_through"] == ("2016-12-31", "")
    assert money.differing(content=AMENDED, other_revision=2) == {}
    assert money.differing(id="base", other_content=BASE) == money.differing(
        id="base", other_revision=1
    )
    draft = money.differing(id="patch", other_content=PATCH.replace("310", "320"))
    assert draft == {"factors.colour.21": ("310", "320")}


@pytest.mark.parametrize(
    ("asked", "code", "told"),
    [
        ({"id": "gone"}, grpc.StatusCode.NOT_FOUND, "there are base, new, patch"),
        ({"id": "base", "other_id": "gone"}, grpc.StatusCode.NOT_FOUND, "no schedule gone"),
        ({"id": "new", "revision": 2}, grpc.StatusCode.NOT_FOUND, "no schedule new"),
        ({"id": "xpcc", "kind": ORGANISATION}, grpc.StatusCode.INVALID_ARGUMENT, "of money"),
        ({"id": "base", "revision": 9}, grpc.StatusCode.OUT_OF_RANGE, "latest is 3"),
        ({"content": "a = "}, grpc.StatusCode.INVALID_ARGUMENT, "line 1"),
        ({"content": patch("x", "gone")}, grpc.StatusCode.INVALID_ARGUMENT, "line 8: patch_of"),
    ],
)
def test_what_cannot_be_described(
    money: Money, asked: dict[str, Any], code: grpc.StatusCode, told: str
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        money.describe(**asked)
    assert error.value.code() is code
    assert told in error_of(error.value).message


@pytest.mark.parametrize(
    "wrong",
    [
        f'base_rate = "{"种" * 30_000}"\n',
        f'"{"种" * 30_000}" = 1\n',
        f'{"k" * 100_000} = "1"\n',
    ],
    ids=["value", "text", "key"],
)
def test_what_is_wrong_with_a_large_file_arrives(money: Money, wrong: str) -> None:
    """What an error repeats of a file is cut: gRPC carries no long errors."""
    content = patch("p", "base", "", effective_from="2020-01-01") + wrong
    with pytest.raises(grpc.RpcError) as caught:
        money.describe(content=content)
    refused = error_of(caught.value)
    assert refused.reason == "INVALID_FIELD"
    assert "…" in refused.message
    assert refused.message.endswith("send the message again.")
