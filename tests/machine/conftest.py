"""How long the machine runs."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def machine_examples() -> int:
    """Random histories to try: the variable EXAMPLES, which `make test-machine` sets."""
    return int(os.environ.get("EXAMPLES", "25"))
