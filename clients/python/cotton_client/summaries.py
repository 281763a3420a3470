"""Grade summaries that come in pages: one after the other, or as one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton.inspection.v1 import summary_pb2

from cotton_client import errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


async def pages(
    ask: Callable[
        [summary_pb2.SummariseGradesRequest], Awaitable[summary_pb2.SummariseGradesResponse]
    ],
    query: summary_pb2.SummariseGradesRequest,
) -> AsyncIterator[summary_pb2.SummariseGradesResponse]:
    """Every page of an answer; all are of the revision of the first.

    A page is asked for as the first was, by instant too, with the token of the one before it.

    Raises ContractViolation for a page of another revision, and for one that leads to itself.
    """
    request = summary_pb2.SummariseGradesRequest()
    request.CopyFrom(query)
    revision: int | None = None
    while True:
        page = await ask(request)
        if revision is not None and page.revision != revision:
            raise errors.ContractViolation(
                f"A page of the summary is of another revision, {page.revision}, than the first,"
                f" {revision}."
            )
        revision = page.revision
        yield page
        if not page.next_page_token:
            return
        if page.next_page_token == request.page_token:
            raise errors.ContractViolation("A page of the summary is followed by itself.")
        request.page_token = page.next_page_token


async def merged(
    answers: AsyncIterator[summary_pb2.SummariseGradesResponse],
) -> summary_pb2.SummariseGradesResponse:
    """All pages as one answer: what is said of the whole is that of the first."""
    whole: summary_pb2.SummariseGradesResponse | None = None
    async for page in answers:
        if whole is None:
            whole = page
        else:
            whole.rows.extend(page.rows)
    if whole is None:
        raise errors.ContractViolation("The summary has no page.")
    whole.next_page_token = ""
    return whole
