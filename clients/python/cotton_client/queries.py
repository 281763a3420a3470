"""Questions for summaries, as the messages that every call about grades takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton.inspection.v1 import summary_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Filters = Mapping[summary_pb2.SummaryKey.ValueType, Sequence[str]]


def grades_query(
    keys: Sequence[summary_pb2.SummaryKey.ValueType] = (),
    filters: Filters | None = None,
    *,
    revision: int = 0,
    as_of_us: int = 0,
    share_decimals: int = 2,
    basis: summary_pb2.Basis.ValueType = summary_pb2.BASIS_UNSPECIFIED,
    inspected_from: str = "",
    inspected_through: str = "",
    with_last_season: bool = False,
    withhold_below: int = 0,
    page_size: int = 0,
) -> summary_pb2.SummariseGradesRequest:
    """The question for grades by `keys` of all that passes every filter.

    `as_of_us` (microseconds since 1970 UTC) names an instant instead of a revision.
    `inspected_from` and `inspected_through` are days, "YYYY-MM-DD" in China, both included.
    Rows of fewer than `withhold_below` bales come without figures. `page_size` bounds the
    rows of one answer; 0 leaves it to the server.
    """
    return summary_pb2.SummariseGradesRequest(
        keys=keys,
        filters=key_filters(filters),
        revision=revision,
        as_of_us=as_of_us,
        share_decimals=share_decimals,
        basis=basis,
        inspected_from=inspected_from,
        inspected_through=inspected_through,
        with_last_season=with_last_season,
        withhold_below=withhold_below,
        page_size=page_size,
    )


def key_filters(filters: Filters | None) -> list[summary_pb2.KeyFilter]:
    """Filters as messages; all must hold."""
    return [
        summary_pb2.KeyFilter(key=key, values=values) for key, values in (filters or {}).items()
    ]
