"""Grades bales and lots by standards kept as data; knows neither gRPC nor storage."""

from __future__ import annotations

from typing import Final

GRADING_VERSION: Final = "2"
"""Version of the grading rules and of the standards' tables, named beside every figure.

It changes whenever the same readings could give another figure.
"""
