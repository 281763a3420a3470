"""Measures the service. `python benchmarks/run.py --help` says what can be chosen."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    # The modules import each other as `benchmarks.…`, wherever this file is started from.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    import_module("benchmarks.command").main(prog_name="benchmarks/run.py")
