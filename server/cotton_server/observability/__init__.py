"""Adapters that make metrics and logs of the records that the core emits."""
