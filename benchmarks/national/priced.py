"""Service and peers price the season in turn; what they come to is held against each other.

Counts, prices and printed money are those of the peer. Sums of exact money are added up here, with
the fractions of Python, and must be what the service has printed.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Final

import polars as pl
from cotton.inspection.v1 import settlement_pb2
from cotton_server.settlement.document import RoundingMode

from benchmarks.errors import BenchmarkError
from benchmarks.national import plan, priced_sql
from benchmarks.national.race import in_turn
from benchmarks.national.results import BEFOREHAND, SERVICE, Raced
from benchmarks.national.settle import BY_GIN, Sheet, terms_of
from benchmarks.national.sql import Statements

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cotton_server.settlement.document import Rounding
    from cotton_server.settlement.schedule import Schedule

    from benchmarks.national.asking import Asking
    from benchmarks.national.feed import Feeder
    from benchmarks.national.peers import Peer
    from benchmarks.national.priced_sql import Source


OF_LINES: Final = ("gin", "status", "bales", "quantity", "premium", "premium_amount")
OF_SUMS: Final = (
    "lots",
    "lots_payable",
    "lots_held",
    "bales_payable",
    "quantity",
    "premium_amount_of_lines",
)

_LINES: Final = Sheet("money of each lot", settlement_pb2.SETTLEMENT_TABLE_LOTS, columns=OF_LINES)
_SHEETS: Final = ((_LINES, priced_sql.lines), (BY_GIN, priced_sql.sums))

_KG_HUNDREDTHS_A_TONNE: Final = 100_000


class PriceRace:
    """Prices by one schedule; of the peers each by SQL over bales, and over lots added up before.

    Everybody answers before the clock. The service is asked anew each time, after a change.
    """

    def __init__(
        self, schedule: Schedule, asking: Asking, feeder: Feeder, peers: Sequence[Peer]
    ) -> None:
        """Takes a schedule that the service has loaded, and everybody who prices by it."""
        self._schedule = schedule
        self._asking = asking
        self._feeder = feeder
        self._peers = peers
        self.added_up_us: dict[str, int] = {}
        """How long each peer took to add the bales of lots up beforehand."""

    async def raced(self, directory: Path, rounds: int) -> list[Raced]:
        """Everything in turn, over the files in `directory`; BenchmarkError where values differ."""
        sources = self._sources(directory)
        return [await self._raced(sheet, say, sources, rounds) for sheet, say in _SHEETS]

    def _sources(self, directory: Path) -> list[tuple[Peer, str, Source]]:
        levels = len(plan.LEVELS)
        found = []
        for peer in self._peers:
            whole = priced_sql.of_bales(peer.name, directory, levels)
            found.append((peer, peer.name, whole))
            kept = directory / f"{peer.name}-lots.parquet"
            adding = Statements(priced_sql.added_up(peer.name, directory, levels), None)
            self.added_up_us[peer.name] = peer.ask(adding)
            lots, _ = peer.answer(adding)
            lots.with_columns(pl.col("lot_no").cast(pl.String)).write_parquet(kept)
            source = priced_sql.of_lots(peer.name, directory, levels, kept)
            found.append((peer, peer.name + BEFOREHAND, source))
        return found

    async def _raced(
        self,
        sheet: Sheet,
        say: Callable[[str, Schedule, Source], Statements],
        sources: Sequence[tuple[Peer, str, Source]],
        rounds: int,
    ) -> Raced:
        ours, _ = await self._ours(sheet)
        compared = compare_lines if sheet is _LINES else compare_sums
        said = {name: (peer, say(peer.name, self._schedule, at)) for peer, name, at in sources}
        values = {
            name: compared(name, ours, peer.answer(statements)[0])
            for name, (peer, statements) in said.items()
        }
        if sheet is BY_GIN:
            for peer, name, source in sources:
                of_lots = priced_sql.lines(peer.name, self._schedule, source)
                lots, _ = peer.answer(of_lots)
                values[name] += compare_exact(name, ours, lots, self._schedule.rounding)

        async def took(name: str) -> int:
            if name == SERVICE:
                return (await self._ours(sheet))[1]
            peer, statements = said[name]
            return peer.ask(statements)

        raced = Raced(
            sheet.name,
            self._asking.bales,
            ours.height,
            values,
            await in_turn([SERVICE, *said], took, rounds),
        )
        self._asking.tell_raced(raced)
        return raced

    async def _ours(self, sheet: Sheet) -> tuple[pl.DataFrame, int]:
        """What the service answers after a change, and how long it took at the client."""
        await self._feeder.one_more_lot()
        request = sheet.request(terms_of(self._schedule.head.id), with_digest=False)
        table, _, took_us = await self._asking.price(None, request)
        return table.frame, took_us


def compare_lines(peer: str, ours: pl.DataFrame, theirs: pl.DataFrame) -> int:
    """How many figures of lots agree; raises BenchmarkError for the first that differs."""
    return _compared(peer, "lot_no", OF_LINES, ours, theirs)


def compare_sums(peer: str, ours: pl.DataFrame, theirs: pl.DataFrame) -> int:
    """How many figures of gins agree; raises BenchmarkError for the first that differs."""
    return _compared(peer, "gin", OF_SUMS, ours, theirs)


def compare_exact(peer: str, ours: pl.DataFrame, lots: pl.DataFrame, rounding: Rounding) -> int:
    """How many sums of money and mean premiums by gin are those of a peer's exact premiums."""
    payable = lots.filter(pl.col("status").cast(pl.String) == "PAYABLE")
    money: dict[str, Fraction] = defaultdict(Fraction)
    weight: dict[str, int] = defaultdict(int)
    for gin, num, den, quantity in payable.select(
        pl.col("gin").cast(pl.String), "num", "den", "quantity"
    ).iter_rows():
        money[gin] += Fraction(int(num) * int(quantity), int(den) * _KG_HUNDREDTHS_A_TONNE)
        weight[gin] += int(quantity)
    gins = ours["gin"].to_list()
    amounts = [_printed(money[gin], rounding.money_decimals, rounding.mode) for gin in gins]
    means = [
        _printed(
            money[gin] * _KG_HUNDREDTHS_A_TONNE / weight[gin],
            rounding.price_decimals,
            rounding.mode,
        )
        if weight[gin]
        else None
        for gin in gins
    ]
    theirs = pl.DataFrame({"gin": gins, "premium_amount": amounts, "premium": means})
    return _compared(peer, "gin", ("premium_amount", "premium"), ours, theirs)


def _printed(value: Fraction, decimals: int, mode: RoundingMode) -> int:
    """A value rounded once, in units of its last decimal."""
    scaled: Fraction = value * 10**decimals
    if mode is RoundingMode.HALF_EVEN:
        return round(scaled)
    away = floor(abs(scaled) + Fraction(1, 2))
    return -away if scaled < 0 else away


def _compared(
    peer: str, key: str, names: Sequence[str], ours: pl.DataFrame, theirs: pl.DataFrame
) -> int:
    rows = ours.height
    if theirs.height != rows:
        raise BenchmarkError(f"The service has {rows} rows by {key}, {peer} has {theirs.height}.")
    mine = ours.sort(key)
    others = theirs.with_columns(pl.col(key).cast(pl.String)).sort(key)
    for name in (key, *names):
        for row, (one, other) in enumerate(
            zip(mine[name].to_list(), _plain(others[name]).to_list(), strict=True)
        ):
            if one != other:
                raise BenchmarkError(
                    f"The service and {peer} differ in {name} of {mine[key][row]}: {one}, {other}."
                )
    return rows * len(names)


def _plain(values: pl.Series) -> pl.Series:
    """Texts where the peer sends bytes, numbers as they are."""
    return values.cast(pl.String) if values.dtype in (pl.Binary, pl.Categorical) else values
