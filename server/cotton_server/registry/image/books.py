"""The smaller books of an image: a table each."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Final

import polars as pl
from cotton.inspection.v1 import common_pb2, settlement_pb2

from cotton_server.registry.changes import COLUMNS
from cotton_server.registry.image.files import read_table, write_table
from cotton_server.registry.lifecycle import Moment
from cotton_server.registry.producers import Producer
from cotton_server.registry.records import Version
from cotton_server.registry.references import Document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cotton_server.registry.changes import ChangeLog
    from cotton_server.registry.columns import NumberColumn
    from cotton_server.registry.conflicts import ConflictBook
    from cotton_server.registry.courses import CourseBook
    from cotton_server.registry.producers import ProducerBook
    from cotton_server.registry.received import ReceivedTimes
    from cotton_server.registry.references import ReferenceBook
    from cotton_server.registry.settlement_runs import RunBook
    from cotton_server.registry.texts import TextBook

_TEXTS: Final = pl.Schema({"text": pl.String()})
_RECEIVED: Final = pl.Schema({"received_by_us": pl.Int64(), "rows": pl.UInt32()})
_PRODUCERS: Final = pl.Schema(
    {
        "producer": pl.String(),
        "next_sequence": pl.Int64(),
        "batches": pl.Int64(),
        "bales_received": pl.Int64(),
        "last_revision": pl.UInt32(),
        "last_received_at_us": pl.Int64(),
    }
)
_CHANGES: Final = pl.Schema(
    dict(
        zip(
            COLUMNS,
            (pl.UInt32(), pl.Int64(), pl.Int32(), pl.UInt8(), pl.UInt8(), pl.UInt8()),
            strict=True,
        )
    )
)
_EVENTS: Final = pl.Schema(
    {
        "key_row": pl.Int32(),
        "cause": pl.UInt8(),
        "position": pl.UInt32(),
        "batch_row": pl.UInt32(),
        "row": pl.Int32(),
        "comes_into_force": pl.Boolean(),
        "supersedes": pl.Int32(),
        "superseded_revision": pl.UInt32(),
        "conflict_position": pl.UInt32(),
        "conflict_row": pl.UInt32(),
    }
)
_CONFLICTS: Final = pl.Schema(
    {
        "position": pl.UInt32(),
        "batch_row": pl.UInt32(),
        "key_row": pl.Int32(),
        "row": pl.Int32(),
        "stored_row": pl.Int32(),
        "stored_revision": pl.UInt32(),
        "outcome": pl.UInt8(),
        "laboratory": pl.Int32(),
        "lot": pl.Int32(),
        "resolved_position": pl.UInt32(),
        "resolved_row": pl.UInt32(),
        "accepted": pl.Boolean(),
        "arrivals": pl.UInt32(),
    }
)
_ARRIVALS: Final = pl.Schema({"position": pl.UInt32()})
_REFERENCES: Final = pl.Schema(
    {
        "position": pl.UInt32(),
        "received_at_us": pl.Int64(),
        "kind": pl.Int32(),
        "id": pl.String(),
        "content": pl.String(),
        "amendment": pl.Binary(),
        "size_bytes": pl.Int64(),
        "sha256": pl.String(),
        "rows": pl.Int64(),
    }
)
_RUNS: Final = pl.Schema(
    {"position": pl.UInt32(), "received_at_us": pl.Int64(), "run": pl.Binary()}
)


def write_texts(book: TextBook, path: Path) -> None:
    """Writes texts in order of number."""
    write_table(path, pl.DataFrame({"text": book.texts()}, schema=_TEXTS))


def load_texts(path: Path, book: TextBook, texts: int) -> None:
    """Loads texts into an empty book; raises ImageDamagedError, as all that follow."""
    book.begin_with(read_table(path, _TEXTS, rows=texts)["text"].to_list())


def write_received(book: ReceivedTimes, row_counts: NumberColumn, path: Path) -> None:
    """Writes by when each position had been received, and how many rows there were with it."""
    columns = {"received_by_us": book.instants(), "rows": row_counts.first(len(row_counts))}
    write_table(path, pl.DataFrame(columns, schema=_RECEIVED))


def load_received(
    path: Path, book: ReceivedTimes, row_counts: NumberColumn, positions: int
) -> None:
    """Loads by when each position had been received, and how many rows there were with it."""
    frame = read_table(path, _RECEIVED, rows=positions)
    book.begin_with(frame["received_by_us"].to_numpy())
    row_counts.begin_with(frame["rows"].to_numpy())


def write_producers(book: ProducerBook, path: Path) -> None:
    """Writes where each producer stands."""
    rows = [(name, *astuple(each)) for name, each in sorted(book.producers().items())]
    write_table(path, pl.DataFrame(rows, schema=_PRODUCERS, orient="row"))


def load_producers(path: Path, book: ProducerBook, producers: int) -> None:
    """Loads where each producer stands."""
    frame = read_table(path, _PRODUCERS, rows=producers)
    book.begin_with({name: Producer(*said) for name, *said in frame.iter_rows()})


def write_changes(log: ChangeLog, path: Path) -> None:
    """Writes the changes that the feed tells."""
    columns = dict(zip(COLUMNS, log.columns(), strict=True))
    frame = pl.DataFrame(
        [pl.Series(name, columns[name], dtype=dtype) for name, dtype in _CHANGES.items()]
    )
    write_table(path, frame)


def load_changes(path: Path, log: ChangeLog, changes: int) -> None:
    """Loads the changes that the feed tells."""
    frame = read_table(path, _CHANGES, rows=changes)
    log.begin_with({name: frame[name].to_numpy() for name in COLUMNS})


def write_courses(book: CourseBook, path: Path) -> None:
    """Writes the courses of bales, an event a row."""
    write_table(path, pl.DataFrame(dict(book.columns()), schema=_EVENTS))


def load_courses(path: Path, book: CourseBook) -> None:
    """Loads the courses of bales."""
    frame = read_table(path, _EVENTS)
    book.begin_with({name: frame[name].to_numpy() for name in _EVENTS})


def write_conflicts(book: ConflictBook, path: Path, arrivals_path: Path) -> None:
    """Writes the conflicts, and when the reading of each came."""
    columns, arrivals = book.columns()
    write_table(path, pl.DataFrame(columns, schema=_CONFLICTS))
    write_table(arrivals_path, pl.DataFrame({"position": arrivals}, schema=_ARRIVALS))


def load_conflicts(path: Path, arrivals_path: Path, book: ConflictBook, conflicts: int) -> None:
    """Loads the conflicts."""
    frame = read_table(path, _CONFLICTS, rows=conflicts)
    arrivals = read_table(arrivals_path, _ARRIVALS, rows=int(frame["arrivals"].sum()))
    columns = {name: frame[name].to_numpy() for name in _CONFLICTS}
    book.begin_with(columns, arrivals["position"].to_numpy())


def write_references(book: ReferenceBook, path: Path) -> None:
    """Writes all versions of reference documents."""
    rows = [
        (
            version.position,
            version.received_at_us,
            document.kind,
            document.id,
            document.content,
            None
            if document.amendment is None
            else document.amendment.SerializeToString(deterministic=True),
            document.size_bytes,
            document.sha256,
            document.rows,
        )
        for version in book.versions()
        for document in (version.record,)
    ]
    write_table(path, pl.DataFrame(rows, schema=_REFERENCES, orient="row"))


def load_references(path: Path, book: ReferenceBook) -> None:
    """Loads all versions of reference documents."""
    frame = read_table(path, _REFERENCES)

    def versions() -> Iterator[Version[Document]]:
        for position, received_at_us, kind, name, content, amendment, *rest in frame.iter_rows():
            amended = None if amendment is None else common_pb2.Amendment.FromString(amendment)
            document = Document(kind, name, content, amended, *rest)
            yield Version(position, received_at_us, document)

    book.begin_with(versions())


def write_runs(book: RunBook, path: Path, revision: int) -> None:
    """Writes the settlement runs."""
    rows = [
        (each.position, each.received_at_us, each.run.SerializeToString(deterministic=True))
        for each in book.between(0, revision)
    ]
    write_table(path, pl.DataFrame(rows, schema=_RUNS, orient="row"))


def load_runs(path: Path, book: RunBook, runs: int) -> None:
    """Loads the settlement runs."""
    for position, received_at_us, run in read_table(path, _RUNS, rows=runs).iter_rows():
        book.add(settlement_pb2.Run.FromString(run), Moment(position, received_at_us))
