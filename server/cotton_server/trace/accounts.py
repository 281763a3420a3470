"""The records that money needs, listed as they were in force at a revision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl
from cotton.inspection.v1 import accounts_pb2

from cotton_server.registry.account_records import AREA, BALE_WEIGHT, DELIVERY, MARKET_PRICE
from cotton_server.trace.revisions import answered_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton_server.registry.account_records import Kind
    from cotton_server.registry.registry import Registry

PAGE_RECORDS_MAX: Final = 1000
"""Records of one page."""

_FIELD_OF: Final = {
    DELIVERY: "delivery",
    AREA: "area",
    MARKET_PRICE: "price",
    BALE_WEIGHT: "weight",
}
"""The field of a record's message by its kind."""


class AccountListing:
    """The records of a kind in force at a revision, sorted by what names them, a page at a time."""

    def __init__(
        self,
        registry: Registry,
        kind: Kind,
        wanted: Mapping[str, str | int],
        *,
        revision: int,
        limit: int,
    ) -> None:
        """Takes the values wanted by name; those that the kind does not have ask for nothing.

        A limit of 0 is none. Raises ServiceError for a revision that is not there yet.
        """
        self.revision = answered_at(revision, registry.revision)
        self._table = registry.accounts.table(kind)
        self._field = _FIELD_OF[kind]
        self._rows = registry.accounts.in_force(kind, self.revision)
        count = self._table.count_at(self.revision)
        for name, value in wanted.items():
            if name in self._table.layout.columns:
                column = self._table.column(name, count, self._rows)
                # A season that is asked for may be any number, also one that no record can have.
                column = column if isinstance(value, str) else column.cast(pl.Int64())
                self._rows = self._rows[(column == value).to_numpy()]
        self._next = 0
        self._left = limit or len(self._rows)

    @property
    def done(self) -> bool:
        """Whether there is no further page."""
        return self._next >= len(self._rows) or self._left == 0

    def page(self) -> list[accounts_pb2.AccountRecord]:
        """The next records that pass; none when the last have been told."""
        rows = self._rows[self._next : self._next + min(PAGE_RECORDS_MAX, self._left)]
        self._next += len(rows)
        self._left -= len(rows)
        return [self._record(row) for row in rows.tolist()]

    def _record(self, row: int) -> accounts_pb2.AccountRecord:
        table = self._table
        message: Any = table.layout.message_of(table.values(row))
        amendment = table.amendment(row)
        if amendment is not None:
            message.amendment.CopyFrom(amendment)
        return accounts_pb2.AccountRecord(
            **{self._field: message},
            revision=table.position(row),
            versions=table.versions_up_to(row),
        )
