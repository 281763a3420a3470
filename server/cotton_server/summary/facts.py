"""The facts of lots: what a summary groups, filters and adds up beside grades, a row a lot.

Keys are numbers of `Words` (the season is its own number); everything else is additive, so that
any set of lots has the sum of their facts:

- `lots`, `lots_unregistered`, `lots_withdrawn`, `lots_organisation_differs`, `lots.<state>`: 1 or 0
  a lot. The entry that keeps imported bales without a lot is no lot, and a withdrawn one counts in
  `lots_withdrawn` and by its state alone;
- `declared_bales`, `bales_read` (all bales that count), `bales_withdrawn` (of withdrawn lots, and
  single ones);
- `lots_weighed`, `lots_with_conditioned_weight`, and sums in hundredths of a kilogram: `gross`,
  `tare`, `net`, `conditioned`; `weighed_bales` and `weighed_conditioned` of lots with both;
- for regain and trash: `<item>.lots`, `<item>.sum` (hundredths of a percent), `<item>.net` and
  `<item>.net_sum` (net weight times value).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from cotton.inspection.v1 import common_pb2

from cotton_server.grading.standards import choose_standard
from cotton_server.grading.weight import conditioned_weight, net_weight
from cotton_server.reference.units import LEVELS
from cotton_server.registry.lifecycle import LotState
from cotton_server.summary.dates import DAY_MAX, china_day
from cotton_server.summary.keys import LOT_KEYS, LOT_WORDS, STANDARD_KEY, key_column
from cotton_server.summary.placed import PLACED_ON, SAID, placed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cotton.inspection.v1 import lots_pb2

    from cotton_server.grading.standard import Standard
    from cotton_server.reference.placing import Placing
    from cotton_server.registry.lots import LotAt
    from cotton_server.summary.words import Words

_SECOND_US: Final = 1_000_000

STATES: Final = tuple(state.name for state in LotState)
"""Every state of a lot, in the order of the contract."""

CODED_KEYS: Final = (*LOT_KEYS, STANDARD_KEY)
"""The keys whose codes stand in a row of facts."""

PLACE: Final = ("laboratory", "instrument", "day")
"""Where and when most of a lot's bales were read, as the columns of a cell."""

FLAGS: Final = ("registered", "has_number", "declares")
"""What a lot is: registered, a lot with a number, one that declared how many bales it has."""

SAMPLED: Final = ("regain", "trash")
"""What the on-site agency samples of a lot."""

ADDITIVE: Final = (
    "lots",
    "lots_unregistered",
    "lots_withdrawn",
    "lots_organisation_differs",
    *(f"lots.{state.lower()}" for state in STATES),
    "declared_bales",
    "bales_read",
    "bales_withdrawn",
    "lots_weighed",
    "lots_with_conditioned_weight",
    "gross",
    "tare",
    "net",
    "conditioned",
    "weighed_bales",
    "weighed_conditioned",
    *(f"{item}.{what}" for item in SAMPLED for what in ("lots", "sum", "net", "net_sum")),
)
"""The facts that are added up, all Int64."""


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
        cotton_type=_COTTON_TYPES[lot.registration.cotton_type],
        season=lot.season,
    )


def default_standards(
    lots: Iterable[LotAt], standards: Mapping[str, Standard]
) -> list[Standard | None]:
    """The same of many lots, nearly all of which are alike in what decides it."""
    found: list[Standard | None] = []
    known: dict[tuple[str, int, int], Standard | None] = {}
    for lot in lots:
        registration = lot.registration
        if registration is None:
            found.append(None)
            continue
        key = (registration.standard, registration.cotton_type, lot.season)
        if key not in known:
            known[key] = default_standard(lot, standards)
        found.append(known[key])
    return found


def weigh(weight: lots_pb2.LotWeight, standard: Standard | None) -> WeightFigures:
    """The weights that a record comes to under a standard.

    The conditioned weight is None while regain, trash, the standard or one of its constants is
    not known.
    """
    net = net_weight(weight.gross, weight.tare)
    known = weight.HasField("regain") and weight.HasField("trash")
    if (
        not known
        or standard is None
        or standard.standard_trash is None
        or standard.official_regain is None
    ):
        return WeightFigures(net, None)
    conditioned = conditioned_weight(
        net,
        trash=weight.trash,
        regain=weight.regain,
        resolution=weight.resolution,
        standard=standard,
    )
    return WeightFigures(net, conditioned)


def enum_word(name: str) -> str:
    """SAW_GINNED_UPLAND for COTTON_TYPE_SAW_GINNED_UPLAND; "" for what is unspecified."""
    for prefix in ("COTTON_TYPE_", "PICKING_MODE_", "CHANNEL_"):
        name = name.removeprefix(prefix)
    return "" if name == "UNSPECIFIED" else name


def lot_words(lot_no: str, registration: lots_pb2.Lot | None) -> tuple[str, ...]:
    """The keys of a lot that its registration gives, in the order of LOT_WORDS."""
    if registration is None:
        # A lot that is not registered lacks all but what its number says.
        said = {"gin": lot_no[:5], "production_line": lot_no[7:8]}
        return tuple(said.get(name, "") for name in LOT_WORDS)
    return (
        registration.region,
        registration.division,
        registration.regiment,
        registration.county,
        registration.gin_code,
        registration.production_line,
        registration.warehouse,
        _COTTON_TYPES[registration.cotton_type],
        _PICKING_MODES[registration.picking_mode],
        _CHANNELS[registration.channel],
        registration.traceability_unit,
        registration.agency,
    )


def _words_of(enum: Any) -> dict[int, str]:
    return {number: enum_word(name) for name, number in enum.items()}


_COTTON_TYPES: Final = _words_of(common_pb2.CottonType)
_PICKING_MODES: Final = _words_of(common_pb2.PickingMode)
_CHANNELS: Final = _words_of(common_pb2.Channel)


def day_of(registration: lots_pb2.Lot | None, registered_at_us: int) -> int:
    """The day by which a lot is placed in an organisation, counted from 1970-01-01 China time.

    That of its arrival at the gate, else that of its first registration; 0 while it has neither.
    An instant after the year 9999, which older rule sets took, is of its last day.
    """
    if registration is None:
        return 0
    return min(china_day(registration.gate_in_at_s or registered_at_us // _SECOND_US), DAY_MAX)


def lot_facts(
    lots: Sequence[LotAt],
    own: Sequence[Standard | None],
    words: Words,
    placing: Placing | None,
) -> pl.DataFrame:
    """The facts of lots, a row each in the order given.

    `own` has the standard of each lot as a whole. Columns: `lot` Int32, the codes of CODED_KEYS
    (`key_column`, Int32), FLAGS (Boolean), what the lot says of its place and its day (`SAID` and
    `PLACED_ON`), ADDITIVE, `organisation_differs` (Boolean, of withdrawn lots too).
    """
    said = pl.DataFrame(
        [_said(lot) for lot in lots],
        schema={
            "lot": pl.Int32(),
            "lot_no": pl.String(),
            "season": pl.Int32(),
            **dict.fromkeys(LOT_WORDS, pl.String()),
            "state": pl.String(),
            PLACED_ON: pl.Int32(),
            "registered": pl.Boolean(),
            "withdrawn": pl.Boolean(),
            "declared_bales": pl.Int64(),
            "bales_read": pl.Int64(),
            "bales_withdrawn": pl.Int64(),
        },
        orient="row",
    )
    weights = pl.DataFrame(
        [_weighed(lot, standard) for lot, standard in zip(lots, own, strict=True)],
        schema=dict.fromkeys(("gross", "tare", "net", "conditioned", *SAMPLED), pl.Int64()),
        orient="row",
    )
    texts = said.with_columns(
        pl.Series(STANDARD_KEY, ["" if each is None else each.id for each in own], pl.String()),
        lot=pl.col("lot_no"),
    )
    codes = {
        key: said["season"] if key == "season" else words.numbers(texts[key]) for key in CODED_KEYS
    }
    frame = pl.DataFrame(
        [
            said["lot"],
            *(code.alias(key_column(key)) for key, code in codes.items()),
            *(codes[level].alias(SAID[level]) for level in LEVELS),
            *said.select(
                "lot_no",
                "registered",
                "withdrawn",
                "state",
                PLACED_ON,
                "declared_bales",
                "bales_read",
                "bales_withdrawn",
            ),
            *weights,
        ]
    )
    return placed(_added(frame), words, placing)


def _added(frame: pl.DataFrame) -> pl.DataFrame:
    """The facts as numbers that add up, of lots that nothing has placed."""
    has_number = pl.col("lot_no") != ""
    counted = has_number & ~pl.col("withdrawn")
    both = pl.col("conditioned").is_not_null() & (pl.col("bales_read") > 0)
    flags = {
        "lots": counted,
        "lots_unregistered": counted & ~pl.col("registered"),
        "lots_withdrawn": has_number & pl.col("withdrawn"),
        "lots_organisation_differs": pl.lit(value=False),
        **{f"lots.{name.lower()}": has_number & (pl.col("state") == name) for name in STATES},
        "lots_weighed": pl.col("gross").is_not_null(),
        "lots_with_conditioned_weight": pl.col("conditioned").is_not_null(),
    }
    sampled = [
        figure.alias(f"{item}.{what}")
        for item in SAMPLED
        for what, figure in (
            ("lots", pl.col(item).is_not_null().cast(pl.Int64)),
            ("sum", pl.col(item).fill_null(0)),
            ("net", pl.when(pl.col(item).is_not_null()).then("net").otherwise(0)),
            ("net_sum", (pl.col("net") * pl.col(item)).fill_null(0)),
        )
    ]
    return (
        frame.with_columns(
            has_number.alias("has_number"),
            (pl.col("declared_bales") > 0).alias("declares"),
            *(flag.cast(pl.Int64).alias(name) for name, flag in flags.items()),
            pl.when(both).then("bales_read").otherwise(0).alias("weighed_bales"),
            pl.when(both).then("conditioned").otherwise(0).alias("weighed_conditioned"),
            *sampled,
        )
        .with_columns(pl.col("gross", "tare", "net", "conditioned").fill_null(0))
        .select(
            "lot",
            *(key_column(key) for key in CODED_KEYS),
            *FLAGS,
            *SAID.values(),
            PLACED_ON,
            *ADDITIVE,
        )
    )


def _said(lot: LotAt) -> tuple[Any, ...]:
    registration = lot.registration
    return (
        lot.number,
        lot.lot_no,
        lot.season,
        *lot_words(lot.lot_no, registration),
        lot.state.name,
        day_of(registration, lot.registered_at_us),
        registration is not None,
        lot.withdrawn,
        0 if registration is None or lot.withdrawn else registration.declared_bales,
        lot.bales,
        lot.bales_withdrawn,
    )


def _weighed(lot: LotAt, standard: Standard | None) -> tuple[int | None, ...]:
    weight = None if lot.withdrawn else lot.weight
    if weight is None:
        return (None,) * 6
    figures = weigh(weight, standard)
    return (
        weight.gross,
        weight.tare,
        figures.net,
        figures.conditioned,
        weight.regain if weight.HasField("regain") else None,
        weight.trash if weight.HasField("trash") else None,
    )
