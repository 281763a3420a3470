"""What lots are paid per unit by the schedule of a settlement."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from cotton_server.errors import Reason, ServiceError
from cotton_server.runs.bale_weights import BaleWeights
from cotton_server.runs.portions import portions
from cotton_server.runs.pricing import Rated, put_together
from cotton_server.settlement.bales import BalePrices, values_needed
from cotton_server.settlement.classes import PricingError
from cotton_server.settlement.lots import figures_needed, price_lots
from cotton_server.settlement.schedule import Per
from cotton_server.summary.facts import SAMPLED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from cotton_server.grading.standard import Standard
    from cotton_server.runs.amounts import Weighed
    from cotton_server.runs.lots import LotLines
    from cotton_server.runs.pay_tables import PayRules
    from cotton_server.runs.reasons import Reasons
    from cotton_server.runs.sources import Sources
    from cotton_server.runs.terms import Terms
    from cotton_server.settlement.priced import Priced
    from cotton_server.settlement.schedule import Schedule

    Places = npt.NDArray[np.intp]


def figures_of(terms: Terms, rules: Sequence[PayRules], sources: Sources) -> dict[str, list[str]]:
    """The figures of lots that pricing and pay read, by standard."""
    needed: dict[str, list[str]] = {}
    if terms.schedule is not None and terms.schedule.value.per is Per.LOT:
        schedule = terms.schedule.value
        for name in schedule.standards:
            if name in sources.standards:
                needed[name] = list(_figures(schedule, sources.standards[name]))
    for each in rules:
        for name in each.standards:
            needed.setdefault(name, []).extend(each.figures)
    return needed


def rated_lots(
    lines: LotLines, reasons: Reasons, sources: Sources, terms: Terms
) -> tuple[Rated, Weighed | None] | None:
    """The rates of lines of lots, None without a schedule; tells why lines are held.

    With a schedule of bales beside it what the bales of lots weigh.
    """
    if terms.schedule is None:
        return None
    schedule = terms.schedule.value
    priced_by_none = np.zeros(lines.rows, np.bool_)
    pricing: dict[str, Places] = {}
    for name, places in lines.places.items():
        graded = lines.sums[name]["bales"].to_numpy()
        with_bales = places[graded > 0]
        if name in schedule.standards:
            pricing[name] = with_bales
            # The lot is paid as a whole, and its rate would be of some of its bales.
            others = graded < lines.fact("bales_read")[places]
            priced_by_none[places[(graded > 0) & others]] = True
        else:
            priced_by_none[with_bales] = True
    reasons.tell("OTHER_STANDARD", priced_by_none)
    weights = None
    with refusing():
        if schedule.per is Per.BALE:
            weights = BaleWeights(lines.rows, sources, terms)
            parts = [
                (places, _priced_bales(name, places, lines, weights, sources, terms))
                for name, places in pricing.items()
            ]
        else:
            parts = [
                (places, price_lots(_lots(lines, name, places), schedule, sources.standards[name]))
                for name, places in pricing.items()
            ]
    rated = put_together(schedule, parts, lines.rows, reasons)
    return rated, None if weights is None else weights.weighed()


def _priced_bales(
    name: str,
    places: Places,
    lines: LotLines,
    weights: BaleWeights,
    sources: Sources,
    terms: Terms,
) -> Priced:
    """Lots priced bale by bale under a standard."""
    if terms.schedule is None:
        raise AssertionError("a schedule prices")
    schedule, standard = terms.schedule.value, sources.standards[name]
    prices = BalePrices(schedule, standard)
    numbers = lines.lots["lot"].to_numpy()[places]
    wanted = list(values_needed(schedule))
    for bales in portions(np.sort(numbers).tolist(), standard, wanted, sources, terms):
        line = lines.line_of[bales["lot"].to_numpy()]
        prices.add(weights.beside(bales, line) if schedule.bale_weights else bales)
    return prices.priced(pl.Series("lot", numbers))


def _figures(schedule: Schedule, standard: Standard) -> tuple[str, ...]:
    with refusing():
        return figures_needed(schedule, standard)


def _lots(lines: LotLines, name: str, places: Places) -> pl.DataFrame:
    """Some of the lots of a standard as `price_lots` takes them."""
    facts = lines.lots[places]
    rows = np.searchsorted(lines.places[name], places)
    return pl.DataFrame(
        [
            facts["lot"],
            *lines.sums[name][rows],
            *facts.select(
                pl.when(pl.col(f"{item}.lots") > 0).then(f"{item}.sum").alias(item)
                for item in SAMPLED
            ),
        ]
    )


@contextmanager
def refusing() -> Iterator[None]:
    """Raises ServiceError in place of a PricingError."""
    try:
        yield
    except PricingError as error:
        raise ServiceError(Reason.INVALID_FIELD, str(error), {"schedule": error.problem}) from error
