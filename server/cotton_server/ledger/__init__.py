"""The ledger: an ordered, append-only file of entries on stable storage. Knows no cotton."""

from cotton_server.ledger.entry import LEDGER_FORMAT, Entry, NewEntry
from cotton_server.ledger.errors import (
    LedgerBusyError,
    LedgerDamagedError,
    LedgerError,
    LedgerFailedError,
    LedgerFullError,
    LedgerVersionError,
)
from cotton_server.ledger.folding import Folding
from cotton_server.ledger.ledger import Ledger
from cotton_server.ledger.lock import DirectoryLock

__all__ = [
    "LEDGER_FORMAT",
    "DirectoryLock",
    "Entry",
    "Folding",
    "Ledger",
    "LedgerBusyError",
    "LedgerDamagedError",
    "LedgerError",
    "LedgerFailedError",
    "LedgerFullError",
    "LedgerVersionError",
    "NewEntry",
]
