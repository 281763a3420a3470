"""The lots of an image: a small table of all of them, and the lots themselves in groups."""

from __future__ import annotations

from collections import OrderedDict
from shutil import copyfile
from threading import Lock
from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_server.registry.image.files import read_table, write_table
from cotton_server.registry.image.lot_groups import GROUP, Group, write_group
from cotton_server.registry.image.names import Names

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.registry.lots import LotBook, LotEntry

GROUPS_KEPT: Final = 40
"""Groups that stay read, 1.5 MB each: those of a national season, which are asked for in any order
when its lots are listed by lot number."""

_FILE: Final = "lots.parquet"
_GROUPS: Final = "lots"
_SCHEMA: Final = pl.Schema(
    {
        "lot_no": pl.String(),
        "season": pl.Int32(),
        "changed_at": pl.UInt32(),
        "registered": pl.Boolean(),
    }
)


class LotsOnDisk:
    """Lots of an image, made when they are asked for; any thread may ask.

    Some twenty bytes a lot are in memory, and a few groups that were asked for last.
    """

    def __init__(self, directory: Path, revision: int, names: Names) -> None:
        """Takes where the image lies, its revision, and what its lots are called."""
        self.directory = directory
        self.revision = revision
        self._names = names
        self._lock = Lock()
        self._groups: OrderedDict[int, Group] = OrderedDict()
        self._later: LotsOnDisk | None = None

    def __len__(self) -> int:
        """Lots, which have the numbers from 0 on."""
        return len(self._names)

    def move(self, later: LotsOnDisk) -> None:
        """Has a later image asked from now on, by whoever still asks this one.

        Waits for who is reading: after it no file of this image is opened any more.
        """
        with self._lock:
            self._later = later
            self._groups.clear()

    def entry(self, number: int) -> LotEntry:
        """The lot of a number, made anew; raises ImageDamagedError."""
        # One at a time: who waits for the same group needs it read once only.
        with self._lock:
            later = self._later
            if later is None:
                return self._group(number // GROUP).entry(number)
        return later.entry(number)

    def _group(self, which: int) -> Group:
        group = self._groups.get(which)
        if group is None:
            first = which * GROUP
            count = min(GROUP, len(self) - first)
            group = Group(group_path(self.directory, which), first, count)
            self._groups[which] = group
            if len(self._groups) > GROUPS_KEPT:
                self._groups.popitem(last=False)
        else:
            self._groups.move_to_end(which)
        return group

    def lot_no(self, number: int) -> str:
        """The lot number of a lot."""
        return self._names.lot_no(number)

    def lot_nos(self) -> pl.Series:
        """The lot numbers of all lots (String)."""
        return self._names.lot_nos()

    def seasons(self) -> pl.Series:
        """The seasons of all lots (Int32)."""
        return self._names.seasons()

    def number_of(self, lot_no: str, season: int) -> int | None:
        """Number of a lot, None when it is none of these."""
        return self._names.number_of(lot_no, season)


def group_path(directory: Path, group: int) -> Path:
    """Where a group of lots lies."""
    return directory / _GROUPS / f"{group:06d}.parquet"


def write_lots(book: LotBook, directory: Path) -> None:
    """Writes the lots; groups of the image before in which nothing was touched are copied."""
    (directory / _GROUPS).mkdir()
    changed_at, registered = book.changed_at(), book.registered()
    kept = book.kept
    for group, first in enumerate(range(0, len(book), GROUP)):
        path = group_path(directory, group)
        stop = min(first + GROUP, len(book))
        if (
            isinstance(kept, LotsOnDisk)
            and min(first + GROUP, len(kept)) == stop
            and int(changed_at[first:stop].max()) <= kept.revision
        ):
            copyfile(group_path(kept.directory, group), path)
        else:
            write_group(path, [book.looked_at(number) for number in range(first, stop)])
    frame = pl.DataFrame(
        {
            "lot_no": book.lot_nos(),
            "season": book.seasons(),
            "changed_at": changed_at,
            "registered": registered,
        },
        schema=_SCHEMA,
    )
    write_table(directory / _FILE, frame)


def lots_on_disk(directory: Path, *, lots: int, revision: int) -> tuple[LotsOnDisk, pl.DataFrame]:
    """The lots of an image, and the table of all of them; raises ImageDamagedError."""
    frame = read_table(directory / _FILE, _SCHEMA, rows=lots)
    return LotsOnDisk(directory, revision, Names(frame["lot_no"], frame["season"])), frame


def load_lots(directory: Path, book: LotBook, *, lots: int, revision: int) -> None:
    """Lets an empty book begin with the lots of an image; raises ImageDamagedError."""
    kept, frame = lots_on_disk(directory, lots=lots, revision=revision)
    book.begin_with(kept, frame["changed_at"].to_numpy(), frame["registered"].to_numpy())
