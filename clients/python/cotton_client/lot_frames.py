"""The frames of records of lots, with fixed schemas, and their messages.

All carry the integers of the contract: weights in hundredths of a kilogram, shares in hundredths
of a percent, times in seconds since 1970-01-01 UTC. Enums stand by name without their prefix.
Null means absent. A row with an amendment takes the place of the record that is in force.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl
from cotton.inspection.v1 import common_pb2, lots_pb2

from cotton_client.fields import enum_names
from cotton_client.frame_amendments import (
    AMENDMENT_COLUMNS,
    NOTE_CHARACTERS_MAX,
    amendable_rows,
    one_of,
)
from cotton_client.frame_rules import RowRule, refuse, refuse_broken, require_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Columns = Mapping[str, pl.Series] | pl.DataFrame

LOTS_SCHEMA: Final = pl.Schema(
    {
        "lot_no": pl.String(),
        "gin_code": pl.String(),
        "gin_name": pl.String(),
        "warehouse": pl.String(),
        "region": pl.String(),
        "division": pl.String(),
        "regiment": pl.String(),
        "county": pl.String(),
        "cotton_type": pl.String(),
        "picking_mode": pl.String(),
        "channel": pl.String(),
        "traceability_unit": pl.String(),
        "origin": pl.String(),
        "agency": pl.String(),
        "declared_bales": pl.Int64(),
        "gate_in_at_s": pl.Int64(),
        "standard": pl.String(),
        "quality_certificate_no": pl.String(),
        "production_line": pl.String(),
        **AMENDMENT_COLUMNS,
    }
)
"""The lots frame: the fields of the message Lot."""

WEIGHTS_SCHEMA: Final = pl.Schema(
    {
        "lot_no": pl.String(),
        "gross": pl.Int64(),
        "tare": pl.Int64(),
        "regain": pl.Int32(),
        "trash": pl.Int32(),
        "resolution": pl.Int32(),
        "truck_gross": pl.Int64(),
        "truck_tare": pl.Int64(),
        "scale": pl.String(),
        "operator": pl.String(),
        "weighed_at_s": pl.Int64(),
        "weight_certificate_no": pl.String(),
        **AMENDMENT_COLUMNS,
    }
)
"""The weights frame: the fields of the message LotWeight, in hundredths of kg and of %."""

CLOSURES_SCHEMA: Final = pl.Schema(
    {
        "lot_no": pl.String(),
        "laboratory": pl.String(),
        "bales_received": pl.Int64(),
        "bales_tested": pl.Int64(),
        "closed_at_s": pl.Int64(),
        **AMENDMENT_COLUMNS,
    }
)
"""The closures frame: the fields of the message LotClosure."""

CERTIFICATES_SCHEMA: Final = pl.Schema(
    {
        "lot_no": pl.String(),
        "quality_certificate_no": pl.String(),
        "weight_certificate_no": pl.String(),
        "issued_at_s": pl.Int64(),
        **AMENDMENT_COLUMNS,
    }
)
"""The certificates frame: the fields of the message LotCertificates."""

OBJECTIONS_SCHEMA: Final = pl.Schema(
    {
        "lot_no": pl.String(),
        "objection_no": pl.String(),
        "raised_by": pl.String(),
        "raised_at_s": pl.Int64(),
        "decision": pl.String(),
        "decided_by": pl.String(),
        "decided_at_s": pl.Int64(),
        "note": pl.String(),
    }
)
"""The objections frame: the fields of the message LotObjection."""

UNIT_LOTS_SCHEMA: Final = pl.Schema(
    {"lot_no": pl.String(), "traceability_unit": pl.String(), **AMENDMENT_COLUMNS}
)
"""The frame of lots of traceability units: the fields of the message UnitLot."""

ENUM_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "cotton_type": enum_names(common_pb2.CottonType.keys(), "COTTON_TYPE_"),
    "picking_mode": enum_names(common_pb2.PickingMode.keys(), "PICKING_MODE_"),
    "channel": enum_names(common_pb2.Channel.keys(), "CHANNEL_"),
}
"""For each enum column of the lots frame the names it may hold."""

DECISIONS: Final = enum_names(lots_pb2.ObjectionDecision.keys(), "OBJECTION_DECISION_")
"""What an objection can be decided: upheld, or dismissed."""

BALES_MAX: Final = 2**32 - 1
"""The largest number of bales that the contract can carry."""


def _require_lots(frame: pl.DataFrame, schema: pl.Schema, what: str) -> None:
    """Raises FrameError unless the frame has its schema and every row names its lot."""
    require_schema(frame, schema)
    refuse(frame["lot_no"].is_null(), "lot_no", f"{what} must name its lot")


def _amendable(frame: pl.DataFrame, schema: pl.Schema, what: str) -> Iterator[dict[str, Any]]:
    """The present values of each row, whose rows name their lot, its amendment as a message."""
    _require_lots(frame, schema, what)
    return amendable_rows(frame, schema)


def count_rule(bales: pl.Series, column: str) -> RowRule:
    """The rule that a number of bales is null or one that the contract can carry."""
    return RowRule(
        ~bales.is_between(0, BALES_MAX).fill_null(value=True),
        column,
        "is no number of bales",
        f"state a whole number from 0 to {BALES_MAX}",
    )


def lot_messages(frame: pl.DataFrame) -> list[lots_pb2.Lot]:
    """The messages Lot of a lots frame, in its order. Raises FrameError."""
    require_schema(frame, LOTS_SCHEMA)
    refuse_broken(one_of(frame[column], column, names) for column, names in ENUM_NAMES.items())
    refuse_broken([count_rule(frame["declared_bales"], "declared_bales")])
    messages = []
    for fields in _amendable(frame, LOTS_SCHEMA, "a lot"):
        for column in ENUM_NAMES:
            if column in fields:
                fields[column] = f"{column.upper()}_{fields[column]}"
        messages.append(lots_pb2.Lot(**fields))
    return messages


def weight_messages(frame: pl.DataFrame) -> list[lots_pb2.LotWeight]:
    """The messages LotWeight of a weights frame, in its order. Raises FrameError."""
    return [
        lots_pb2.LotWeight(**fields) for fields in _amendable(frame, WEIGHTS_SCHEMA, "a weight")
    ]


def closure_messages(frame: pl.DataFrame) -> list[lots_pb2.LotClosure]:
    """The messages LotClosure of a closures frame, in its order. Raises FrameError."""
    require_schema(frame, CLOSURES_SCHEMA)
    for column in ("bales_received", "bales_tested"):
        refuse(frame[column].is_null(), column, "a closure must state it; 0 where there are none")
        refuse_broken([count_rule(frame[column], column)])
    return [
        lots_pb2.LotClosure(**fields) for fields in _amendable(frame, CLOSURES_SCHEMA, "a closure")
    ]


def certificate_rules(columns: Columns) -> Iterator[RowRule]:
    """The rule that a record of certificates has at least one number."""
    yield RowRule(
        columns["quality_certificate_no"].is_null() & columns["weight_certificate_no"].is_null(),
        "quality_certificate_no",
        "the lot has no certificate number",
        "state the number of the quality certificate, of the weight certificate, or both",
    )


def certificate_messages(frame: pl.DataFrame) -> list[lots_pb2.LotCertificates]:
    """The messages LotCertificates of a certificates frame, in its order. Raises FrameError."""
    require_schema(frame, CERTIFICATES_SCHEMA)
    refuse_broken(certificate_rules(frame))
    return [
        lots_pb2.LotCertificates(**fields)
        for fields in _amendable(frame, CERTIFICATES_SCHEMA, "a certificate")
    ]


def unit_lot_messages(frame: pl.DataFrame) -> list[lots_pb2.UnitLot]:
    """The messages UnitLot of their frame, in its order; null is no unit. Raises FrameError."""
    return [
        lots_pb2.UnitLot(**fields)
        for fields in _amendable(frame, UNIT_LOTS_SCHEMA, "a unit's record")
    ]


def objection_rules(columns: Columns) -> Iterator[RowRule]:
    """The rules of objections: raised at a known time; decided as a whole, or not at all."""
    decision, note = columns["decision"], columns["note"]
    for column in ("objection_no", "raised_at_s"):
        yield RowRule(columns[column].is_null(), column, "is empty", "an objection must state it")
    yield one_of(decision, "decision", DECISIONS)
    for column in ("decided_by", "decided_at_s"):
        yield RowRule(
            decision.is_not_null() & columns[column].is_null(),
            column,
            "is empty, and the objection is decided",
            "say who decided and when",
        )
        yield RowRule(
            decision.is_null() & columns[column].is_not_null(),
            column,
            "stands without a decision",
            f"write {' or '.join(DECISIONS)} as the decision, or leave it empty",
        )
    yield RowRule(
        (note.str.len_chars() > NOTE_CHARACTERS_MAX).fill_null(value=False),
        "note",
        f"has more than {NOTE_CHARACTERS_MAX} characters",
        "shorten it",
    )


def objection_messages(frame: pl.DataFrame) -> list[lots_pb2.LotObjection]:
    """The messages LotObjection of an objections frame, in its order. Raises FrameError."""
    require_schema(frame, OBJECTIONS_SCHEMA)
    refuse_broken(objection_rules(frame))
    messages = []
    _require_lots(frame, OBJECTIONS_SCHEMA, "an objection")
    for row in frame.iter_rows(named=True):
        fields = {name: value for name, value in row.items() if value is not None}
        if "decision" in fields:
            fields["decision"] = f"OBJECTION_DECISION_{fields['decision']}"
        messages.append(lots_pb2.LotObjection(**fields))
    return messages
