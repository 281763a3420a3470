"""What can go wrong with backups, and what to do about it."""

from __future__ import annotations

from cotton_server.errors import StartError


class KeepingError(StartError):
    """A backup cannot be made or put back; the text says why and what to do."""


class NotUsableError(KeepingError):
    """What was named is not what it was named as: no data directory, no whole backup, not empty."""


class BackupBusyError(KeepingError):
    """Another process makes a backup in the same directory."""


class DamageError(KeepingError):
    """A file is not what its digest says; the text names it."""


class NewerFormError(KeepingError):
    """A file has a form that this version of the service does not know, and was left as it is."""
