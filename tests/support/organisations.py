"""Organisations and charts for tests, as texts and as documents of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton.inspection.v1 import common_pb2, reference_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

ORGANISATION = reference_pb2.REFERENCE_KIND_ORGANISATION
CHART = reference_pb2.REFERENCE_KIND_COLOUR_CHART

HEADING = "level,code,name,name_en,parent,valid_from,valid_to"
XPCC = (
    "region,xpcc,兵团,XPCC,,,",
    "division,8,第八师,8th Division,xpcc,,",
    "division,7,第七师,7th Division,xpcc,,",
    "regiment,150,一五〇团,150th Regiment,8,,2019-08-31",
    "regiment,150,一五〇团,150th Regiment,7,2019-09-01,",
    "regiment,149,一四九团,,8,2012-09-01,",
)
"""Two divisions and two regiments, one of which moved from 第八师 to 第七师."""

LOCAL = ("region,local,地方,Local,,,", "county,shawan,沙湾县,Shawan,local,,")


def text(*rows: str) -> str:
    """An organisation's file."""
    return "\n".join([HEADING, *rows, ""])


def chart(
    standard: str = "GB1103.1-2023", *, rows: Iterable[str] = ("31,7.1,7.4,78,81",), name: str = "c"
) -> str:
    """A chart's file."""
    head = {
        "id": name,
        "standard": standard,
        "title": "t",
        "source": "s",
        "confidence": "L",
        "rd_resolution": "1",
        "rd_rounding": "half-up",
        "plus_b_resolution": "0.1",
        "plus_b_rounding": "half-up",
    }
    lines = [f"# {key}: {value}" for key, value in head.items()]
    return "\n".join([*lines, "grade,plus_b_from,plus_b_to,rd_from,rd_to", *rows, ""])


def reference(
    content: str,
    name: str = "xpcc",
    *,
    kind: reference_pb2.ReferenceKind.ValueType = ORGANISATION,
    supersedes: int = 0,
    note: str = "",
) -> reference_pb2.Reference:
    """A document; with `supersedes` it takes the place of the one of that revision."""
    made = reference_pb2.Reference(kind=kind, id=name, content=content)
    if supersedes:
        made.amendment.CopyFrom(
            common_pb2.Amendment(
                supersedes_revision=supersedes,
                reason=common_pb2.AMENDMENT_REASON_ENTRY_ERROR,
                note=note,
                decided_by="office",
            )
        )
    return made


def load(
    *references: reference_pb2.Reference, request_id: str = "r", producer: str = "p"
) -> reference_pb2.LoadReferencesRequest:
    """A request that loads documents."""
    return reference_pb2.LoadReferencesRequest(
        producer_id=producer, request_id=request_id, references=references
    )
