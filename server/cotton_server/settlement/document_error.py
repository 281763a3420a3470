"""The error of a file of a document of money, for those who read files and not their tables."""

from __future__ import annotations

from cotton_server.settlement.money_table import DocumentFileError

__all__ = ["DocumentFileError"]
