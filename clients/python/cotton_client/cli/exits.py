"""Exit codes of the command `cotton`: a contract for scripts, listed in docs/cli.md."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a run of the command came to."""

    OK = 0
    """Done."""
    UNEXPECTED = 1
    """An error that should not happen, or a server that cannot start."""
    USAGE = 2
    """The command was not understood, or a setting cannot work."""
    BAD_INPUT = 3
    """A file or record cannot be read as what it was given for."""
    REFUSED = 4
    """The request was refused, by the server or before it was sent."""
    UNAVAILABLE = 5
    """The server cannot be reached or stays unavailable, or the spool is in use."""
    INCOMPLETE = 6
    """Some records were rejected or conflict with stored ones; all others are stored."""
    NOT_FOUND = 7
    """What was asked for is not stored."""
    INTERRUPTED = 130
    """Ctrl-C, or a request to stop."""
