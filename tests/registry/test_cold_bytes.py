"""What is read back from disk takes no more memory than is set, in the server and its child."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest
from cotton_server import main
from cotton_server.config import Config
from cotton_server.ledger import Ledger
from cotton_server.registry.registry import Registry
from cotton_server.sealing import work
from cotton_server.sealing.follow import Follower

from tests.support.stored_rows import Rows, code

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


BALES_MAX = 100_000
COLD_BYTES_MAX = 8 << 20
DAYS = 6


def alone(_directory: Path, _patch: pytest.MonkeyPatch) -> Registry:
    """A registry by itself."""
    return Registry(bales_max=BALES_MAX, cold_bytes_max=COLD_BYTES_MAX)


def of_the_server(directory: Path, _patch: pytest.MonkeyPatch) -> Registry:
    """The registry that a server makes by its settings."""
    config = Config(data_dir=directory, bales_max=BALES_MAX, cold_bytes_max=COLD_BYTES_MAX)
    return main._registry(config)


def of_the_child(directory: Path, patch: pytest.MonkeyPatch) -> Registry:
    """The registry of the process that seals, as the server starts it."""
    made: list[Registry] = []

    def seal(follower: Follower, *_arguments: object, **_wanted: object) -> None:
        made.append(follower._registry)

    Ledger(directory).close()
    patch.setattr(Follower, "seal", seal)
    for module, name in ((work, "_end_with_parent"), (os, "nice"), (gc, "disable")):
        patch.setattr(module, name, lambda *_: None)
    arguments = ["--until=0", "--bales=1", f"--bales-max={BALES_MAX}", "--resident-bales-max=0"]
    work.main([str(directory), *arguments, f"--cold-bytes-max={COLD_BYTES_MAX}"])
    (registry,) = made
    return registry


@pytest.mark.parametrize("maker", [alone, of_the_server, of_the_child])
def test_what_is_read_back_stays_within_what_is_set(
    maker: Callable[[Path, pytest.MonkeyPatch], Registry],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bales, rows = maker(tmp_path, monkeypatch).bales, Rows()
    whole = Registry(bales_max=BALES_MAX).bales
    for day in range(DAYS):
        first = len(rows)
        rows.add([code(number, day=210901 + day) for number in range(5000)])
        for store in (bales, whole):
            store.add_sealed(rows.part(first, len(rows)), resident=False)
    for first in range(0, len(rows), 5000):
        assert bales.position[first] == whole.position[first] == 1 + first // 5000
        assert 0 < bales.cold_bytes <= COLD_BYTES_MAX
    assert whole.cold_bytes > COLD_BYTES_MAX, "all of it would fit"
