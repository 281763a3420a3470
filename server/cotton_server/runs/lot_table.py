"""The table of lots: words, grades, means, rates and money, a line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.runs.amounts import Weighed, amounts
from cotton_server.runs.columns import WORDS, lot_columns
from cotton_server.runs.lots import grades, means
from cotton_server.runs.table import LOTS, Table
from cotton_server.settlement.document import RateUnit, RoundingMode
from cotton_server.settlement.exact import Exact
from cotton_server.settlement.schedule import Quantity
from cotton_server.summary.keys import key_column
from cotton_server.summary.printing import Values

if TYPE_CHECKING:
    from cotton_server.runs.lots import LotLines
    from cotton_server.runs.pricing import Rated
    from cotton_server.runs.reasons import Reasons
    from cotton_server.runs.sources import Sources
    from cotton_server.runs.table import Int64Array
    from cotton_server.runs.terms import Terms

_HUNDREDTHS: Final = 100


def weighed_lots(
    lines: LotLines, of_bales: Weighed | None, terms: Terms, reasons: Reasons
) -> Weighed:
    """What lots weigh, as certified, else as their bales do; tells where that is not known."""
    by_net = terms.schedule is not None and terms.schedule.value.quantity is Quantity.NET
    weighed = lines.fact("lots_weighed") > 0
    conditioned = lines.fact("lots_with_conditioned_weight") > 0
    counts = lines.fact("lots_withdrawn") == 0
    certified, there = (lines.fact("net"), weighed) if by_net else (lines.conditioned, conditioned)
    kilograms = Exact(certified, _HUNDREDTHS)
    if of_bales is not None:
        by_bales = of_bales.there & ~weighed
        of_others = Exact(np.where(by_bales, of_bales.kilograms.num, 0), of_bales.kilograms.den)
        kilograms, there, weighed = kilograms + of_others, there | by_bales, weighed | by_bales
    reasons.tell("NOT_WEIGHED", counts & ~weighed)
    reasons.tell("NO_CONDITIONED_WEIGHT", counts & weighed & ~there)
    return Weighed(kilograms, there)


def lots_table(
    lines: LotLines,
    rated: Rated | None,
    weighed: Weighed,
    reasons: Reasons,
    sources: Sources,
    terms: Terms,
) -> Table:
    """The lines of a settlement; `reasons` has all that holds them."""
    schedule = None if terms.schedule is None else terms.schedule.value
    status, payable = reasons.statuses()
    texts = {"lot_no": lines.lot_no}
    for name in WORDS:
        codes = lines.lots[key_column(name)]
        texts[name] = _years(codes) if name == "season" else sources.names.words.texts(codes)
    texts |= {"status": status, "reasons": reasons.texts()}
    texts |= {column.name: column for column in grades(lines, sources.standards)}
    figures = {
        "bales": Values(lines.fact("bales_read")),
        "quantity": Values(_hundredths(weighed), None if weighed.there.all() else ~weighed.there),
        **means(lines, sources.standards),
    }
    exact = {"quantity": Exact(np.where(payable, weighed.kilograms.num, 0), weighed.kilograms.den)}
    if schedule is not None and rated is not None:
        texts |= {f"class.{name}": column for name, column in rated.classes.items()}
        money = amounts(
            schedule,
            rated,
            weighed,
            payable,
            base_price=terms.base_price,
            absolute=terms.absolute,
            sold=_sold(lines, sources, terms),
        )
        figures |= money.figures
        exact |= money.exact
    standards = [sources.standards[name] for name in lines.places]
    columns = tuple(lot_columns(schedule, standards))
    return Table(LOTS, lines.rows, columns, texts, figures, exact)


def _hundredths(weighed: Weighed) -> Int64Array:
    """Kilograms as printed."""
    return weighed.kilograms.rounded(2, RoundingMode.HALF_EVEN)


def _sold(lines: LotLines, sources: Sources, terms: Terms) -> Values:
    """The price that each lot was sold at, in hundredths of a yuan per tonne: the last by day."""
    nothing = Values(np.zeros(lines.rows, np.int64), np.ones(lines.rows, np.bool_))
    if terms.schedule is None or terms.schedule.value.unit is not RateUnit.YUAN_PER_TONNE:
        return nothing
    prices = sources.registry.accounts.prices(terms.revision)
    sales = (
        prices.filter((pl.col("lot_no") != "") & (pl.col("basis") == "LINT"))
        .sort("lot_no", "day", "series", "mark")
        .unique("lot_no", keep="last", maintain_order=True)
    )
    if sales.is_empty():
        return nothing
    found = lines.lot_no.to_frame("lot_no").join(
        sales.select("lot_no", "price"), on="lot_no", how="left", maintain_order="left"
    )["price"]
    return Values(found.fill_null(0).to_numpy(), found.is_null().to_numpy())


def _years(codes: pl.Series) -> pl.Series:
    """Crop years as texts, "" where there is none."""
    if codes.is_empty():
        return pl.Series(codes.name, [], pl.String)
    distinct = codes.unique().to_list()
    texts = [str(code) if code > 0 else "" for code in distinct]
    return codes.replace_strict(distinct, texts, return_dtype=pl.String)
