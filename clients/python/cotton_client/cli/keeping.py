"""What commands that keep a data directory have in common: errors, priority, steps, options."""

from __future__ import annotations

import contextlib
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from cotton_server.config import Config
from cotton_server.errors import StartError
from cotton_server.keeping.errors import BackupBusyError, NewerFormError, NotUsableError
from cotton_server.ledger.errors import LedgerBusyError, LedgerError, LedgerVersionError

from cotton_client.errors import ConfigurationError, CottonError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

LOWEST_PRIORITY: Final = 19

DIRECTORY: Final = click.Path(file_okay=False, path_type=Path)
THERE: Final = click.Path(exists=True, file_okay=False, path_type=Path)

quick_option = click.option(
    "--quick",
    is_flag=True,
    help="Compare digests alone, and make no decision again: seconds in place of minutes.",
)


def bounds() -> dict[str, Any]:
    """What a check may hold: as much as a server by its defaults."""
    settings = Config()
    return {
        "bales_max": settings.bales_max,
        "resident_bales_max": settings.resident_bales_max,
    }


def give_way() -> None:
    """Has this process take what processor time a server leaves."""
    with contextlib.suppress(OSError):
        os.nice(LOWEST_PRIORITY)


@contextmanager
def kept_errors() -> Iterator[None]:
    """Has errors of data directories and backups read and exit as those of the command do."""
    try:
        yield
    except (NotUsableError, NewerFormError, LedgerVersionError) as error:
        reason = "NOT_USABLE" if isinstance(error, NotUsableError) else "OTHER_VERSION"
        raise _told(ConfigurationError, error, reason) from error
    except (BackupBusyError, LedgerBusyError) as error:
        raise _told(Unavailable, error, "DIRECTORY_BUSY") from error
    except (LedgerError, StartError) as error:
        raise _told(CottonError, error, "DAMAGED") from error


def _told(kind: type[CottonError], error: Exception, reason: str) -> CottonError:
    """The same error in terms of the command; what to do are its last sentences already."""
    return kind(str(error), reason=reason, remedy="Then run the command again.")
