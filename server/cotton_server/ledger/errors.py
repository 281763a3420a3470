"""What can go wrong with a ledger, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_RESTORE_LEDGER: Final = (
    "Do not delete anything: copy the data directory aside, look at the disk, and restore the"
    " last backup; producers send what came after it again."
)


class LedgerError(Exception):
    """Any error of the ledger."""


class LedgerBusyError(LedgerError):
    """Another program holds the data directory or the file; nothing was changed."""


class LedgerVersionError(LedgerError):
    """The file is no ledger, or one of a format that this version does not write."""


class LedgerDamagedError(LedgerError):
    """An entry is not what was written; `position` is the first that cannot be trusted.

    `what` says what was found there, `advice` what to do.
    """

    def __init__(self, position: int, what: str, advice: str = _RESTORE_LEDGER) -> None:
        """Takes the first position in doubt, what was found there, and what to do."""
        self.position, self.what, self.advice = position, what, advice
        super().__init__(
            f"The ledger is damaged at position {position}: {what}. Entries before it are sound."
            f" {advice}"
        )


class EvidenceDamagedError(LedgerDamagedError):
    """A file of payloads is missing or not what was written; `path` is that file."""

    def __init__(self, position: int, path: Path, what: str) -> None:
        """Takes the first position in doubt, whose payload lies in the file, and what is wrong."""
        self.path = path
        super().__init__(
            position,
            f"its payload lies in {path}, {what}",
            "Do not delete anything: look at the disk, and restore that file, which never"
            " changes, from any backup that has it; nothing else has to be restored.",
        )


class SealRefusedError(LedgerError):
    """A seal does not continue the catalogue, or is not of the entries that the ledger has."""


class LedgerFullError(LedgerError):
    """The disk is full; nothing of the group was kept and the ledger is as before."""


class LedgerFailedError(LedgerError):
    """Writing or syncing failed; what is on disk is unknown, so nothing is acknowledged again."""
