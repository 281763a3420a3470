"""Bales and lots in memory, derived from a ledger prefix and nothing else."""
