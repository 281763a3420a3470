"""What the machine draws: few bales, lots and values, so that they meet each other often."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import common_pb2, readings_pb2
from hypothesis import strategies as st

from tests.support.bales import LOT, OTHER_LOT, Bale, bale, usda_bale

if TYPE_CHECKING:
    from collections.abc import Mapping

LATER_LOT: Final = "65140171079"
"""A lot of the season after that of LOT."""

LOTS: Final = (LOT, OTHER_LOT, LATER_LOT)

POOL: Final = (bale(1), bale(2), bale(3), usda_bale(1, lot_no=LOT), usda_bale(2))

_KINDS: Final = (
    readings_pb2.READING_KIND_UNSPECIFIED,
    readings_pb2.READING_KIND_ORIGINAL,
    readings_pb2.READING_KIND_REVIEW,
    readings_pb2.READING_KIND_SUPERVISORY,
    readings_pb2.READING_KIND_CORRECTION,
)

CORRECTION: Final = readings_pb2.READING_KIND_CORRECTION

RIGHT: Final = "right"
NONE: Final = "none"
TARGETS: Final = (RIGHT, RIGHT, RIGHT, "before", "next", "far", NONE)
"""Which revision an amendment names: the one in force, another, or none."""


@dataclass(frozen=True)
class Draft:
    """A reading to be; a correction names its target only when it is sent."""

    bale: Bale
    target: str = NONE


def target_of(choice: str, in_force: int, revision: int) -> int:
    """The revision that an amendment names, by choice."""
    named = {RIGHT: in_force, "before": in_force - 1, "next": revision + 1, "far": revision + 7}
    return max(named.get(choice, 0), 0)


def amendment(choice: str, in_force: int, revision: int) -> common_pb2.Amendment:
    """An amendment that has all it needs."""
    return common_pb2.Amendment(
        supersedes_revision=target_of(choice, in_force, revision),
        reason=common_pb2.AMENDMENT_REASON_ENTRY_ERROR,
        decided_by="office",
    )


# Lengths: equal, within tolerance of each other, beyond it, doubtful, refused, absent.
_LENGTHS: Final = {
    "gb": (2820, 2820, 2821, 2900, 2150, 9999, None),
    "usda": (114, 114, 115, 130, 80, 9999, None),
}
_SPECIALS: Final[Mapping[str, tuple[object, ...]]] = {
    "lot_no": (LOT, OTHER_LOT, LATER_LOT, "123"),
    "standard": ("GB1103.1-2012",),
    "laboratory": ("L1", "L2"),
    "inspected_at_s": (1_480_000_000,),
    "decided_by": ("someone",),
}


def drafts() -> st.SearchStrategy[Draft]:
    """Readings of the pool."""

    def made(
        base: Bale, length: int, special: tuple[str, object] | None, kind: int, target: str
    ) -> Draft:
        values = {"length": _LENGTHS["usda" if base.crop_year else "gb"][length]}
        made = replace(base.but(**values), kind=kind)
        if special is not None:
            made = replace(made, **{special[0]: special[1]})  # type: ignore[arg-type]
        if kind == readings_pb2.READING_KIND_CORRECTION:
            made = replace(
                made, reason=common_pb2.AMENDMENT_REASON_SAMPLE_MIX_UP, decided_by="inspector"
            )
        return Draft(made, target)

    specials = [(name, value) for name, values in _SPECIALS.items() for value in values]
    plain = st.sampled_from(_KINDS[:2])
    return st.builds(
        made,
        st.sampled_from(POOL),
        st.integers(0, 6),
        st.none() | st.none() | st.sampled_from(specials),
        plain | st.sampled_from(_KINDS),
        st.sampled_from(TARGETS),
    )


def batches() -> st.SearchStrategy[list[Draft]]:
    """The readings of one batch."""
    return st.lists(drafts(), min_size=1, max_size=4)
