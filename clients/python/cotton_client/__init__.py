"""The client of the cotton inspection data service.

`CottonClient` talks to a service; `errors` holds everything that it raises. The names
below are loaded when they are first used, so that a command starts quickly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cotton_client.client import (
        CottonClient,
        LotsReceipt,
        ReadingStream,
        RetryPolicy,
        UploadTotals,
    )
    from cotton_client.errors import CottonError

__all__ = [
    "CottonClient",
    "CottonError",
    "LotsReceipt",
    "ReadingStream",
    "RetryPolicy",
    "UploadTotals",
]


def __getattr__(name: str) -> Any:
    """The public name, from the module that defines it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "cotton_client.errors" if name == "CottonError" else "cotton_client.client"
    return getattr(import_module(module), name)
