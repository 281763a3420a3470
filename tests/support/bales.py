"""Readings for tests: one plain description of a bale, and both shapes of a batch made of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, cast

from cotton.inspection.v1 import common_pb2, ingest_pb2, readings_pb2
from cotton_server.domain.fields import TEXT_FIELD_NAMES, VALUE_FIELD_NAMES
from cotton_server.domain.identifiers import USDA_HIGH
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOT: Final = "65140161077"
OTHER_LOT: Final = "65140161078"

GB_VALUES: Final[Mapping[str, tuple[int, int]]] = {
    "colour_grade": (31, 21),
    "length": (2820, 2821),
    "micronaire": (420, 421),
    "strength": (2950, 2960),
    "uniformity": (8300, 8310),
    "preparation": (2, 1),
    "foreign_fibre": (0, 1),
    "rd": (8000, 8010),
    "plus_b": (800, 810),
    "short_fibre": (1200, 1210),
    "elongation": (700, 710),
    "maturity": (85, 86),
    "trash_area": (50, 60),
    "trash_count": (12, 13),
    "moisture": (700, 710),
    "spinning_consistency": (140, 141),
    "instrument_colour_grade": (31, 41),
    "colour_quadrant": (1, 2),
    "leaf_grade": (3, 4),
    "extraneous_matter": (0, 11),
    "visual_grade": (3, 4),
}
"""Two likely values of every field of a bale with a 32-digit code."""

USDA_VALUES: Final[Mapping[str, tuple[int, int]]] = {**GB_VALUES, "length": (114, 115)}
"""Two likely values of every field of a USDA bale."""


@dataclass(frozen=True)
class Bale:
    """One reading; `code` is 32 digits, or with `crop_year` a USDA bale id."""

    code: str
    lot_no: str = LOT
    crop_year: int = 0
    values: Mapping[str, int] = field(default_factory=dict)
    standard: str = ""
    laboratory: str = ""
    instrument: str = ""
    inspected_at_s: int = 0
    kind: int = 0
    supersedes: int = 0
    reason: int = 0
    note: str = ""
    decided_by: str = ""

    def correcting(self, revision: int) -> Bale:
        """The same reading as a correction of what was stored at a revision."""
        return replace(
            self,
            kind=readings_pb2.READING_KIND_CORRECTION,
            supersedes=revision,
            reason=common_pb2.AMENDMENT_REASON_ENTRY_ERROR,
            decided_by="inspector",
        )

    def but(self, **values: int | None) -> Bale:
        """The same reading with other values; None takes one out."""
        merged = {**self.values, **values}
        return replace(
            self, values={name: each for name, each in merged.items() if each is not None}
        )


def code(number: int, *, gin: str = "65140", baled: str = "161114") -> str:
    """The 32-digit code of the bale of that number, of the gin of LOT."""
    return f"32{gin}{baled}1221550000{number:09d}"


def bale(number: int, lot_no: str = LOT, **values: int) -> Bale:
    """A bale with a likely value in every field, or with those given in their place."""
    plain = {name: first for name, (first, _) in GB_VALUES.items()}
    return Bale(code(number), lot_no, values={**plain, **values})


def usda_bale(number: int, crop_year: int = 2021, lot_no: str = "", **values: int) -> Bale:
    """A USDA bale with a likely value in every field, or with those given in their place."""
    plain = {name: first for name, (first, _) in USDA_VALUES.items()}
    return Bale(f"{number:012d}", lot_no, crop_year, values={**plain, **values})


def rows(bales: Sequence[Bale]) -> readings_pb2.ReadingRows:
    """The bales as a message each."""
    answer = readings_pb2.ReadingRows()
    for each in bales:
        reading = answer.readings.add(
            lot_no=each.lot_no,
            standard=each.standard,
            laboratory=each.laboratory,
            instrument=each.instrument,
            inspected_at_s=each.inspected_at_s,
            kind=cast("readings_pb2.ReadingKind.ValueType", each.kind),
        )
        if each.supersedes or each.reason or each.note or each.decided_by:
            amendment = reading.amendment
            amendment.supersedes_revision = each.supersedes
            amendment.reason = cast("common_pb2.AmendmentReason.ValueType", each.reason)
            amendment.note, amendment.decided_by = each.note, each.decided_by
        if each.crop_year:
            reading.usda_bale.bale_id, reading.usda_bale.crop_year = each.code, each.crop_year
        else:
            reading.bale_code = each.code
        for name, value in each.values.items():
            setattr(reading, name, bool(value) if name == "foreign_fibre" else value)
    return answer


def _bitmap(marked: Sequence[bool]) -> bytes:
    """One bit a bale, least significant first; empty when none is marked."""
    bits = bytearray((len(marked) + 7) // 8)
    for row, mark in enumerate(marked):
        bits[row // 8] |= mark << row % 8
    return bytes(bits) if any(marked) else b""


def columns(bales: Sequence[Bale]) -> readings_pb2.ReadingColumns:
    """The bales as packed arrays; fields that no bale has are left out."""
    answer = readings_pb2.ReadingColumns(count=len(bales))
    for each in bales:
        digits = each.code if not each.crop_year else "0" * 20 + each.code
        answer.bale_code_high.append(int(digits[:16]))
        answer.bale_code_low.append(int(digits[16:]))
    if any(each.crop_year for each in bales):
        answer.usda_crop_year.extend(each.crop_year for each in bales)
    for name in VALUE_FIELD_NAMES:
        if any(name in each.values for each in bales):
            column = getattr(answer, name)
            column.values.extend(each.values.get(name, 77) for each in bales)
            column.absent = _bitmap([name not in each.values for each in bales])
    for name in (*TEXT_FIELD_NAMES, "note", "decided_by"):
        texts = [getattr(each, name) for each in bales]
        if any(texts):
            distinct = list(dict.fromkeys(texts))
            index = [distinct.index(text) for text in texts] if len(distinct) > 1 else []
            made = readings_pb2.TextColumn(dictionary=distinct, index=index)
            getattr(answer, name).CopyFrom(made)
    numbers = {
        "kind": answer.kind.values,
        "reason": answer.reason.values,
        "supersedes": answer.supersedes_revision,
        "inspected_at_s": answer.inspected_at_s,
    }
    for name, column in numbers.items():
        if any(getattr(each, name) for each in bales):
            column.extend(getattr(each, name) for each in bales)
    return answer


def batch(
    bales: Sequence[Bale], *, identity: int | str = 1, shape: str = "columns"
) -> readings_pb2.ReadingBatch:
    """A batch under a sequence (a number) or a batch id (a text)."""
    made = (
        readings_pb2.ReadingBatch(rows=rows(bales))
        if shape == "rows"
        else readings_pb2.ReadingBatch(columns=columns(bales))
    )
    if isinstance(identity, str):
        made.batch_id = identity
    else:
        made.sequence = identity
    return made


def append_request(
    bales: Sequence[Bale], *, identity: int | str = 1, shape: str = "columns"
) -> ingest_pb2.AppendReadingsRequest:
    """The message of a stream that carries the batch."""
    return ingest_pb2.AppendReadingsRequest(batch=batch(bales, identity=identity, shape=shape))


def key_of(each: Bale) -> tuple[int, int]:
    """The key that a well-formed bale is stored under."""
    if each.crop_year:
        return USDA_HIGH + each.crop_year, int(each.code)
    return int(each.code[:16]), int(each.code[16:])


def any_bales() -> st.SearchStrategy[list[Bale]]:
    """Bales of both kinds with any values, present or absent, likely or not."""
    texts = st.sampled_from(["", "a", "GB1103.1-2023", "实验室-7"])
    keys = st.one_of(
        st.tuples(st.text("0123456789", min_size=32, max_size=32), st.just(0)),
        st.tuples(st.text("0123456789", min_size=12, max_size=12), st.integers(1980, 2100)),
    )
    values = {
        name: st.integers(-(2**31), 2**31 - 1)
        for name in VALUE_FIELD_NAMES
        if name not in ("preparation", "foreign_fibre")
    }
    values["preparation"] = st.integers(1, 9)
    values["foreign_fibre"] = st.integers(0, 1)

    def made(
        key: tuple[str, int],
        present: dict[str, int],
        names: tuple[str, ...],
        time_s: int,
        amendment: tuple[int, int, int, str, str],
    ) -> Bale:
        lot_no, standard, laboratory, instrument = names
        standard = standard if standard.isascii() else "GB/T 19635-2024"
        named = (standard, laboratory, instrument)
        kind, supersedes, reason, note, decided_by = amendment
        return Bale(
            key[0],
            lot_no,
            key[1],
            present,
            *named,
            time_s,
            kind,
            supersedes,
            reason,
            note,
            decided_by,
        )

    each = st.builds(
        made,
        keys,
        st.fixed_dictionaries({}, optional=values),
        st.tuples(st.sampled_from(["", LOT, OTHER_LOT, "12"]), texts, texts, texts),
        st.integers(-(2**63), 2**63 - 1),
        st.one_of(
            st.just((0, 0, 0, "", "")),
            st.tuples(
                st.integers(-1, 6),
                st.integers(0, 2**64 - 1),
                st.integers(-1, 16),
                st.sampled_from(["", "记错", "x" * 200]),
                texts,
            ),
        ),
    )
    return st.lists(each, min_size=1, max_size=20)


def streams() -> st.SearchStrategy[list[list[Bale]]]:
    """Batches about few bales, so that repeats, conflicts, twins and rejects are common."""
    keys: list[tuple[Bale, Mapping[str, tuple[int, int]]]] = [
        *((bale(number), GB_VALUES) for number in range(4)),
        *((usda_bale(number, lot_no=lot), USDA_VALUES) for number, lot in ((1, ""), (2, LOT))),
        (usda_bale(1, crop_year=2022), USDA_VALUES),
    ]
    changes = st.dictionaries(
        st.sampled_from([*VALUE_FIELD_NAMES, "lot_no", "standard", "laboratory", "inspected_at_s"]),
        st.integers(0, 2),
        max_size=2,
    )
    texts: dict[str, tuple[Any, ...]] = {
        "lot_no": (LOT, OTHER_LOT, "123"),
        "standard": ("", "GB1103.1-2012", "GB1103.1-2023"),
        "laboratory": ("", "L1", "L2"),
        "inspected_at_s": (0, 1_480_000_000, 1_480_000_001),
    }

    def changed(known: tuple[Bale, Mapping[str, tuple[int, int]]], chosen: dict[str, int]) -> Bale:
        made, likely = known
        for name, choice in chosen.items():
            if name in texts:
                made = replace(made, **{name: texts[name][choice]})
            else:
                # The third choice is absent, and beyond every limit for lengths.
                third = 9999 if name == "length" else None
                made = made.but(**{name: (*likely[name], third)[choice]})
        return made

    each = st.builds(changed, st.sampled_from(keys), changes)
    return st.lists(st.lists(each, min_size=1, max_size=6), min_size=1, max_size=6)
