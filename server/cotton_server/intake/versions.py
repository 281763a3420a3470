"""What becomes of a record beside the versions that are stored: the same for every kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cotton.inspection.v1 import lots_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cotton.inspection.v1 import common_pb2

    from cotton_server.registry.records import Version

_T = TypeVar("_T")

VERSIONS_MAX: Final = 256
"""Versions held of one record."""


@dataclass(frozen=True, slots=True)
class Met:
    """What becomes of a record that has no fault, and the stored one that it met."""

    outcome: lots_pb2.LotOutcome.ValueType
    stored: Version[Any] | None = None
    field: str = ""
    message: str = ""


CREATED: Final = Met(lots_pb2.LOT_OUTCOME_CREATED)

TAKEN: Final = (lots_pb2.LOT_OUTCOME_CREATED, lots_pb2.LOT_OUTCOME_CORRECTED)
"""Outcomes of records that come into force."""

COUNTED_IN: Final = {
    lots_pb2.LOT_OUTCOME_CREATED: "created",
    lots_pb2.LOT_OUTCOME_EXISTS: "existing",
    lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT: "conflicting",
    lots_pb2.LOT_OUTCOME_REJECTED: "rejected",
    lots_pb2.LOT_OUTCOME_CORRECTED: "corrected",
    lots_pb2.LOT_OUTCOME_SUPERSEDED: "superseded",
}
"""The count of the answer that a record enters by its outcome."""


def compared(
    amendment: common_pb2.Amendment | None,
    versions: Sequence[Version[_T]],
    *,
    repeats: Callable[[_T], bool],
    says_the_same: Callable[[_T], bool],
    differs: Callable[[Version[_T]], Met],
) -> Met:
    """What becomes of a record beside the versions of what it is a record of, oldest first.

    `repeats` tells whether a stored record is this one, its amendment included, and
    `says_the_same` whether it is but for that. `differs` is what becomes of a record without
    amendment that says something else than the version in force.
    """
    if amendment is not None:
        return _amendment_met(amendment, versions, repeats)
    if not versions:
        return CREATED
    last = versions[-1]
    if says_the_same(last.record):
        return Met(lots_pb2.LOT_OUTCOME_EXISTS, last)
    if any(says_the_same(version.record) for version in versions):
        return Met(lots_pb2.LOT_OUTCOME_SUPERSEDED, last)
    return differs(last)


def repeated(version: Version[Any], versions: Sequence[Version[Any]]) -> Met:
    """What becomes of a record that a stored version is already."""
    if version is versions[-1]:
        return Met(lots_pb2.LOT_OUTCOME_EXISTS, version)
    return Met(lots_pb2.LOT_OUTCOME_SUPERSEDED, versions[-1])


def _amendment_met(
    amendment: common_pb2.Amendment,
    versions: Sequence[Version[_T]],
    repeats: Callable[[_T], bool],
) -> Met:
    for version in versions:
        if repeats(version.record):
            return repeated(version, versions)
    if not versions:
        return Met(
            lots_pb2.LOT_OUTCOME_REJECTED,
            None,
            "supersedes_revision",
            "Nothing is stored that could be superseded. Leave the amendment out.",
        )
    last = versions[-1]
    if amendment.supersedes_revision != last.position:
        return Met(
            lots_pb2.LOT_OUTCOME_REJECTED,
            last,
            "supersedes_revision",
            f"The record in force is of revision {last.position}. Look at it, and decide again.",
        )
    if len(versions) >= VERSIONS_MAX:
        return Met(
            lots_pb2.LOT_OUTCOME_REJECTED,
            last,
            message=f"{VERSIONS_MAX} versions of the record are stored, as many as are held.",
        )
    return Met(lots_pb2.LOT_OUTCOME_CORRECTED, last)
