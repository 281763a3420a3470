"""The error of a measurement that is no result."""

from __future__ import annotations


class BenchmarkError(Exception):
    """Something did not start, ended early, or lost or double-counted a bale.

    The text says what happened; nothing measured so far is written.
    """
