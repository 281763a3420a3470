"""The client of the cotton inspection data service.

`CottonClient` talks to a service, `SyncCottonClient` does so without await; `errors` holds
everything that they raise. The names below are loaded when they are first used, so that a
command starts quickly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton_client.accounts import AccountsReceipt
    from cotton_client.amendments import AmendmentsReceipt
    from cotton_client.client import CottonClient
    from cotton_client.errors import CottonError
    from cotton_client.grading import grades_frame
    from cotton_client.listing import Listing
    from cotton_client.lots import LotsReceipt
    from cotton_client.queries import grades_query
    from cotton_client.retry import RetryPolicy
    from cotton_client.settlements import Settlement, settlement_terms
    from cotton_client.spool import Feed, Source, Spool
    from cotton_client.stream import ReadingStream
    from cotton_client.sync import SyncCottonClient
    from cotton_client.tables import Table, to_units
    from cotton_client.upload import BaleIssue, UploadTotals

__all__ = [
    "AccountsReceipt",
    "AmendmentsReceipt",
    "BaleIssue",
    "CottonClient",
    "CottonError",
    "Feed",
    "Listing",
    "LotsReceipt",
    "ReadingStream",
    "RetryPolicy",
    "Settlement",
    "Source",
    "Spool",
    "SyncCottonClient",
    "Table",
    "UploadTotals",
    "grades_frame",
    "grades_query",
    "settlement_terms",
    "to_units",
]

_MODULES: Final[Mapping[str, str]] = {
    "AccountsReceipt": "accounts",
    "AmendmentsReceipt": "amendments",
    "BaleIssue": "upload",
    "CottonClient": "client",
    "CottonError": "errors",
    "Feed": "spool",
    "Listing": "listing",
    "LotsReceipt": "lots",
    "ReadingStream": "stream",
    "RetryPolicy": "retry",
    "Settlement": "settlements",
    "Source": "spool",
    "Spool": "spool",
    "SyncCottonClient": "sync",
    "Table": "tables",
    "UploadTotals": "upload",
    "grades_frame": "grading",
    "grades_query": "queries",
    "settlement_terms": "settlements",
    "to_units": "tables",
}
"""The module that defines each name."""


def __getattr__(name: str) -> Any:
    """The public name, from the module that defines it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
