"""The ledger: an ordered, append-only file of entries on stable storage. Knows no cotton."""

from cotton_server.ledger.entry import (
    GENESIS,
    LEDGER_FORMAT,
    Entry,
    Header,
    NewEntry,
    payload_digest,
)
from cotton_server.ledger.errors import (
    EvidenceDamagedError,
    LedgerBusyError,
    LedgerDamagedError,
    LedgerError,
    LedgerFailedError,
    LedgerFullError,
    LedgerVersionError,
    SealRefusedError,
)
from cotton_server.ledger.evidence import EvidenceFile, verify_evidence, write_evidence
from cotton_server.ledger.folding import Folding
from cotton_server.ledger.ledger import Ledger
from cotton_server.ledger.lock import DirectoryLock
from cotton_server.ledger.names import make_directories, sync_names
from cotton_server.ledger.reader import LedgerReader
from cotton_server.ledger.seal import Seal, evidence_directory, evidence_path, sealed_directory

__all__ = [
    "GENESIS",
    "LEDGER_FORMAT",
    "DirectoryLock",
    "Entry",
    "EvidenceDamagedError",
    "EvidenceFile",
    "Folding",
    "Header",
    "Ledger",
    "LedgerBusyError",
    "LedgerDamagedError",
    "LedgerError",
    "LedgerFailedError",
    "LedgerFullError",
    "LedgerReader",
    "LedgerVersionError",
    "NewEntry",
    "Seal",
    "SealRefusedError",
    "evidence_directory",
    "evidence_path",
    "make_directories",
    "payload_digest",
    "sealed_directory",
    "sync_names",
    "verify_evidence",
    "write_evidence",
]
