"""Sealed readings: rows of the bale store as Parquet, which anybody can read, and back.

A row has, beside what the store needs to have it back, what people and other programs read: texts
for numbers of the registry, and nulls for what is absent. Whether the reading is in force is not
said here: it changes, and the files do not (`outside.not_in_force`). Columns:

- `row` UInt32 (of the store), `position` UInt32 and `batch_row` UInt16 (ledger position, and place
  in that batch), `kind` UInt8 (numbers of the contract's ReadingKind), `is_first` Boolean (the row
  by which the duplicate index knows the bale);
- the bale code in its parts: `bale_prefix` UInt32 (digits 1-7: "32" and the gin), `baled_at` UInt64
  (digits 8-19: YYMMDDhhmmss), `bale_opaque` UInt32 (digits 20-26), `bale_number` UInt32 (27-32).
  Of a USDA bale the prefix is 10000000, `baled_at` the crop year times 1000, and the twelve digits
  of its id are `bale_opaque` and `bale_number` together;
- `lot_no`, `standard`, `laboratory`, `instrument` String ("" where absent), and as numbers of the
  registry `lot`, `standard_number`, `laboratory_number`, `instrument_number` Int32;
- `inspected_at_s` UInt32 (seconds since 1970 UTC, 0 unknown), and the value fields of a reading
  (Int8 or Int16, measures in hundredths of the unit of their standard; null where absent).

Rows are sorted by lot, and as they arrived within one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from polars.exceptions import PanicException, PolarsError

from cotton_server.domain.fields import ABSENT, VALUE_FIELDS
from cotton_server.sealing.files import SealedFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.registry.registry import Registry

_LEVEL: Final = 3
"""Of zstd: higher ones take several times as long for a few percent."""

_ROW_GROUP: Final = 1 << 17
"""Rows that are read together by whoever wants one lot."""

_TEXTS: Final = ("standard", "laboratory", "instrument")
_HIGH_TAIL: Final = np.uint64(10**9)
"""The high half of a code is seven digits of prefix and the first nine of the time."""
_LOW_HEAD: Final = np.uint64(10**13)
"""The low half is the last three digits of the time, seven opaque ones and the bale number."""
_THOUSAND: Final = np.uint64(1000)
_MILLION: Final = np.uint64(10**6)
_OPAQUE: Final = np.uint64(10**7)

_KEY: Final = ("bale_prefix", "baled_at", "bale_opaque", "bale_number")
_PLAIN: Final = ("position", "batch_row", "kind", "is_first", "inspected_at_s")
_NUMBERS: Final = {"lot": "lot", **{name: f"{name}_number" for name in _TEXTS}}
"""Columns of numbers, by the store's name for them."""


def frames_by_season(
    registry: Registry, first_row: int, stop_row: int
) -> Iterator[tuple[int, pl.DataFrame]]:
    """Rows [first_row, stop_row) of the store as they are written, season by season."""
    frame = _frame(registry, first_row, stop_row)
    seasons = _seasons(registry, frame["lot"].to_numpy())
    for season in np.unique(seasons).tolist():
        yield season, frame.filter(pl.Series(seasons == season)).sort("lot", "row")


def write_readings(frame: pl.DataFrame, path: Path) -> None:
    """Writes rows of `frames_by_season`."""
    frame.write_parquet(
        path, compression="zstd", compression_level=_LEVEL, row_group_size=_ROW_GROUP
    )


def read_columns(
    files: Iterable[tuple[Path, bytes]], first_row: int, stop_row: int, *, keys_only: bool
) -> dict[str, npt.NDArray[Any]]:
    """The columns of a SealedPart out of the contents of its files, in order of rows.

    There is at least one file where there are rows. Raises SealedFileError, with the path, when
    they do not have every row.
    """
    wanted = ["row", *_KEY, "is_first"]
    if not keys_only:
        wanted += [*_PLAIN, *_NUMBERS.values(), *(field.name for field in VALUE_FIELDS)]
    count = stop_row - first_row
    found: dict[str, npt.NDArray[Any]] = {}
    seen = np.zeros(count, np.bool_)
    for path, content in files:
        try:
            frame = pl.read_parquet(content, columns=list(dict.fromkeys(wanted)))
        except (OSError, PolarsError, PanicException) as error:
            raise SealedFileError(path, f"cannot be read: {error}") from error
        places = frame["row"].to_numpy().astype(np.int64) - first_row
        if len(places) and not 0 <= places.min() <= places.max() < count:
            raise SealedFileError(path, "has rows that are not of its range")
        seen[places] = True
        for name, values in _stored(frame, keys_only=keys_only):
            column = found.get(name)
            if column is None:
                column = found[name] = np.zeros(count, values.dtype)
            column[places] = values
    if not seen.all():
        raise SealedFileError(path, "or a file of another season lacks rows of its range")
    return found


def _frame(registry: Registry, first_row: int, stop_row: int) -> pl.DataFrame:
    store = registry.bales
    here = slice(first_row, stop_row)
    lots = store.references["lot"][here]
    columns: dict[str, Any] = {
        "row": np.arange(first_row, stop_row, dtype=np.uint32),
        "position": store.position[here],
        "batch_row": store.batch_row[here],
        "kind": store.kind[here],
        "is_first": store.is_first[here],
        **_parts(store.high[here], store.low[here]),
        "lot_no": _spelled(lots, lambda number: registry.lots[number].lot_no),
    }
    for name in _TEXTS:
        columns[name] = _spelled(store.references[name][here], registry.texts[name].__getitem__)
    columns |= {column: store.references[name][here] for name, column in _NUMBERS.items()}
    columns["inspected_at_s"] = store.inspected_at_s[here]
    columns |= {field.name: store.values[field.name][here] for field in VALUE_FIELDS}
    return pl.DataFrame(columns).with_columns(
        pl.when(pl.col(field.name) != ABSENT).then(pl.col(field.name)).alias(field.name)
        for field in VALUE_FIELDS
    )


def _spelled(numbers: npt.NDArray[np.int32], text_of: Any) -> pl.Series:
    """Texts for numbers, each of which is looked up once."""
    distinct, places = np.unique(numbers, return_inverse=True)
    texts = pl.Series([text_of(number) for number in distinct.tolist()], dtype=pl.String)
    return texts.gather(pl.Series(places.astype(np.uint32)))


def _seasons(registry: Registry, lots: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    distinct, places = np.unique(lots, return_inverse=True)
    seasons = np.asarray([registry.lots[number].season for number in distinct.tolist()], np.int64)
    return seasons[places]


def _parts(high: UInt64Array, low: UInt64Array) -> dict[str, npt.NDArray[np.unsignedinteger]]:
    """Keys in the parts of a bale code; `_keys` puts them together again."""
    return {
        "bale_prefix": (high // _HIGH_TAIL).astype(np.uint32),
        "baled_at": high % _HIGH_TAIL * _THOUSAND + low // _LOW_HEAD,
        "bale_opaque": (low % _LOW_HEAD // _MILLION).astype(np.uint32),
        "bale_number": (low % _MILLION).astype(np.uint32),
    }


def _keys(frame: pl.DataFrame) -> tuple[UInt64Array, UInt64Array]:
    prefix, time, opaque, number = (frame[name].to_numpy().astype(np.uint64) for name in _KEY)
    high = prefix * _HIGH_TAIL + time // _THOUSAND
    low = (time % _THOUSAND * _OPAQUE + opaque) * _MILLION + number
    return high, low


def _stored(frame: pl.DataFrame, *, keys_only: bool) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """The columns of a file under the names and in the types of the store."""
    high, low = _keys(frame)
    yield "high", high
    yield "low", low
    if keys_only:
        yield "is_first", frame["is_first"].to_numpy()
        return
    for name in _PLAIN:
        yield name, frame[name].to_numpy()
    for name, column in _NUMBERS.items():
        yield name, frame[column].to_numpy()
    for field in VALUE_FIELDS:
        yield field.name, frame[field.name].fill_null(ABSENT).to_numpy()
