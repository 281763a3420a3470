"""What can go wrong with a ledger, and what to do about it."""

from __future__ import annotations


class LedgerError(Exception):
    """Any error of the ledger."""


class LedgerBusyError(LedgerError):
    """Another server holds the data directory."""


class LedgerVersionError(LedgerError):
    """The file is no ledger, or one of a format that this version does not write."""


class LedgerDamagedError(LedgerError):
    """An entry is not what was written; `position` is the first that cannot be trusted."""

    def __init__(self, position: int, what: str) -> None:
        """Takes the first position in doubt and what was found there."""
        self.position = position
        super().__init__(
            f"The ledger is damaged at position {position}: {what}. Entries before it are sound."
            " Do not delete anything: copy the data directory aside, look at the disk, and"
            " restore the last backup; producers send what came after it again."
        )


class LedgerFullError(LedgerError):
    """The disk is full; nothing of the group was kept and the ledger is as before."""


class LedgerFailedError(LedgerError):
    """Writing or syncing failed; what is on disk is unknown, so nothing is acknowledged again."""
