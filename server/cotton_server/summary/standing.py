"""Lots as they stand: their bales added up under the right standard, their facts beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from cotton.inspection.v1 import common_pb2

from cotton_server.grading.rollup import figure_columns, roll_up
from cotton_server.grading.standards import choose_standard
from cotton_server.grading.weight import conditioned_weight, net_weight
from cotton_server.summary.leading import leading_standards

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cotton.inspection.v1 import lots_pb2

    from cotton_server.grading.standard import Standard
    from cotton_server.registry.bales import BaleStore
    from cotton_server.registry.lots import LotAt
    from cotton_server.registry.texts import TextBook

BALES_AT_ONCE_MAX: Final = 2_000_000
"""Bales in one roll-up query: bounds the memory of the first summary after a start."""

LOT_SCHEMA: Final = {
    "lot": pl.Int32(),
    "lot_no": pl.String(),
    "registered": pl.Boolean(),
    "withdrawn": pl.Boolean(),
    "season": pl.Int32(),
    "region": pl.String(),
    "division": pl.String(),
    "regiment": pl.String(),
    "county": pl.String(),
    "gin": pl.String(),
    "warehouse": pl.String(),
    "cotton_type": pl.String(),
    "picking_mode": pl.String(),
    "channel": pl.String(),
    "traceability_unit": pl.String(),
    "agency": pl.String(),
    "declared_bales": pl.Int64(),
    "bales": pl.Int64(),
    "bales_without_standard": pl.Int64(),
    "bales_withdrawn": pl.Int64(),
    "standard": pl.String(),
    "gross": pl.Int64(),
    "tare": pl.Int64(),
    "net": pl.Int64(),
    "conditioned": pl.Int64(),
}
"""Columns of the facts of lots: what a summary groups, filters and adds up beside grades.

`standard` is the id of the lot's standard (`lot_standards`), "" when there is none. A withdrawn
lot keeps its keys and its standard, so that it is counted as withdrawn where it belongs; it has
no bales, declared nothing and weighs nothing. `bales_withdrawn` are its bales then, and in any
lot those withdrawn one by one.
"""

LOT_WORDS: Final = (
    "region",
    "division",
    "regiment",
    "county",
    "gin",
    "warehouse",
    "cotton_type",
    "picking_mode",
    "channel",
    "traceability_unit",
    "agency",
)
"""The columns of LOT_SCHEMA that are texts to group and filter by."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Roll-ups by lot per standard id, and the facts of the lots (LOT_SCHEMA), by lot number."""

    rollups: Mapping[str, pl.DataFrame]
    lots: pl.DataFrame


@dataclass(frozen=True, slots=True)
class WeightFigures:
    """Net and conditioned weight of a lot in hundredths of a kilogram."""

    net: int
    conditioned: int | None


def default_standard(lot: LotAt, standards: Mapping[str, Standard]) -> Standard | None:
    """The standard of a lot's readings that name none.

    None for cotton that no loaded standard covers, and for a lot that is not registered: what
    cotton it holds is not known, and nothing is graded on a guess.
    """
    if lot.registration is None:
        return None
    return choose_standard(
        standards,
        named=lot.registration.standard,
        cotton_type=enum_word(common_pb2.CottonType.Name(lot.registration.cotton_type)),
        season=lot.season,
    )


def lot_standards(
    lots: Sequence[LotAt],
    rollups: Mapping[str, pl.DataFrame],
    standards: Mapping[str, Standard],
) -> dict[int, Standard | None]:
    """The standard of each lot as a whole, by number: of its certificate and of its weight.

    The one that graded most of its bales (`leading_standards`); where none graded any, the
    lot's own by registration (`default_standard`); else None. `rollups` are by id of
    `standards`, in the same order, and hold the lots' bales.
    """
    leading = dict(leading_standards(rollups).iter_rows())
    return {
        lot.number: standards[leading[lot.number]]
        if lot.number in leading
        else default_standard(lot, standards)
        for lot in lots
    }


def weigh(weight: lots_pb2.LotWeight, standard: Standard | None) -> WeightFigures:
    """The weights that a record comes to under a standard.

    The conditioned weight is None while regain, trash or the standard is not known.
    """
    net = net_weight(weight.gross, weight.tare)
    if standard is None or not (weight.HasField("regain") and weight.HasField("trash")):
        return WeightFigures(net, None)
    conditioned = conditioned_weight(
        net,
        trash=weight.trash,
        regain=weight.regain,
        resolution=weight.resolution,
        standard=standard,
    )
    return WeightFigures(net, conditioned)


def standing(
    lots: Sequence[LotAt],
    bales: BaleStore,
    standard_names: TextBook,
    standards: Mapping[str, Standard],
) -> Standing:
    """The standing of lots, in the order given; the numbers of lots are what they are told by.

    So one lot may be there at several revisions, each under a number of its own.

    A bale counts as without standard where its standard is not loaded, or grades readings of
    other units: inches are never graded as millimetres.
    """
    defaults = {lot.number: default_standard(lot, standards) for lot in lots}
    parts: dict[str, list[pl.DataFrame]] = {}
    without: dict[int, int] = {}
    for some in _portions(lots):
        frame = _with_standard(some, bales, standard_names, standards, defaults)
        for name, standard in standards.items():
            graded = frame.filter(pl.col("graded_by") == name)
            if not graded.is_empty():
                parts.setdefault(name, []).append(roll_up(graded, standard))
        ungraded = frame.filter(pl.col("graded_by") == "")
        counts = ungraded.group_by("lot").len().sort("lot")
        without |= dict(zip(counts["lot"].to_list(), counts["len"].to_list(), strict=True))
    rollups = {
        name: pl.concat(parts[name]) if name in parts else no_rollup(standard)
        for name, standard in standards.items()
    }
    own = lot_standards(lots, rollups, standards)
    return Standing(
        rollups=rollups,
        lots=pl.DataFrame(
            [_facts(lot, own[lot.number], without.get(lot.number, 0)) for lot in lots],
            schema=LOT_SCHEMA,
            orient="row",
        ),
    )


def no_rollup(standard: Standard) -> pl.DataFrame:
    """The roll-up of no lots under a standard."""
    columns = dict.fromkeys(figure_columns(standard), pl.Int64())
    return pl.DataFrame(schema={"lot": pl.Int32(), **columns})


def enum_word(name: str) -> str:
    """SAW_GINNED_UPLAND for COTTON_TYPE_SAW_GINNED_UPLAND; "" for what is unspecified."""
    for prefix in ("COTTON_TYPE_", "PICKING_MODE_", "CHANNEL_"):
        name = name.removeprefix(prefix)
    return "" if name == "UNSPECIFIED" else name


def _portions(lots: Sequence[LotAt]) -> Iterator[list[LotAt]]:
    some: list[LotAt] = []
    size = 0
    for lot in lots:
        if some and size + lot.bales > BALES_AT_ONCE_MAX:
            yield some
            some, size = [], 0
        if lot.bales:
            some.append(lot)
            size += lot.bales
    if some:
        yield some


def _with_standard(
    lots: Sequence[LotAt],
    bales: BaleStore,
    standard_names: TextBook,
    standards: Mapping[str, Standard],
    defaults: Mapping[int, Standard | None],
) -> pl.DataFrame:
    """The bales of lots with `graded_by`: the id of the standard that grades each, or ""."""
    numbers = np.asarray([lot.number for lot in lots], np.int32)
    frame = bales.frame(np.concatenate([lot.runs for lot in lots])).with_columns(
        lot=np.repeat(numbers, [lot.bales for lot in lots])
    )
    by_lot = pl.DataFrame(
        {
            "lot": numbers,
            "default": [_id(defaults[lot.number]) for lot in lots],
        },
        schema={"lot": pl.Int32(), "default": pl.String()},
    )
    joined = frame.join(by_lot, on="lot", how="left", maintain_order="left")
    named = {
        number: standard_names[number] if standard_names[number] in standards else ""
        for number in joined["standard"].unique().to_list()
        if number
    }
    meant = (
        pl.when(pl.col("standard") == 0)
        .then(pl.col("default"))
        .otherwise(pl.col("standard").replace_strict(named, default="", return_dtype=pl.String))
    )
    grades_usda = meant.replace_strict(
        {name: standard.grades_usda_bales for name, standard in standards.items()},
        default=None,
        return_dtype=pl.Boolean,
    )
    return joined.with_columns(
        pl.when(grades_usda == pl.col("is_usda"))
        .then(meant)
        .otherwise(pl.lit(""))
        .alias("graded_by")
    )


def _id(standard: Standard | None) -> str:
    return "" if standard is None else standard.id


def lot_words(lot_no: str, registration: lots_pb2.Lot | None) -> tuple[str, ...]:
    """The keys of a lot that are texts, as in LOT_SCHEMA, in the order of LOT_WORDS."""
    if registration is None:
        # A lot that is not registered lacks all but what its number says.
        return tuple(lot_no[:5] if name == "gin" else "" for name in LOT_WORDS)
    return (
        registration.region,
        registration.division,
        registration.regiment,
        registration.county,
        registration.gin_code,
        registration.warehouse,
        enum_word(common_pb2.CottonType.Name(registration.cotton_type)),
        enum_word(common_pb2.PickingMode.Name(registration.picking_mode)),
        enum_word(common_pb2.Channel.Name(registration.channel)),
        registration.traceability_unit,
        registration.agency,
    )


def _facts(lot: LotAt, standard: Standard | None, without_standard: int) -> tuple[Any, ...]:
    registration = lot.registration
    weight = None if lot.withdrawn else lot.weight
    figures = None if weight is None else weigh(weight, standard)
    declared = 0 if registration is None or lot.withdrawn else registration.declared_bales
    return (
        lot.number,
        lot.lot_no,
        registration is not None,
        lot.withdrawn,
        lot.season,
        *lot_words(lot.lot_no, registration),
        declared,
        lot.bales,
        without_standard,
        lot.bales_withdrawn,
        _id(standard),
        None if weight is None else weight.gross,
        None if weight is None else weight.tare,
        None if figures is None else figures.net,
        None if figures is None else figures.conditioned,
    )
