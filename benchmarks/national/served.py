"""A server on a data directory, who asks it, and what it notes of its answers."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.national.ask import Asker, server_us
from benchmarks.national.asking import Asking
from benchmarks.processes import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from benchmarks.national.results import Asked
    from benchmarks.processes import Serving

START_S_MAX: Final = 900
"""A start goes through a whole season; one that takes this long hangs."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that serves."""

    server: Serving
    data: Path
    asking: Asking
    _asker: Asker
    _noted: Path

    def resolved(self) -> list[Asked]:
        """What was asked, with the times that the server has noted; after it has ended."""
        noted = [(method, took) for method, took in json.loads(self._noted.read_text("utf-8"))]
        return self.asking.resolved(server_us(noted, self._asker))


@asynccontextmanager
async def served(
    directory: Path, data: Path, name: str, told: Callable[[str], None]
) -> AsyncIterator[Served]:
    """Runs the service on `data`, with what it writes beside in `directory` under a name."""
    noted = directory / f"{name}.json"
    with running(directory, data, name, program=("benchmarks.national.observed", str(noted))) as (
        server
    ):
        asker = Asker(server.address)
        try:
            yield Served(server, data, Asking(asker, told), asker, noted)
        finally:
            await asker.close()


def running(
    directory: Path,
    data: Path,
    name: str,
    *,
    program: Sequence[str] = ("cotton_client.cli",),
    metrics_listen: str = "off",
    options: Sequence[str] = (),
) -> AbstractContextManager[Serving]:
    """The server of a program, with its log in `directory` under a name, and further options."""
    arguments = [
        *program,
        "serve",
        f"--data-dir={data}",
        "--listen=127.0.0.1:0",
        f"--metrics-listen={metrics_listen}",
        "--log-format=json",
        *options,
    ]
    log = directory / f"{name}.log"
    return serving("the server", arguments, log, start_s_max=START_S_MAX)
