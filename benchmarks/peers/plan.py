"""Who receives the same stream, into what, and what each does not do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SERVICE: Final = "service"


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody beside the service.

    `store`: the name of what its server stores into; empty where it is a server of its own.
    `window`: most unanswered batches of the stream; `group_bales`: most bales stored together.
    Both are what this peer is fastest with. `how` says in a few words how it stores,
    `durable` what is on the disk when a batch is acknowledged, `repeats` what becomes of a bale
    that is there already, `lacks` what else the service does and this peer does not.
    """

    name: str
    store: str
    window: int
    group_bales: int
    how: str
    durable: str
    repeats: str
    lacks: str


_COMMON: Final = "checks, an outcome a bale, evidence"
"""What none of them has: ranges and identifiers are not looked at, nobody learns what became of a
bale, and neither the bytes as received nor digests of them are kept."""

PEERS: Final = (
    Peer(
        name="PostgreSQL",
        store="postgresql",
        window=64,
        group_bales=1 << 18,
        how="binary COPY into a temporary table, INSERT … ON CONFLICT DO NOTHING",
        durable="yes: WAL, synchronous_commit=on",
        repeats="left out, not compared",
        lacks=_COMMON,
    ),
    Peer(
        name="PostgreSQL, COPY alone",
        store="postgresql-plain",
        window=16,
        group_bales=1 << 15,
        how="binary COPY into the table",
        durable="yes: WAL, synchronous_commit=on",
        repeats="an error for the whole group",
        lacks=f"{_COMMON}, repeats at all",
    ),
    Peer(
        name="DuckDB",
        store="duckdb",
        window=64,
        group_bales=1 << 18,
        how="INSERT OR IGNORE from Arrow, primary key",
        durable="yes: WAL, synced at each commit",
        repeats="left out, not compared",
        lacks=_COMMON,
    ),
    Peer(
        name="chDB",
        store="chdb",
        window=32,
        group_bales=1 << 16,
        how="INSERT from Arrow into a MergeTree, ordered by bale",
        durable="no: never synced",
        repeats="stored again",
        lacks=f"{_COMMON}, a unique key, durability",
    ),
    Peer(
        name="Arrow Flight",
        store="",
        window=16,
        group_bales=0,
        how="DoPut of record batches, kept in memory",
        durable="no: memory alone",
        repeats="kept again",
        lacks=f"{_COMMON}, a key, storage",
    ),
    Peer(
        name="decoding alone",
        store="memory",
        window=16,
        group_bales=1 << 20,
        how="the same server and decoder, kept in memory",
        durable="no: memory alone",
        repeats="kept again",
        lacks=f"{_COMMON}, a key, storage",
    ),
)
