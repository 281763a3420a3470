"""ListConflicts and CountConflicts at their handlers: what is refused, and page by page."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, cast

import pytest
from cotton.inspection.v1 import amendments_pb2
from cotton_server.api.conflicts import FILTER_VALUES_MAX, ConflictHandlers
from cotton_server.errors import Reason, ServiceError
from cotton_server.trace import conflicts

from tests.support.bales import bale, usda_bale
from tests.support.calls import Context
from tests.trace.recording import Recording

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from cotton_server.api.conflicts import Context as GrpcContext

CALL = cast("GrpcContext", Context())


class Counting(Executor):
    """Runs work at once, and counts it."""

    def __init__(self) -> None:
        """Nothing ran yet."""
        self.ran = 0

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Runs it."""
        self.ran += 1
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments, **named))
        except ServiceError as error:
            future.set_exception(error)
        return future


class Asking:
    """Handlers in front of five conflicts of two bales."""

    def __init__(self) -> None:
        """Stores the readings."""
        self.recording = Recording()
        self.recording.read(bale(1), usda_bale(1))
        self.recording.read(*(bale(1, length=2700 + n) for n in range(4)), usda_bale(1, length=120))
        self.readers = Counting()
        self.handlers = ConflictHandlers(
            self.recording.registry, self.recording.ledger, self.readers
        )

    def stream(self, **fields: Any) -> AsyncIterator[amendments_pb2.ListConflictsResponse]:
        """The answers to a request."""
        request = amendments_pb2.ListConflictsRequest(**fields)
        return self.handlers.list_conflicts(request.SerializeToString(), CALL)

    async def listed(self, **fields: Any) -> list[str]:
        """The ids of the conflicts that are answered."""
        return [
            each.conflict_id async for answer in self.stream(**fields) for each in answer.conflicts
        ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("states", [amendments_pb2.CONFLICT_STATE_UNSPECIFIED]),
        ("states", [amendments_pb2.CONFLICT_STATE_OPEN, 77]),
        ("lot_nos", ["65140161077", "6514016107"]),
        ("lot_nos", [""]),
        ("lot_nos", ["65140161077"] * (FILTER_VALUES_MAX + 1)),
        ("laboratories", ["L"] * (FILTER_VALUES_MAX + 1)),
        ("bale_code", "1" * 31),
        ("bale_code", "2021/12345678901"),
        ("bale_code", "1979/000000000001"),
        ("bale_code", "02021/000000000001"),
        ("bale_code", "²021/000000000001"),
        ("bale_code", "9" * 5000 + "/000000000001"),
        ("bale_code", "/000000000001"),
        ("bale_code", "000000000001"),
        ("bale_code", bale(1).code + "/"),
        ("after_conflict_id", "2"),
        ("after_conflict_id", "2/"),
        ("after_conflict_id", "2/01"),
        ("after_conflict_id", "-2/1"),
        ("after_conflict_id", "9" * 5000 + "/1"),
    ],
)
async def test_what_is_not_of_its_form_is_refused_by_field(field: str, value: Any) -> None:
    with pytest.raises(ServiceError) as refused:
        await Asking().listed(**{field: value})
    assert refused.value.reason is Reason.INVALID_FIELD
    assert list(refused.value.violations) == [field]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"bale_code": bale(1).code}, [0, 1, 2, 3]),
        ({"bale_code": "2021/000000000001"}, [4]),
        ({"bale_code": "2022/000000000001"}, []),
        ({"after_conflict_id": "2/2"}, [3, 4]),
        ({"after_conflict_id": f"{2**64}/0"}, []),
        ({"states": [amendments_pb2.CONFLICT_STATE_KEPT]}, []),
        ({"lot_nos": ["65140161077"], "limit": 1}, [0]),
        ({"laboratories": [""]}, [0, 1, 2, 3, 4]),
        ({"revision": 1}, []),
    ],
)
async def test_a_request_is_read_as_the_filter_that_it_says(
    fields: dict[str, Any], expected: list[int]
) -> None:
    assert await Asking().listed(**fields) == [f"2/{row}" for row in expected]


async def test_where_nothing_passes_the_revision_is_answered_alone() -> None:
    answers = [each async for each in Asking().stream(revision=1)]
    assert [(each.revision, len(each.conflicts)) for each in answers] == [(1, 0)]


async def test_the_next_page_is_looked_for_when_the_one_before_was_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conflicts, "PAGE_MAX", 2)
    asking = Asking()
    answers = asking.stream()
    assert len((await anext(answers)).conflicts) == 2
    assert asking.readers.ran == 2
    assert len((await anext(answers)).conflicts) == 2
    assert asking.readers.ran == 3
    assert [len(each.conflicts) async for each in answers] == [1]


async def test_a_revision_that_is_not_there_yet_is_refused() -> None:
    asking = Asking()
    counting = amendments_pb2.CountConflictsRequest(revision=3).SerializeToString()
    for ask in (asking.listed(revision=3), asking.handlers.count_conflicts(counting, CALL)):
        with pytest.raises(ServiceError) as refused:
            await ask
        assert refused.value.reason is Reason.FUTURE_REVISION


async def test_counts_name_their_revision() -> None:
    request = amendments_pb2.CountConflictsRequest()
    answer = await Asking().handlers.count_conflicts(request.SerializeToString(), CALL)
    assert answer.revision == 2
    assert [(each.laboratory, each.open) for each in answer.counts] == [("", 5)]
