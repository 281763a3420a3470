"""The frames: fixed schemas, checks, and the messages of lots and weights."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from cotton.inspection.v1 import common_pb2, lots_pb2, readings_pb2
from cotton_client import fields, frames
from cotton_client.frames import FrameError
from hypothesis import given
from hypothesis import strategies as st

CODE = "32651401611141221550000121114104"


def readings(**columns: list[Any]) -> pl.DataFrame:
    """A readings frame of these columns; the others are null."""
    return frames.conform(pl.DataFrame(columns), frames.READINGS_SCHEMA)


def test_the_value_fields_are_those_of_the_message_reading_in_its_order() -> None:
    names = [field.name for field in readings_pb2.Reading.DESCRIPTOR.fields]
    others = {"bale_code", "usda_bale", "lot_no", *frames.TEXT_FIELDS, "inspected_at_s"}
    others |= {"kind", "amendment"}
    assert [name for name in names if name not in others] == list(fields.VALUE_FIELDS)
    kinds = fields.HUNDREDTHS_FIELDS + fields.COUNT_FIELDS + fields.CODE_FIELDS
    assert sorted(kinds) == sorted(fields.VALUE_FIELDS)


@pytest.mark.parametrize(
    ("message", "schema"),
    [
        (lots_pb2.Lot, frames.LOTS_SCHEMA),
        (lots_pb2.LotWeight, frames.WEIGHTS_SCHEMA),
        (lots_pb2.LotClosure, frames.CLOSURES_SCHEMA),
        (lots_pb2.LotCertificates, frames.CERTIFICATES_SCHEMA),
        (lots_pb2.LotObjection, frames.OBJECTIONS_SCHEMA),
    ],
)
def test_frames_of_lots_have_the_fields_of_their_message(message: Any, schema: pl.Schema) -> None:
    """In its order; those of its amendment stand in the place of the amendment."""
    columns: list[str] = []
    for field in message.DESCRIPTOR.fields:
        columns += fields.AMENDMENT_FIELDS if field.name == "amendment" else [field.name]
    assert columns == list(schema)


def test_a_frame_of_a_gb_bale_and_a_usda_bale_is_valid() -> None:
    frames.validate(
        readings(
            bale_code=[CODE, None], usda_bale_id=[None, "960891871766"], crop_year=[None, 2006]
        )
    )


def test_the_columns_of_an_amendment_are_the_fields_of_its_message() -> None:
    assert tuple(frames.AMENDMENT_COLUMNS) == fields.AMENDMENT_FIELDS
    assert fields.READING_KINDS == ("ORIGINAL", "REVIEW", "SUPERVISORY", "CORRECTION")
    assert "OTHER" in fields.AMENDMENT_REASONS
    assert "UNSPECIFIED" not in fields.AMENDMENT_REASONS


AMENDMENT = {"supersedes_revision": 7, "reason": "ENTRY_ERROR", "decided_by": "Office 3"}


@pytest.mark.parametrize("kind", [None, *fields.READING_KINDS])
def test_readings_of_every_kind_are_valid(kind: str | None) -> None:
    amendment = AMENDMENT if kind == "CORRECTION" else {}
    row = {"bale_code": CODE, "kind": kind, **amendment}
    frames.validate(readings(**{name: [value] for name, value in row.items()}))


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"kind": "RETEST"}, "kind"),
        ({"kind": "correction"}, "kind"),
        ({"supersedes_revision": None}, "supersedes_revision"),
        ({"supersedes_revision": 0}, "supersedes_revision"),
        ({"supersedes_revision": -1}, "supersedes_revision"),
        ({"reason": None}, "reason"),
        ({"reason": "BECAUSE"}, "reason"),
        ({"reason": "UNSPECIFIED"}, "reason"),
        ({"decided_by": None}, "decided_by"),
        ({"decided_by": " "}, "decided_by"),
        ({"decided_by": "x" * 65}, "decided_by"),
        ({"reason": "OTHER"}, "note"),
        ({"reason": "OTHER", "note": " "}, "note"),
        ({"note": "x" * 201}, "note"),
        ({"kind": "REVIEW"}, "supersedes_revision"),
        ({"kind": None}, "supersedes_revision"),
        ({"kind": None, "supersedes_revision": None}, "reason"),
        ({"kind": "ORIGINAL", "supersedes_revision": None, "reason": None}, "decided_by"),
        ({**dict.fromkeys(AMENDMENT), "kind": "SUPERVISORY", "note": "x"}, "note"),
    ],
)
def test_a_correction_is_whole_and_nothing_else_is_one(
    changes: dict[str, Any], column: str
) -> None:
    """The row before it is an original: the row at fault is named."""
    row = {"bale_code": CODE, "kind": "CORRECTION", **AMENDMENT, **changes}
    frame = readings(**{name: [CODE if name == "bale_code" else None, row[name]] for name in row})
    with pytest.raises(FrameError) as caught:
        frames.validate(frame)
    assert (caught.value.column, caught.value.row) == (column, 1)


@pytest.mark.parametrize(
    ("columns", "column", "row"),
    [
        ({"bale_code": [CODE, None]}, "bale_code", 1),
        ({"bale_code": [CODE, CODE[:-1]]}, "bale_code", 1),
        ({"bale_code": [CODE, "x" * 32]}, "bale_code", 1),
        ({"bale_code": [CODE], "crop_year": [2016]}, "crop_year", 0),
        ({"bale_code": [CODE], "usda_bale_id": ["960891871766"]}, "usda_bale_id", 0),
        ({"usda_bale_id": ["960891871766"]}, "crop_year", 0),
        ({"usda_bale_id": ["960891871766"], "crop_year": [6]}, "crop_year", 0),
        ({"usda_bale_id": ["96089187176"], "crop_year": [2006]}, "usda_bale_id", 0),
        (
            {
                "bale_code": [CODE, None],
                "usda_bale_id": [None, "960891871766"],
                "crop_year": [2016, 2006],
            },
            "crop_year",
            0,
        ),
        ({"bale_code": [CODE], "preparation": [4]}, "preparation", 0),
        ({"bale_code": [CODE, CODE], "foreign_fibre": [None, 2]}, "foreign_fibre", 1),
    ],
)
def test_a_broken_rule_is_named_with_column_and_row(
    columns: dict[str, list[Any]], column: str, row: int
) -> None:
    with pytest.raises(FrameError) as caught:
        frames.validate(readings(**columns))
    assert (caught.value.column, caught.value.row) == (column, row)


def test_another_schema_is_refused() -> None:
    frame = readings(bale_code=[CODE])
    for broken in (
        frame.drop("length"),
        frame.with_columns(pl.col("length").cast(pl.Float64)),
        frame.with_columns(pl.lit(1).alias("colour")),
        frame.select(frame.columns[::-1]),
    ):
        with pytest.raises(FrameError):
            frames.validate(broken)


def test_conform_refuses_unknown_columns_and_lossy_casts() -> None:
    with pytest.raises(FrameError, match="colour"):
        readings(colour=[1])
    with pytest.raises(FrameError, match="length"):
        readings(length=["28.2"])
    with pytest.raises(FrameError, match="length"):
        readings(length=[28.7])
    with pytest.raises(FrameError, match="length"):
        readings(length=[2**31])
    with pytest.raises(FrameError, match="lot_no"):
        readings(lot_no=[65140161077])


def test_conform_casts_integers_of_any_width_and_categories() -> None:
    frame = frames.conform(
        pl.DataFrame(
            {
                "length": [2820],
                "foreign_fibre": [True],
                "laboratory": ["LAB"],
                "instrument": [None],
            },
            schema_overrides={"length": pl.UInt64, "laboratory": pl.Categorical},
        ),
        frames.READINGS_SCHEMA,
    )
    row = frame.row(0, named=True)
    assert (row["length"], row["foreign_fibre"], row["laboratory"]) == (2820, 1, "LAB")
    assert frame.schema == frames.READINGS_SCHEMA


@given(st.lists(st.integers(0, 30), max_size=12), st.integers(1, 17))
def test_rebatched_frames_carry_the_same_rows_in_order(sizes: list[int], rows: int) -> None:
    total = sum(sizes)
    whole = pl.DataFrame({"n": range(total)}, schema={"n": pl.Int64})
    pieces = []
    start = 0
    for size in sizes:
        pieces.append(whole.slice(start, size))
        start += size
    out = list(frames.rebatch(iter(pieces), rows))
    assert [n for frame in out for n in frame["n"]] == list(range(total))
    assert all(frame.height == rows for frame in out[:-1])
    assert all(0 < frame.height <= rows for frame in out)


def test_rebatch_refuses_frames_without_rows() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        list(frames.rebatch([], 0))


def test_a_lot_becomes_its_message() -> None:
    frame = frames.conform(
        pl.DataFrame(
            {
                "lot_no": ["65140161077"],
                "cotton_type": ["SAW_GINNED_UPLAND"],
                "picking_mode": ["MACHINE"],
                "channel": ["WAREHOUSE"],
                "declared_bales": [186],
                "gate_in_at_s": [1_479_571_200],
            }
        ),
        frames.LOTS_SCHEMA,
    )
    assert frames.lot_messages(frame) == [
        lots_pb2.Lot(
            lot_no="65140161077",
            cotton_type=common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND,
            picking_mode=common_pb2.PICKING_MODE_MACHINE,
            channel=common_pb2.CHANNEL_WAREHOUSE,
            declared_bales=186,
            gate_in_at_s=1_479_571_200,
        )
    ]


@pytest.mark.parametrize(
    ("column", "value"),
    [("cotton_type", "SAW"), ("channel", "UNSPECIFIED"), ("declared_bales", -1)],
)
def test_a_lot_that_the_contract_cannot_carry_is_refused(column: str, value: object) -> None:
    frame = frames.conform(
        pl.DataFrame({"lot_no": ["65140161077"], column: [value]}), frames.LOTS_SCHEMA
    )
    with pytest.raises(FrameError, match=column):
        frames.lot_messages(frame)


def test_a_weight_becomes_its_message_and_keeps_absent_apart_from_zero() -> None:
    frame = frames.conform(
        pl.DataFrame(
            {
                "lot_no": ["65140161077"],
                "gross": [4_262_000],
                "tare": [24_600],
                "trash": [0],
                "resolution": [100],
            }
        ),
        frames.WEIGHTS_SCHEMA,
    )
    (message,) = frames.weight_messages(frame)
    assert message == lots_pb2.LotWeight(
        lot_no="65140161077", gross=4_262_000, tare=24_600, trash=0, resolution=100
    )
    assert message.HasField("trash")
    assert not message.HasField("regain")


LOT = "65140161077"


def lot_frame(schema: pl.Schema, **values: Any) -> pl.DataFrame:
    """A frame of one record of a lot."""
    row = {"lot_no": LOT, **values}
    return frames.conform(pl.DataFrame({name: [row[name]] for name in row}), schema)


WHOLE_AMENDMENT = common_pb2.Amendment(
    supersedes_revision=7,
    reason=common_pb2.AMENDMENT_REASON_ENTRY_ERROR,
    decided_by="Office 3",
)
CLOSURE = {"bales_received": 186, "bales_tested": 185}
OBJECTION = {"objection_no": "Y-1", "raised_at_s": 1_479_571_200}


@pytest.mark.parametrize("amended", [False, True])
@pytest.mark.parametrize(
    ("schema", "build", "values", "message"),
    [
        (frames.LOTS_SCHEMA, frames.lot_messages, {"production_line": "1"}, lots_pb2.Lot),
        (
            frames.WEIGHTS_SCHEMA,
            frames.weight_messages,
            {"gross": 1, "tare": 0, "resolution": 100},
            lots_pb2.LotWeight,
        ),
        (
            frames.CLOSURES_SCHEMA,
            frames.closure_messages,
            {**CLOSURE, "laboratory": "LAB", "closed_at_s": 5},
            lots_pb2.LotClosure,
        ),
        (
            frames.CERTIFICATES_SCHEMA,
            frames.certificate_messages,
            {"weight_certificate_no": "W1", "issued_at_s": 5},
            lots_pb2.LotCertificates,
        ),
    ],
)
def test_a_record_of_a_lot_becomes_its_message_with_its_amendment(
    schema: pl.Schema, build: Any, values: dict[str, Any], message: Any, amended: bool
) -> None:
    expected = message(lot_no=LOT, **values)
    if amended:
        expected.amendment.CopyFrom(WHOLE_AMENDMENT)
    (built,) = build(lot_frame(schema, **values, **(AMENDMENT if amended else {})))
    assert built == expected
    assert built.HasField("amendment") == amended


@pytest.mark.parametrize(
    ("schema", "build", "values", "column"),
    [
        (frames.LOTS_SCHEMA, frames.lot_messages, {"lot_no": None}, "lot_no"),
        (frames.LOTS_SCHEMA, frames.lot_messages, {"reason": "OTHER"}, "supersedes_revision"),
        (frames.WEIGHTS_SCHEMA, frames.weight_messages, {"decided_by": "x"}, "supersedes_revision"),
        (frames.CLOSURES_SCHEMA, frames.closure_messages, {"bales_tested": 1}, "bales_received"),
        (
            frames.CLOSURES_SCHEMA,
            frames.closure_messages,
            {**CLOSURE, "bales_tested": -1},
            "bales_tested",
        ),
        (
            frames.CERTIFICATES_SCHEMA,
            frames.certificate_messages,
            {},
            "quality_certificate_no",
        ),
        (
            frames.OBJECTIONS_SCHEMA,
            frames.objection_messages,
            {"raised_at_s": 1},
            "objection_no",
        ),
        (frames.OBJECTIONS_SCHEMA, frames.objection_messages, {"objection_no": "1"}, "raised_at_s"),
        (
            frames.OBJECTIONS_SCHEMA,
            frames.objection_messages,
            {**OBJECTION, "decision": "UPHELD"},
            "decided_by",
        ),
        (
            frames.OBJECTIONS_SCHEMA,
            frames.objection_messages,
            {**OBJECTION, "decided_at_s": 1},
            "decided_at_s",
        ),
        (
            frames.OBJECTIONS_SCHEMA,
            frames.objection_messages,
            {**OBJECTION, "decision": "YES"},
            "decision",
        ),
        (
            frames.OBJECTIONS_SCHEMA,
            frames.objection_messages,
            {**OBJECTION, "note": "x" * 201},
            "note",
        ),
    ],
)
def test_a_record_of_a_lot_that_breaks_a_rule_is_refused(
    schema: pl.Schema, build: Any, values: dict[str, Any], column: str
) -> None:
    with pytest.raises(FrameError) as caught:
        build(lot_frame(schema, **values))
    assert caught.value.column == column


def test_a_decided_objection_becomes_its_message() -> None:
    decided = {"decision": "UPHELD", "decided_by": "Office 3", "decided_at_s": 9}
    (message,) = frames.objection_messages(
        lot_frame(frames.OBJECTIONS_SCHEMA, **OBJECTION, **decided, note="n", raised_by="owner")
    )
    assert message == lots_pb2.LotObjection(
        lot_no=LOT,
        objection_no="Y-1",
        raised_by="owner",
        raised_at_s=1_479_571_200,
        decision=lots_pb2.OBJECTION_DECISION_UPHELD,
        decided_by="Office 3",
        decided_at_s=9,
        note="n",
    )
