"""Which bale a laboratory's sample number stands for: a CSV beside the report of an instrument.

Columns, in any order: `sample` (the number as the report prints it) and `bale_code` (32 digits)
are required; `lot_no` (11 digits) may be left out or empty.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton_client.identifiers import BALE_CODE_DIGITS, LOT_NO_DIGITS
from cotton_client.readers.columns import required
from cotton_client.readers.errors import LineError
from cotton_client.readers.table import read_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cotton_client.readers.table import Table

COLUMNS: Final = ("sample", "bale_code", "lot_no")
"""Every column that a CSV of bale codes may have."""

SAMPLES_MAX: Final = 1_000_000
"""Most samples in a file: it is held in memory whole."""

_BALE_CODE: Final = re.compile(rf"[0-9]{{{BALE_CODE_DIGITS}}}", re.ASCII)


def is_bale_code(text: str) -> bool:
    """Whether a text is a bale code as it stands: 32 digits."""
    return _BALE_CODE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Bale:
    """The bale of a sample, and its lot where that is stated."""

    bale_code: str
    lot_no: str | None


@dataclass(frozen=True, slots=True)
class BaleCodes:
    """The bales of a laboratory's samples, by sample number as it is written."""

    path: Path
    by_sample: Mapping[str, Bale]


def read_bale_codes(path: Path) -> BaleCodes:
    """All samples of a CSV file. Raises the ReadingFileError tree.

    A sample that stands for two bales, and a bale that has two samples, are refused: the reading
    of one bale must not be stored as that of another.
    """
    bales: dict[str, Bale] = {}
    samples: dict[str, str] = {}
    for table in read_table(path, COLUMNS):
        _add(table, bales, samples)
    return BaleCodes(path, bales)


def _add(table: Table, bales: dict[str, Bale], samples: dict[str, str]) -> None:
    required(table, "sample", "state the number as the report prints it")
    required(table, "bale_code", f"state its {BALE_CODE_DIGITS} digits")
    codes = table.digits("bale_code", BALE_CODE_DIGITS)
    lots = table.digits("lot_no", LOT_NO_DIGITS)
    records = zip(table.text("sample"), codes, lots, strict=True)
    for row, (sample, code, lot_no) in enumerate(records):
        if sample in bales:
            raise table.refusal(row, "sample", "is there twice", "remove one of the lines")
        if code in samples:
            raise table.refusal(
                row,
                "bale_code",
                f"is already the bale of sample {samples[code]!r}",
                "remove one of the lines",
            )
        if len(bales) == SAMPLES_MAX:
            raise LineError(
                table.path,
                f"is past the {SAMPLES_MAX} samples that one file may have",
                "split the file by report",
                line=int(table.lines[row]),
            )
        bales[sample] = Bale(code, lot_no)
        samples[code] = sample
