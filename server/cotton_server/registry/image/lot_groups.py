"""Lots in groups of some thousand, in order of number: a file for each group.

A lot is a row; what it has any number of stands in lists, of which those of one kind belong
together: the first of each to one version, step, and so on.
"""

from __future__ import annotations

from array import array
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from cotton_server.registry.image.files import read_table, write_table
from cotton_server.registry.lifecycle import (
    LotHold,
    LotState,
    Moment,
    Standing,
    plain_standing,
)
from cotton_server.registry.lots import (
    Certificates,
    Closures,
    LotEntry,
    Objections,
    Registrations,
    Units,
    Weights,
    Withdrawals,
    one_season,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from cotton_server.registry.records import Messages

GROUP: Final = 4096
"""Lots of a file: reading one takes a hundredth of a second, and 1.5 MB while it is kept."""

_CHAINS: Final = (
    ("registrations", Registrations),
    ("weights", Weights),
    ("closures", Closures),
    ("quality_certificates", Certificates),
    ("weight_certificates", Certificates),
    ("units", Units),
    ("withdrawals", Withdrawals),
)
"""Chains of versions by their number; the objections of a lot follow in order of arrival."""

_ABSENT: Final = 0
"""Position of what has not happened: positions begin with 1."""

_POSITION: Final = np.dtype("<u4")

_MOMENT: Final = {"position": pl.UInt32(), "received_at_us": pl.Int64()}

_LOT: Final = pl.Schema(
    {
        "lot_no": pl.String(),
        "season": pl.Int32(),
        "changed_at": pl.UInt32(),
        "bales": pl.Int32(),
        "read_first": pl.UInt32(),
        "read_first_us": pl.Int64(),
        "read_last": pl.UInt32(),
        "read_last_us": pl.Int64(),
        "final": pl.UInt32(),
        "final_us": pl.Int64(),
    }
)
_LISTS: Final = {
    "version": pl.Schema({"chain": pl.UInt16(), **_MOMENT, "record": pl.Binary()}),
    "objection": pl.Schema({"no": pl.String()}),
    "run": pl.Schema({"start": pl.Int32(), "stop": pl.Int32()}),
    "step": pl.Schema({**_MOMENT, "state": pl.UInt8(), "holds": pl.Binary()}),
    "revision": pl.Schema(_MOMENT),
    "withdrawn": pl.Schema({"position": pl.UInt32(), "change": pl.Int8()}),
    "out": pl.Schema({"of_first": pl.Boolean(), "row": pl.Int32(), "at": pl.Binary()}),
}
"""Columns of what a lot has any number of, by kind.

Why a standing is held, and where a row left and came back, are bytes: a byte a reason, four a
position (little-endian). Lists within lists take ten times as long.
"""

_SCHEMA: Final = pl.Schema(
    {
        **_LOT,
        **{
            f"{kind}_{name}": pl.List(dtype)
            for kind, schema in _LISTS.items()
            for name, dtype in schema.items()
        },
    }
)


def write_group(path: Path, lots: Sequence[LotEntry]) -> None:
    """Writes lots that follow one another."""
    parts = [pl.DataFrame(list(map(_lot_row, lots)), schema=_LOT, orient="row")]
    for kind, rows_of in _ROWS.items():
        parts.append(_lists(kind, [list(rows_of(lot)) for lot in lots]))
    write_table(path, pl.concat(parts, how="horizontal").select(_SCHEMA.names()))


class Group:
    """Lots of a file, of which each can be made."""

    def __init__(self, path: Path, first: int, count: int) -> None:
        """Reads lots `first` and following; raises ImageDamagedError."""
        frame = read_table(path, _SCHEMA, rows=count)
        self._first = first
        self._lots = [_packed(frame[name]) for name in _LOT]
        lists = {kind: _Ragged(frame, kind) for kind in _LISTS}
        # Most kinds are rare: those that no lot here has anything of are not asked for every lot.
        self._lists = {kind: of_kind for kind, of_kind in lists.items() if of_kind.rows}
        self._moments: dict[int, Moment] = {}

    def entry(self, number: int) -> LotEntry:
        """A lot, made anew."""
        place = number - self._first
        here = slice(place, place + 1)
        said = (column[here].tolist()[0] for column in self._lots)
        lot_no, season, changed_at, bales, *moments = said
        lists = {**_NOTHING}
        for kind, of_kind in self._lists.items():
            lists[kind] = of_kind.of(place)
        entry = LotEntry(number, lot_no, one_season(season))
        entry.changed_at, entry.bales = changed_at, bales
        course = entry.course
        course.read_first = self._when(*moments[:2])
        course.read_last = self._when(*moments[2:4])
        course.final = self._when(*moments[4:])
        course.flat_steps = tuple(chain.from_iterable(map(self._step, lists["step"])))
        if revisions := lists["revision"]:
            course.revisions = tuple(self._moment(*each) for each in revisions)
        if withdrawn := lists["withdrawn"]:
            course.withdrawn_bales = list(withdrawn)
        self._add_versions(entry, lists["version"], lists["objection"])
        if runs := lists["run"]:
            entry.runs = array("i", chain.from_iterable(runs))
        for of_first, row, positions in lists["out"]:
            toggles = entry.first_toggles() if of_first else entry.force_toggles()
            toggles[row] = tuple(np.frombuffer(positions, _POSITION).tolist())
        return entry

    def _add_versions(
        self, entry: LotEntry, versions: Sequence[_Row], objections: Sequence[_Row]
    ) -> None:
        by_chain: dict[int, list[Any]] = {}
        for number, position, received_at_us, record in versions:
            moment = self._moment(position, received_at_us)
            by_chain.setdefault(number, []).extend((*moment, record))
        for number, flat in by_chain.items():
            if number < len(_CHAINS):
                name, of_chain = _CHAINS[number]
                setattr(entry, name, of_chain(flat))
        if objections:
            entry.objections = {
                name: Objections(by_chain[number])
                for number, (name,) in enumerate(objections, len(_CHAINS))
            }

    def _step(self, step: _Row) -> tuple[Moment, Standing]:
        position, received_at_us, state, holds = step
        moment = self._moment(position, received_at_us)
        if not holds:
            return moment, _PLAIN[state]
        return moment, Standing(LotState(state), tuple(map(LotHold, holds)))

    def _when(self, position: int, received_at_us: int) -> Moment | None:
        return None if position == _ABSENT else self._moment(position, received_at_us)

    def _moment(self, position: int, received_at_us: int) -> Moment:
        """The moment of a position: lots that one entry touched have the same object."""
        moment = self._moments.get(position)
        if moment is None:
            moment = self._moments.setdefault(position, Moment(position, received_at_us))
        return moment


_Row = tuple[Any, ...]

_NOTHING: Final[dict[str, Sequence[_Row]]] = dict.fromkeys(_LISTS, ())

_PLAIN: Final = {int(state): plain_standing(state) for state in LotState}


class _Ragged:
    """Rows of one kind of all lots of a group: those of a lot lie one after the other."""

    def __init__(self, frame: pl.DataFrame, kind: str) -> None:
        names = [f"{kind}_{name}" for name in _LISTS[kind]]
        sizes = frame[names[0]].list.len().to_numpy()
        self._offsets = array("I", [0, *np.cumsum(sizes).tolist()])
        self.rows = self._offsets[-1]
        self._columns = [_packed(frame[name].explode(empty_as_null=False)) for name in names]

    def of(self, place: int) -> Sequence[_Row]:
        """The rows of the lot at a place."""
        start, stop = self._offsets[place], self._offsets[place + 1]
        if start == stop:
            return ()
        here = slice(start, stop)
        return list(zip(*(column[here].tolist() for column in self._columns), strict=True))


class _Values(list[Any]):
    """Some values of a column."""

    def tolist(self) -> list[Any]:
        """The values, as arrays give them."""
        return self


class _Blobs:
    """Bytes or texts one after the other: as objects of their own they take several times that."""

    def __init__(self, values: pl.Series) -> None:
        self._is_text = values.dtype == pl.String
        whole = [b"" if each is None else each for each in values.cast(pl.Binary).to_list()]
        self._whole = b"".join(whole)
        self._ends = array("I", [0, *np.cumsum(list(map(len, whole)), dtype=np.uint32).tolist()])
        self._absent = frozenset(values.is_null().arg_true().to_list())

    def __getitem__(self, where: slice) -> _Values:
        """The values of a range."""
        return _Values(map(self._value, range(where.start, where.stop)))

    def _value(self, place: int) -> bytes | str | None:
        if place in self._absent:
            return None
        value = self._whole[self._ends[place] : self._ends[place + 1]]
        return value.decode() if self._is_text else value


def _packed(values: pl.Series) -> npt.NDArray[Any] | _Blobs:
    """A column in about as many bytes as it says something."""
    return _Blobs(values) if values.dtype in (pl.Binary, pl.String) else values.to_numpy()


def _lists(kind: str, rows: Sequence[Sequence[_Row]]) -> pl.DataFrame:
    """The lists of one kind, a row for each lot; made from flat columns, which is much faster."""
    schema = _LISTS[kind]
    sizes: npt.NDArray[np.uint32] = np.fromiter(map(len, rows), np.uint32, len(rows))
    columns = zip(*chain.from_iterable(rows), strict=True) if sizes.any() else [()] * len(schema)
    flat = pl.DataFrame(
        [
            pl.Series("lot", np.repeat(np.arange(len(rows), dtype=np.uint32), sizes)),
            *(
                pl.Series(f"{kind}_{name}", list(values), dtype=dtype)
                for (name, dtype), values in zip(schema.items(), columns, strict=True)
            ),
        ]
    )
    grouped = flat.group_by("lot", maintain_order=True).agg(pl.exclude("lot"))
    every = pl.DataFrame({"lot": np.arange(len(rows), dtype=np.uint32)})
    joined = every.join(grouped, on="lot", how="left", maintain_order="left").drop("lot")
    return joined.with_columns(
        pl.when(pl.col(name).is_null()).then(pl.lit([], dtype=dtype)).otherwise(name).alias(name)
        for name, dtype in joined.schema.items()
    )


def _lot_row(lot: LotEntry) -> _Row:
    course = lot.course
    moments = (course.read_first, course.read_last, course.final)
    flat = chain.from_iterable((_ABSENT, 0) if each is None else each for each in moments)
    return (lot.lot_no, lot.season, lot.changed_at, lot.bales, *flat)


def _versions(lot: LotEntry) -> Iterable[_Row]:
    chains: list[Messages[Any]] = [getattr(lot, name) for name, _ in _CHAINS]
    for number, versions in enumerate((*chains, *lot.objections.values())):
        for version in versions.parts() if versions else ():
            yield number, *version


def _steps(lot: LotEntry) -> Iterable[_Row]:
    for moment, standing in lot.course.steps:
        yield *moment, int(standing.state), bytes(standing.holds)


def _out(lot: LotEntry) -> Iterable[_Row]:
    for of_first, toggles in enumerate((lot.out_of_force, lot.out_of_first)):
        for row, positions in toggles.items():
            yield bool(of_first), row, np.array(positions, _POSITION).tobytes()


_ROWS: Final[dict[str, Callable[[LotEntry], Iterable[_Row]]]] = {
    "version": _versions,
    "objection": lambda lot: ((name,) for name in lot.objections),
    "run": lambda lot: zip(lot.runs[::2], lot.runs[1::2], strict=True),
    "step": _steps,
    "revision": lambda lot: lot.course.revisions,
    "withdrawn": lambda lot: lot.course.withdrawn_bales,
    "out": _out,
}
"""The rows of each kind that a lot has, in order."""
