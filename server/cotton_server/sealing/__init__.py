"""Sealed history: ranges of the ledger as immutable files, and starts that need not replay them."""
