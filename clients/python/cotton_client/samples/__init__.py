"""Sample files that come with the client: real records, as far as any were published.

`ORIGIN.md` beside this module says which columns are real.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_DIRECTORY: Final = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class SampleLot:
    """Paths of a lot's files; `weights` is None where its weight was not published."""

    lot_no: str
    readings: Path
    lots: Path
    weights: Path | None


def real_lot() -> SampleLot:
    """The real lot of 186 bales: micronaire, strength and weights are as published."""
    directory = _DIRECTORY / "real_lot"
    return SampleLot(
        lot_no="65811191023",
        readings=directory / "readings.csv",
        lots=directory / "lots.csv",
        weights=directory / "weights.csv",
    )


def real_bale() -> SampleLot:
    """The real bale 114104 and the registration of its lot 65140161077."""
    directory = _DIRECTORY / "real_bale"
    return SampleLot(
        lot_no="65140161077",
        readings=directory / "readings.csv",
        lots=directory / "lots.csv",
        weights=None,
    )


def usda_lines() -> Path:
    """Three real USDA 67-column classing records: three bales."""
    return _DIRECTORY / "usda" / "classing.txt"


def organisation() -> Path:
    """An organisation: divisions and cotton-growing regiments of the XPCC, without periods."""
    return _DIRECTORY / "organisation" / "xpcc.csv"


@dataclass(frozen=True, slots=True)
class SampleAccounts:
    """Paths of files of what money needs."""

    units: Path
    deliveries: Path
    areas: Path
    prices: Path
    bale_weights: Path


def settlement() -> SampleAccounts:
    """Made-up records of what money needs beside the real lot of 186 bales."""
    directory = _DIRECTORY / "settlement"
    return SampleAccounts(
        units=directory / "units.csv",
        deliveries=directory / "deliveries.csv",
        areas=directory / "areas.csv",
        prices=directory / "prices.csv",
        bale_weights=directory / "bale_weights.csv",
    )


@dataclass(frozen=True, slots=True)
class SampleReport:
    """Paths of an instrument's report and of the bale codes of its samples."""

    lot_no: str
    report: Path
    bale_codes: Path


def uster_report() -> SampleReport:
    """A made-up report of an Uster HVI 1000 with ten bales and the oddities of real ones."""
    directory = _DIRECTORY / "uster"
    return SampleReport(
        lot_no="65140161088",
        report=directory / "report.txt",
        bale_codes=directory / "bale_codes.csv",
    )
