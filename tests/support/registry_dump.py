"""A registry as plain data: all that answers depend on, to compare two of them."""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from cotton_server.domain.identifiers import crop_year_of_lot
from cotton_server.registry.account_records import LAYOUTS
from cotton_server.registry.bales import BaleColumns
from cotton_server.registry.records import Versions

if TYPE_CHECKING:
    from cotton_server.registry.accounts import AccountTable
    from cotton_server.registry.conflicts import ConflictBook
    from cotton_server.registry.courses import CourseBook
    from cotton_server.registry.lots import LotBook, LotEntry
    from cotton_server.registry.references import ReferenceBook
    from cotton_server.registry.registry import Registry
    from cotton_server.registry.settlement_runs import RunBook

_COLUMNS = ("high", "low", "position", "batch_row", "inspected_at_s", "kind", "has_course")


def dumped(registry: Registry) -> dict[str, Any]:
    """All that a registry holds, by what it is, so that what differs is named."""
    bales, held, revision = registry.bales, registry.bales.count, registry.revision
    every = slice(0, held)
    columns = {name: getattr(bales, name)[every] for name in _COLUMNS}
    columns |= {name: column[every] for name, column in bales.values.items()}
    columns |= {name: column[every] for name, column in bales.references.items()}
    high, low = columns["high"], columns["low"]
    with_course = np.flatnonzero(columns["has_course"]).tolist()
    return {
        "revision": revision,
        "received": [registry.received_by_us(each) for each in range(revision + 1)],
        "row_counts": [registry.rows_at(each) for each in range(revision + 1)],
        "producers": registry.producers.producers(),
        "columns": {name: column.tolist() for name, column in columns.items()},
        "found": bales.index.find(high, low, bales.index.hashes(high, low)).tolist(),
        "texts": {name: book.texts() for name, book in registry.texts.items()},
        "lots": lots_dumped(registry.lots, revision),
        "lots_registered": registry.lots_registered,
        "courses": _courses(registry.courses, with_course),
        "conflicts": _conflicts(registry.conflicts, len(registry.lots), revision),
        "references": _references(registry.references, revision),
        "runs": _runs(registry.runs, revision),
        "accounts": {kind: _accounts(registry.accounts.table(kind)) for kind in LAYOUTS},
        "changes": list(registry.changes),
    }


def lots_dumped(book: LotBook, revision: int) -> dict[str, Any]:
    """All that a book of lots holds, and what it finds."""
    found = [
        book.number_of(lot_no, crop_year_of_lot(lot_no) if lot_no else season)
        for lot_no, season in zip(book.lot_nos(), book.seasons(), strict=True)
    ]
    registered = [book.is_registered(number) for number in range(len(book))]
    since = [book.changed_since(each) for each in range(revision + 1)]
    names, seasons = book.lot_nos().to_list(), book.seasons().to_list()
    # Last: until now no lot was made.
    entries = [_entry(lot) for lot in book]
    assert names == [book.lot_no(number) for number in range(len(book))]
    return {
        "names": names,
        "seasons": seasons,
        "found": found,
        "registered": registered,
        "since": since,
        "entries": entries,
        "steps": [lot.course.steps for lot in book],
    }


def with_rows_of(source: Registry, registry: Registry) -> Registry:
    """A registry, which is empty, with the readings of another and nothing else."""
    store, bales, every = source.bales, registry.bales, slice(0, source.bales.count)
    high, low = store.high[every], store.low[every]
    found = store.index.find(high, low, store.index.hashes(high, low))
    bales.append(
        BaleColumns(
            high=high,
            low=low,
            hashes=bales.index.hashes(high, low),
            values={name: column[every] for name, column in store.values.items()},
            references={name: column[every] for name, column in store.references.items()},
            kind=store.kind[every],
            position=store.position[every],
            batch_row=store.batch_row[every],
            inspected_at_s=store.inspected_at_s[every],
            is_first=found == np.arange(store.count),
        )
    )
    return registry


def _entry(lot: LotEntry) -> dict[str, Any]:
    return {each.name: _plain(getattr(lot, each.name)) for each in fields(lot)}


def _plain(value: Any) -> Any:
    """Versions spelled out, and mappings with what they hold in order."""
    if isinstance(value, Versions):
        return list(value.all)
    if hasattr(value, "items"):
        return [(name, _plain(each)) for name, each in value.items()]
    return value


def _courses(book: CourseBook, key_rows: list[int]) -> Any:
    courses = [(row, list(book.events(row)), book.state(row)) for row in key_rows]
    return len(book), courses, book.key_rows().tolist()


def _conflicts(book: ConflictBook, lots: int, revision: int) -> Any:
    open_at = [[book.open_in_lot(lot, each) for lot in range(lots)] for each in range(revision + 1)]
    entries = list(book)
    assert entries == book.between(0, len(book))
    assert all(book.at(each.place) is each for each in entries)
    assert book.at((revision + 1, 0)) is None
    return len(book), book.open, open_at, entries


def _references(book: ReferenceBook, revision: int) -> Any:
    versions = [
        (each.position, each.received_at_us, astuple(each.record)) for each in book.versions()
    ]
    kinds = {kind for _, _, (kind, *_) in versions}
    changed = {
        kind: [book.changed_at(kind, each) for each in range(revision + 1)] for kind in kinds
    }
    return len(book), book.size_bytes, versions, changed


def _runs(book: RunBook, revision: int) -> Any:
    runs = list(book.between(0, revision))
    assert all(book.get(each.run.id) == each for each in runs)
    return runs, [book.successor(each.run.id) for each in runs], book.size_bytes


def _accounts(table: AccountTable) -> Any:
    rows = [
        (table.position(row), table.values(row), table.amendment(row), table.versions_up_to(row))
        for row in range(len(table))
    ]
    messages = [table.layout.message_of(values) for _, values, _, _ in rows]
    keys = [table.layout.key_of(message) for message in messages]
    assert all(map(table.has_first, messages))
    versions = [table.versions(key) for key in keys if key is not None]
    return rows, versions, table.in_force(len(table)).tolist()
