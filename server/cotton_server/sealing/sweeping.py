"""Removes what a process that sealed and ended too early has left below the sealed directory.

Who calls this holds the SealingLock, and has read the catalogue after taking it: then whatever the
catalogue does not name will not be named any more.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Final

from cotton_server.ledger import (
    EvidenceDamagedError,
    evidence_directory,
    sync_names,
    verify_evidence,
)
from cotton_server.sealing.files import KEYS, MANIFESTS, PARTIAL, READINGS, range_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from cotton_server.ledger import LedgerReader
    from cotton_server.sealing.history import History

SET_ASIDE: Final = "set-aside"
"""Where evidence goes of entries that the ledger does not have, below the sealed directory."""

_OURS: Final = re.compile(r"(\d{10})-(\d{10})")


def sweep(data_dir: Path, ledger: LedgerReader, history: History) -> None:
    """Removes files of ranges that the catalogue does not have, and what was half written.

    Readings, manifests and keys follow from the entries. Evidence is removed where the ledger has
    every payload of it, and otherwise set aside: somebody may have put back a ledger from before.
    Raises OSError, LedgerDamagedError.
    """
    root = history.root
    for path in [*root.rglob(f"*{PARTIAL}")]:
        _remove(path)
    catalogued = {range_name(seal.first, seal.last) for seal in history.seals}
    readings = [*(root / READINGS).glob("season=*/*.parquet")]
    derived = [*readings, *(root / MANIFESTS).glob("*.json"), *(root / KEYS).glob("*.keys")]
    for path in [*_not_of(catalogued, derived)]:
        _remove(path)
    # A range that was written again may have readings of other seasons than before.
    known = [part.manifest for part in history.parts]
    named = {root / file.path for each in known for file in each.readings.values()}
    whole = {range_name(each.first, each.last) for each in known}
    for path in readings:
        if path.stem in whole and path not in named:
            _remove(path)
    for path in [*_not_of(catalogued, evidence_directory(data_dir).glob("*.parquet"))]:
        if _is_in_ledger(path, ledger):
            _remove(path)
        else:
            _set_aside(path, root)


def _not_of(catalogued: set[str], paths: Iterable[Path]) -> Iterator[Path]:
    """Files named as those of a range are, of ranges that are not catalogued."""
    return (path for path in paths if _OURS.fullmatch(path.stem) and path.stem not in catalogued)


def _is_in_ledger(path: Path, ledger: LedgerReader) -> bool:
    """Whether the ledger has every payload of a file of evidence itself."""
    first, last = (int(each) for each in path.stem.split("-"))
    digests = ledger.payload_digests(first, last)
    if len(digests) != last + 1 - first:
        return False
    try:
        verify_evidence(path, first, digests)
    except EvidenceDamagedError:
        return False
    return True


def _set_aside(path: Path, root: Path) -> None:
    aside = root / SET_ASIDE
    aside.mkdir(mode=0o700, exist_ok=True)
    path.rename(aside / path.name)
    sync_names(aside, root)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
