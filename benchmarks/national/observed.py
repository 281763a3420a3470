"""The server as it ships, which also notes how long each summary took.

Run as `python -m benchmarks.national.observed FILE ARGUMENTS`, with the arguments of `cotton`;
FILE is written when the server has ended. Nothing of the service is replaced: the class of its
metrics is extended where it is made, so that the exact times are kept which the histogram
cotton_summary_seconds only counts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final
from unittest.mock import patch

from cotton_client.cli import main
from cotton_server import main as service
from cotton_server.observability.metrics import Metrics

NOTED: Final[list[tuple[str, int]]] = []
"""Method and microseconds of every answer, in order."""


class ObservedMetrics(Metrics):
    """Notes exact times."""

    def summary_answered(self, method: str, seconds: float) -> None:
        """A method of SummaryService has answered."""
        super().summary_answered(method, seconds)
        NOTED.append((method, round(seconds * 1e6)))


if __name__ == "__main__":
    try:
        with patch.object(service, "Metrics", ObservedMetrics):
            main(sys.argv[2:], prog_name="cotton")
    finally:
        Path(sys.argv[1]).write_text(json.dumps(NOTED), encoding="utf-8")
