"""Tables that come as a stream of pages: gathered, and gone on with where the stream broke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import grpc
import polars as pl
from cotton.inspection.v1 import summary_pb2

from cotton_client import errors
from cotton_client.tables import Table, column_names, decode_page, key_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cotton_client.retry import Patience

LOT_NO: Final = "lot_no"
"""The first column of certificates."""


class Way(Protocol):
    """How the pages of one kind of table are asked for."""

    request: Any

    def take(self, message: Any, gathered: Gathered) -> None:
        """Changes the request so that it asks for what comes behind a message."""

    def complete(self, *, ended: bool) -> bool:
        """Whether everything has come; `ended` says that the server ended the stream."""


class Gathered:
    """Pages that have come so far; a stream that was gone on with is checked to be of the same."""

    def __init__(self) -> None:
        self.header = summary_pb2.SummaryHeader()
        self.rows = 0
        self._keys: tuple[summary_pb2.SummaryKey.ValueType, ...] = ()
        self._columns: tuple[summary_pb2.FigureColumn, ...] = ()
        self._coming: tuple[summary_pb2.FigureColumn, ...] | None = None
        self._frames: list[pl.DataFrame] = []
        self._withheld: list[pl.Series] = []
        self._total: pl.DataFrame | None = None
        self._total_withheld = False

    def begin(
        self,
        header: summary_pb2.SummaryHeader,
        columns: Sequence[summary_pb2.FigureColumn],
        *,
        keys: Sequence[summary_pb2.SummaryKey.ValueType] = (),
        total: summary_pb2.TablePage | None = None,
    ) -> None:
        """Takes what the first message of a call says of all its pages.

        What goes on may lack columns of the beginning, of which its rows have nothing.
        """
        begun = self._coming is not None
        self._coming = tuple(columns)
        if begun:
            known = {_identity(each) for each in self._columns}
            if header.revision != self.header.revision or not known.issuperset(
                map(_identity, columns)
            ):
                raise errors.ContractViolation(
                    "A table that was gone on with has another revision or other columns than"
                    " its beginning."
                )
            return
        self.header.CopyFrom(header)
        self._keys, self._columns = tuple(keys), self._coming
        if total is not None:
            self._total, withheld = decode_page(total, self._keys, self._columns)
            self._total_withheld = bool(withheld.any())

    def add(self, page: summary_pb2.TablePage) -> pl.DataFrame:
        """Takes one page, and gives its rows."""
        if self._coming is None:
            raise errors.ContractViolation("A table begins without its columns.")
        frame, withheld = decode_page(page, self._keys, self._coming)
        if self._coming != self._columns:
            frame = self._as_begun(frame, self._coming)
        if frame.height or not self._frames:
            self._frames.append(frame)
            self._withheld.append(withheld)
            self.rows += frame.height
        return frame

    def table(self) -> Table:
        """All pages in one."""
        if not self._frames:
            raise errors.ContractViolation("A table has no page.")
        return Table(
            self.header,
            self._keys,
            self._columns,
            pl.concat(self._frames, rechunk=True),
            pl.concat(self._withheld, rechunk=True),
            self._total,
            self._total_withheld,
        )

    def _as_begun(
        self, frame: pl.DataFrame, columns: Sequence[summary_pb2.FigureColumn]
    ) -> pl.DataFrame:
        """Rows of other columns in those of the beginning, null where they have none."""
        there = dict(zip(map(_identity, columns), column_names(columns), strict=True))
        return frame.select(
            *key_names(self._keys),
            *(
                pl.col(there[_identity(each)]).alias(name)
                if _identity(each) in there
                else pl.lit(None, pl.String if each.is_text else pl.Int64).alias(name)
                for name, each in zip(column_names(self._columns), self._columns, strict=True)
            ),
        )


def _identity(column: summary_pb2.FigureColumn) -> tuple[str, tuple[str, ...], bool, bool, int]:
    """What makes a column the same in two calls."""
    return (
        column.name,
        tuple(column.standards),
        column.last_season,
        column.is_text,
        column.decimals,
    )


class GradesWay:
    """Pages of grades: each names the token of the one behind it."""

    def __init__(self, request: summary_pb2.TabulateGradesRequest) -> None:
        self.request = request
        self._last = False

    def take(self, message: summary_pb2.TabulateGradesResponse, gathered: Gathered) -> None:
        """Goes on behind the message's page; the token is that of the question as it was."""
        if message.HasField("header"):
            gathered.begin(message.header, message.columns, keys=message.keys, total=message.total)
        gathered.add(message.page)
        self.request.query.page_token = message.next_page_token
        self._last = not message.next_page_token

    def complete(self, *, ended: bool) -> bool:  # noqa: ARG002 - the last page says so itself
        """After the page that no other follows."""
        return self._last


class CertificatesWay:
    """Pages of certificates: those behind the last lot number that has come."""

    def __init__(self, request: summary_pb2.TabulateCertificatesRequest) -> None:
        self.request = request

    def take(self, message: summary_pb2.TabulateCertificatesResponse, gathered: Gathered) -> None:
        """Goes on behind the last lot of the message, at the revision of the first.

        An instant before anything had been received is asked for again: 0 would be the latest.
        """
        if message.HasField("header"):
            gathered.begin(message.header, message.columns)
        frame = gathered.add(message.page)
        if gathered.header.revision:
            self.request.revision, self.request.as_of_us = gathered.header.revision, 0
        if frame.height:
            if LOT_NO not in frame.columns:
                raise errors.ContractViolation(f"A table of certificates has no {LOT_NO}.")
            self.request.after_lot_no = frame[LOT_NO][-1] or ""

    def complete(self, *, ended: bool) -> bool:
        """When the server has ended the stream in order."""
        return ended


async def gather(
    ask: Callable[[Any], Any],
    way: Way,
    *,
    patience: Callable[[], Patience],
    target: str,
    on_rows: Callable[[int, int], None] | None = None,
) -> Table:
    """The whole table, gone on with where a connection breaks, no row lost or given twice.

    `on_rows` hears of the rows that have come and of all there are. Raises a CottonError.
    """
    waiting = patience()
    gathered = Gathered()
    while True:
        call = ask(way.request)
        rows_before, failed = gathered.rows, None
        try:
            async for message in call:
                waiting.answered = True
                waiting.renew()
                way.take(message, gathered)
                if on_rows is not None:
                    on_rows(gathered.rows, gathered.header.rows)
        except grpc.aio.AioRpcError as failure:
            failed = errors.from_rpc_error(failure, target)
            if not failed.transient:
                raise failed from None
        finally:
            call.cancel()
        if way.complete(ended=failed is None):
            return gathered.table()
        if failed is not None:
            await waiting.pause(failed)
        elif gathered.rows == rows_before:
            raise errors.ContractViolation("The server ended a table before its last page.")
