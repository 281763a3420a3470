"""ReferenceService and documents of money, through its handlers: each at its own revision."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import reference_pb2
from cotton_server.api.references import ReferenceHandlers
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.references import CONTENT_BYTES_MAX
from cotton_server.settlement.library import shipped

from tests.support.calls import Context
from tests.support.deciding import Deciding
from tests.support.money_documents import RULE_SET, SCHEDULE, document, patch, rule_set, schedule
from tests.support.organisations import load

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE = "factors.colour.21"
OTHER = schedule("a", rates={"21": "320", "31": "0"})


@pytest.fixture(name="handlers")
def fixture_handlers() -> Iterator[ReferenceHandlers]:
    """In front of a schedule, amended at revision 2, with a patch and a rule set."""
    decided = Deciding()
    decided.request(
        load(
            document("a", schedule("a")),
            document("b", patch("b", "a", series="t")),
            document("r", rule_set("r"), RULE_SET),
        )
    )
    decided.request(load(document("a", OTHER, supersedes=1)))
    with ThreadPoolExecutor(1) as readers:
        yield ReferenceHandlers(decided.registry, readers)


async def described(
    handlers: ReferenceHandlers, **asked: Any
) -> reference_pb2.DescribeReferenceResponse:
    """What a document of money says, or where two differ."""
    request = reference_pb2.DescribeReferenceRequest(**{"kind": SCHEDULE, **asked})
    return await handlers.describe_reference(request.SerializeToString(), Context())  # type: ignore[arg-type]  # as gRPC does


def values(answer: reference_pb2.DescribeReferenceResponse) -> dict[str, tuple[str, str]]:
    """Both values of every entry."""
    return {each.name: (each.value, each.other_value) for each in answer.entries}


async def test_each_of_two_documents_is_as_at_its_own_revision(
    handlers: ReferenceHandlers,
) -> None:
    """0 is the latest for either, also where the other is an older one."""
    answer = await described(handlers, id="a", revision=1, other_id="a")
    assert values(answer) == {RATE: ("300", "320")}
    assert (answer.revision, answer.document.revision, answer.other.revision) == (1, 1, 2)
    assert not answer.document.HasField("amendment")
    assert answer.other.amendment.supersedes_revision == 1
    answer = await described(handlers, id="a", other_id="a", other_revision=1)
    assert values(answer) == {RATE: ("320", "300")}
    assert answer.revision == 2


async def test_a_file_is_a_patch_of_what_is_loaded_at_the_revision(
    handlers: ReferenceHandlers,
) -> None:
    """It has no revision and is not in force; nothing is stored of it."""
    change = '[[factors]]\nname = "colour"\nrates = { "31" = "5" }\n'
    text = patch("draft", "a", change)
    answer = await described(handlers, id="draft", content=text, revision=1)
    found = values(answer)
    assert (found[RATE], found["factors.colour.31"]) == (("300", ""), ("5", ""))
    document = answer.document
    assert (document.id, document.revision, document.in_force, document.rows) == (
        "draft",
        0,
        False,
        1,
    )
    assert (document.head.patch_of, document.head.unit) == ("a", "yuan/t")
    assert document.size_bytes == len(text.encode())
    answer = await described(handlers, id="a", other_id="draft", other_content=text)
    assert values(answer)["factors.colour.31"] == ("0", "5")
    with pytest.raises(ServiceError) as error:
        await described(handlers, id="draft")
    assert error.value.reason is Reason.NOT_FOUND


@pytest.mark.parametrize(
    ("asked", "reason", "field"),
    [
        ({"kind": 0}, Reason.INVALID_FIELD, "kind"),
        ({"kind": reference_pb2.REFERENCE_KIND_COLOUR_CHART}, Reason.INVALID_FIELD, "kind"),
        ({"id": ""}, Reason.NOT_FOUND, "id"),
        ({"id": "r"}, Reason.NOT_FOUND, "id"),
        ({"id": "a", "other_id": "r"}, Reason.NOT_FOUND, "other_id"),
        ({"id": "a", "revision": 3}, Reason.FUTURE_REVISION, "revision"),
        (
            {"id": "a", "other_id": "a", "other_revision": 3},
            Reason.FUTURE_REVISION,
            "other_revision",
        ),
        ({"content": rule_set("x")}, Reason.INVALID_FIELD, "content"),
        ({"content": "#" * (CONTENT_BYTES_MAX + 1)}, Reason.INVALID_FIELD, "content"),
        (
            {"id": "a", "other_id": "x", "other_content": patch("x", "gone")},
            Reason.INVALID_FIELD,
            "other_content",
        ),
    ],
)
async def test_what_cannot_be_described_is_refused_with_the_field(
    handlers: ReferenceHandlers, asked: dict[str, Any], reason: Reason, field: str
) -> None:
    with pytest.raises(ServiceError) as error:
        await described(handlers, **asked)
    assert error.value.reason is reason
    assert list(error.value.violations) == [field]


async def test_shipped_documents_come_as_they_are_loaded(handlers: ReferenceHandlers) -> None:
    """In an order in which they can be loaded at once, each with its head."""
    request = reference_pb2.ListShippedRequest().SerializeToString()
    answer = await handlers.list_shipped(request, Context())  # type: ignore[arg-type]  # as gRPC does
    assert {each.id: each.content for each in answer.documents} == {
        each.id: each.text for each in shipped()
    }
    assert all(
        each.head.title and each.head.series and each.head.source for each in answer.documents
    )
    loaded = [document(each.id, each.content, each.kind) for each in answer.documents]
    outcome: reference_pb2.ReferencesOutcome = Deciding().request(load(*loaded))
    assert outcome.created == len(loaded)
