"""The client of the cotton inspection data service.

`CottonClient` talks to a service; `errors` holds everything that it raises. The names
below are loaded when they are first used, so that a command starts quickly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton_client.client import CottonClient
    from cotton_client.errors import CottonError
    from cotton_client.lots import LotsReceipt
    from cotton_client.retry import RetryPolicy
    from cotton_client.stream import ReadingStream
    from cotton_client.upload import BaleIssue, UploadTotals

__all__ = [
    "BaleIssue",
    "CottonClient",
    "CottonError",
    "LotsReceipt",
    "ReadingStream",
    "RetryPolicy",
    "UploadTotals",
]

_MODULES: Final[Mapping[str, str]] = {
    "BaleIssue": "upload",
    "CottonClient": "client",
    "CottonError": "errors",
    "LotsReceipt": "lots",
    "ReadingStream": "stream",
    "RetryPolicy": "retry",
    "UploadTotals": "upload",
}
"""The module that defines each name."""


def __getattr__(name: str) -> Any:
    """The public name, from the module that defines it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
