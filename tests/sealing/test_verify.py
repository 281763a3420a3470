"""`cotton ledger verify`, and what it finds: one flipped byte in any file that counts."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from apsw import Connection
from click.testing import CliRunner
from cotton_client.cli import main
from cotton_server.ledger.opening import FILE_NAME
from cotton_server.sealing.verify import verify

from tests.support.bales import bale
from tests.support.committing import answer, committing
from tests.support.sealing import seal

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

BATCHES = 6
BALES = 7


async def _write(directory: Path, first: int, last: int) -> None:
    async with committing(directory) as running:
        for number in range(first, last + 1):
            bales = [bale(10 * number + row) for row in range(BALES)]
            await running.stored(number, bales)
        await answer(await running.register(f"lot-{first}"))


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory of which all is sealed but the last batches."""
    directory = tmp_path_factory.mktemp("data")
    asyncio.run(_write(directory, 1, BATCHES))
    assert seal(directory, bales=20) > 1
    asyncio.run(_write(directory, BATCHES + 1, BATCHES + 2))
    return directory


def cotton(*arguments: str | Path) -> Result:
    """Runs the command."""
    return CliRunner().invoke(main, [str(each) for each in arguments], prog_name="cotton")


def test_what_is_whole_holds(sealed: Path) -> None:
    result = cotton("ledger", "verify", sealed)
    assert result.exit_code == 0, result.stderr
    assert f"{BALES * (BATCHES + 2)} bales" in result.stdout
    assert "every reading as in the raw entries" in result.stdout
    told = json.loads(cotton("ledger", "verify", sealed, "--json").stdout)
    assert (told["entries"], told["bales"]) == (BATCHES + 4, BALES * (BATCHES + 2))
    assert told["state"] == told["sealed_entries"] == BATCHES + 1
    assert len(told["digest"]) == 64


@pytest.mark.parametrize(
    "pattern",
    [
        "sealed/entries/*.parquet",
        "sealed/readings/*/*.parquet",
        "sealed/manifests/*.json",
        FILE_NAME,
    ],
)
def test_a_flipped_byte_is_found(sealed: Path, tmp_path: Path, pattern: str) -> None:
    directory = tmp_path / "data"
    shutil.copytree(sealed, directory)
    path = min(directory.glob(pattern))
    content = bytearray(path.read_bytes())
    if pattern == FILE_NAME:
        with closing(Connection(str(path))) as ledger:
            ledger.execute("UPDATE entry SET principal = 'other' WHERE position = 2")
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))
    result = cotton("ledger", "verify", directory)
    assert result.exit_code != 0
    assert "Holds" not in result.stdout
    assert "backup" in result.stderr


def test_progress_is_told_up_to_the_last_entry(sealed: Path) -> None:
    told: list[int] = []
    found = verify(
        sealed, bales_max=5000, resident_bales_max=0, told=lambda done, _: told.append(done)
    )
    assert told == sorted(told)
    assert told[-1] == found.entries
