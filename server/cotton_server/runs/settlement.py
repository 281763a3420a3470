"""A settlement: the tables of lines, what they were made of, and their canonical content."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from cotton_server.runs.canonical import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cotton.inspection.v1 import settlement_pb2

    from cotton_server.runs.canonical import Canonical
    from cotton_server.runs.table import Table
    from cotton_server.runs.terms import Terms


class Settlement:
    """Lines of lots, and of units and regiments where they are paid; never changed.

    `header` has no digest: it is made when it is first asked for.
    """

    def __init__(
        self,
        terms: Terms,
        header: settlement_pb2.SettlementHeader,
        tables: Mapping[str, Table],
        entries: Sequence[tuple[str, str]] = (),
        known: Canonical | None = None,
    ) -> None:
        """Takes what was computed; `entries` are the lines of the manifest before the tables.

        `known` is the canonical content, where it is known already.
        """
        self.terms = terms
        self.header = header
        self.tables = tables
        self._entries = entries
        self._canonical = known
        self._lock = threading.Lock()

    def canonical(self) -> Canonical:
        """The canonical content; as much work again as the tables."""
        with self._lock:
            if self._canonical is None:
                self._canonical = canonical(self._entries, list(self.tables.values()))
            return self._canonical

    def told(self, *, with_digest: bool = True) -> settlement_pb2.SettlementHeader:
        """The header, with the digest unless it is not wanted."""
        header = type(self.header)()
        header.CopyFrom(self.header)
        if with_digest:
            header.digest = self.canonical().digest
        return header
