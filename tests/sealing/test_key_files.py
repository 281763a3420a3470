"""Files of keys: made again wherever they are not what they should be, and never believed then."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import shutil
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import pytest
from cotton_server.ledger import Ledger, LedgerReader, sealed_directory
from cotton_server.registry.index import NOT_FOUND
from cotton_server.registry.key_filter import KeyFilter
from cotton_server.registry.key_zones import ZONES_MAX, KeyZones
from cotton_server.registry.registry import Registry
from cotton_server.sealing import key_files
from cotton_server.sealing.files import SealedFileError
from cotton_server.sealing.history import open_history, open_part, recover
from cotton_server.sealing.key_files import FORM, KeyFile, KeyFileError, KnownKeys
from cotton_server.sealing.mapped import mapped
from cotton_server.sealing.verify import verify

from tests.support.bales import Bale, bale, usda_bale
from tests.support.committing import answer, committing
from tests.support.sealing import BALES_MAX, recovered, seal
from tests.support.stored_rows import code, keys_array, usda

if TYPE_CHECKING:
    from collections.abc import Callable

LOTS = ("65140161077", "65140231077")
BALES = 20
DIGEST = bytes(range(32))


def of_batch(number: int) -> list[Bale]:
    """Bales of a batch, with all dates that there are in every batch, and USDA bales."""
    some = [bale(100 * number + row, LOTS[row % 2]) for row in range(BALES)]
    return [*some, *(usda_bale(100 * row + number) for row in range(3))]


async def _write(directory: Path, first: int, last: int) -> None:
    async with committing(directory, resident=1000) as running:
        for number in range(first, last):
            again = of_batch(number - 1)[:4] if number else []
            await running.stored(number + 1, [*of_batch(number), *again])
            # Ends what is replayed together.
            await answer(await running.register(f"r-{number}", lot_no=LOTS[number % 2]))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with some sealed ranges, the last of which has no readings."""
    directory = tmp_path_factory.mktemp("data")
    asyncio.run(_write(directory, 0, 4))
    assert seal(directory, bales=BALES) == 5
    return directory


@pytest.fixture
def sealed(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(made, tmp_path / "data")


def key_files_of(directory: Path) -> list[Path]:
    """The files of keys below a data directory."""
    return sorted((sealed_directory(directory) / "keys").glob("*.keys"))


def require_all_found(registry: Registry) -> None:
    """Every bale is found where it is, and others nowhere."""
    store = registry.bales
    first = np.flatnonzero(store.is_first[:])
    high, low = store.high[first], store.low[first]
    assert store.index.find(high, low, store.index.hashes(high, low)).tolist() == first.tolist()
    new = low + np.uint64(10**12)
    assert set(store.index.find(high, new, store.index.hashes(high, new))) == {NOT_FOUND}


def flip(at: int) -> Callable[[Path], None]:
    """Changes a bit of a byte, counted from the end where negative."""

    def change(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[at] ^= 1
        path.write_bytes(bytes(content))

    return change


def of_another_range(path: Path) -> None:
    """Puts the file of another range in its place."""
    other = next(each for each in sorted(path.parent.iterdir()) if each != path)
    path.write_bytes(other.read_bytes())


def directory(path: Path) -> None:
    """Has a directory lie there."""
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "cut in its head": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "cut in its zones": lambda path: path.write_bytes(path.read_bytes()[:140]),
    "cut in its hashes": lambda path: path.write_bytes(path.read_bytes()[:-8]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + bytes(8)),
    "of another form": flip(7),
    "of other entries": flip(20),
    "of more keys": flip(40),
    "of more zones": flip(55),
    "another zone": flip(130),
    "another hash": flip(-1),
    "of another range": of_another_range,
    "a directory": directory,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_not_the_file_of_keys_is_made_again(
    sealed: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    right = {path: path.read_bytes() for path in key_files_of(sealed)}
    assert len(right) == 4
    for path in right:
        DAMAGE[damage](path)
    with caplog.at_level(logging.WARNING):
        registry, past = recovered(sealed)
        assert past.position == registry.revision
        require_all_found(registry)
    assert "keys of sealed readings are read from these" in caplog.text
    if damage != "a directory":
        assert {path: path.read_bytes() for path in key_files_of(sealed)} == right
        caplog.clear()
        require_all_found(recovered(sealed)[0])
        assert caplog.text == ""


def test_keys_are_not_looked_for_in_readings_where_their_file_is_whole(sealed: Path) -> None:
    with patch("cotton_server.sealing.history.SealedReadings.read_keys", side_effect=OSError):
        registry, _ = recovered(sealed)
        high, low = keys_array([usda(10**6 + number, 2021) for number in range(50)])
        assert set(
            registry.bales.index.find(high, low, registry.bales.index.hashes(high, low))
        ) == {NOT_FOUND}


def test_a_disk_that_takes_no_file_costs_memory_alone(
    sealed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in key_files_of(sealed):
        path.unlink()
    full = OSError(errno.ENOSPC, "No space left on device")
    with (
        caplog.at_level(logging.WARNING),
        patch.object(KeyFile, "write", side_effect=full),
    ):
        registry, _ = recovered(sealed)
        before = registry.bales.cold_bytes
        require_all_found(registry)
        assert registry.bales.cold_bytes > before
    said = [each.__dict__.get("error", "") for each in caplog.records]
    assert any("No space left on device" in each for each in said)
    assert key_files_of(sealed) == []


def test_rows_whose_keys_cannot_be_read_stay_in_memory_until_they_can(
    sealed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Ledger(sealed)) as ledger:
        history = open_history(sealed, ledger)
        found = recover(
            ledger, history, partial(Registry, bales_max=BALES_MAX), resident_bales_max=BALES_MAX
        )
    first, *_, last = [part for part in history.parts if part.first_row < part.stop_row]
    first.key_file.path.unlink()
    files = [first.root / file.path for file in first.manifest.readings.values()]
    readings = {path: path.read_bytes() for path in files}
    for path in readings:
        path.unlink()
    found.residence.rows_max = 0
    assert found.residence.note(last)
    assert "sealed readings stay in memory: their keys cannot be read" in caplog.text
    require_all_found(found.registry)
    for path, content in readings.items():
        path.write_bytes(content)
    caplog.clear()
    assert found.residence.note(last)
    assert first.key_file.path.exists()
    assert "stay in memory" not in caplog.text
    require_all_found(found.registry)


def test_a_verification_compares_them_and_writes_none(sealed: Path) -> None:
    check = partial(verify, sealed, bales_max=BALES_MAX, resident_bales_max=0)
    first, *_, last = key_files_of(sealed)
    first.unlink()
    flip(7)(last)
    right = last.read_bytes()
    assert check(told=lambda *_: None).strays == ()
    assert not first.exists()
    assert last.read_bytes() == right
    flip(7)(last)
    flip(-1)(last)
    with pytest.raises(SealedFileError, match=rf"{last.name} is not what .* Remove it"):
        check(told=lambda *_: None)
    last.unlink()
    (last.parent / "0000000091-0000000099.keys").write_bytes(b"left behind")
    assert check(told=lambda *_: None).strays == ("keys/0000000091-0000000099.keys",)


def test_what_a_killed_seal_left_of_them_is_swept_away(sealed: Path) -> None:
    left = key_files_of(sealed)[0].with_name("0000000091-0000000099.keys")
    left.write_bytes(b"left behind")
    asyncio.run(_write(sealed, 4, 5))
    seal(sealed)
    assert not left.exists()
    assert len(key_files_of(sealed)) > 4


def test_a_build_that_believes_a_damaged_file_takes_a_bale_twice(sealed: Path) -> None:
    """What comparing digests is there for."""
    for path in key_files_of(sealed):
        content = path.read_bytes()
        path.write_bytes(content[:-160] + bytes(160))

    class Believing:
        """A digest that is always right."""

        def __init__(self, head: bytes) -> None:
            self._head = head

        def digest(self) -> bytes:
            """What the file says."""
            return self._head

    heads = {
        path: key_files._HEAD.unpack(path.read_bytes()[:96])[5] for path in key_files_of(sealed)
    }

    def believed(file: object, _name: str) -> Believing:
        file.seek(0, os.SEEK_END)  # type: ignore[attr-defined]  # an open file
        return Believing(heads[Path(file.name)])  # type: ignore[attr-defined]  # the same

    with patch.object(key_files, "file_digest", believed), pytest.raises(AssertionError):
        require_all_found(recovered(sealed)[0])


def test_a_file_says_of_which_entries_and_how_many_keys_it_is(tmp_path: Path) -> None:
    high, low = keys_array([usda(number) for number in range(1000)])
    file = KeyFile(tmp_path, 1, 9, DIGEST, 1000)
    known = KnownKeys(KeyZones.of(high, low), KeyFilter.of(high, low))
    file.write(known, top=tmp_path)
    found = file.filter()
    assert found.hashes.tolist() == known.filter.hashes.tolist()
    assert found.words.tolist() == known.filter.words.tolist()
    assert found.size_bytes == 0
    assert file.zones().firsts.tolist() == known.zones.firsts.tolist()
    for other in (KeyFile(tmp_path, 1, 9, bytes(32), 1000), KeyFile(tmp_path, 1, 9, DIGEST, 999)):
        for read in (other.zones, other.filter):
            with pytest.raises(KeyFileError, match="of other entries"):
                read()
    with patch.object(key_files, "FORM", b"hvikeys0"):
        file.write(known, top=tmp_path)
    for read in (file.zones, file.filter):
        with pytest.raises(KeyFileError, match="of another form"):
            read()
    file.write(known, top=tmp_path)
    file.path.write_bytes(file.path.read_bytes()[:-8])
    for read in (file.zones, file.filter):
        with pytest.raises(KeyFileError, match="is cut"):
            read()
    with pytest.raises(KeyFileError, match="cannot be read"):
        KeyFile(tmp_path, 2, 9, DIGEST, 1000).filter()


def test_the_bytes_of_a_form_are_these() -> None:
    """Where this fails, stored files would be misread: FORM has to change with the digest below.

    Codes of 5000 seconds, of which more than ZONES_MAX lie apart by equal gaps, and USDA bales.
    """
    high, low = keys_array(
        [
            *(code(number, day=240900 + number % 7, second=20 * number) for number in range(5000)),
            *(usda(3 * number, 2021 + number % 2) for number in range(100)),
            (2**64 - 1, 2**64 - 1),
        ]
    )
    known = KnownKeys.of(high, low, np.ones(len(high), np.bool_))
    assert len(known.zones.firsts) == ZONES_MAX
    content = known.content(DIGEST)
    assert content[:8] == FORM == b"hvikeys2"
    assert sha256(content).hexdigest() == (
        "e0c8a307b161a224832294a23ba5c119676abdb4d4f081bcdd2c54cd3863415c"
    )


def test_nothing_is_a_range_without_keys(tmp_path: Path) -> None:
    none = keys_array([])
    file = KeyFile(tmp_path, 1, 9, DIGEST, 0)
    file.write(KnownKeys.of(*none, np.zeros(0, np.bool_)), top=tmp_path)
    assert len(file.filter().hashes) == len(file.zones().firsts) == 0


def test_files_are_mapped_without_being_open_and_let_go_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 100)

    def maps() -> int:
        return Path("/proc/self/maps").read_text("ascii").count(str(path))

    opened = len([*Path("/proc/self/fd").iterdir()])
    with path.open("rb") as file:
        arrays = [mapped(file.fileno(), 25_600)[8:] for _ in range(20)]
        with pytest.raises(OSError, match="Invalid argument"):
            mapped(file.fileno(), 0)
    assert len([*Path("/proc/self/fd").iterdir()]) == opened
    assert maps() > 0
    path.unlink()
    assert all(array[0] == 8 and not array.flags.writeable for array in arrays)
    del arrays
    gc.collect()
    assert maps() == 0


def test_ranges_that_are_only_looked_at_keep_no_keys(sealed: Path) -> None:
    for path in key_files_of(sealed):
        path.unlink()
    with closing(LedgerReader(sealed)) as ledger:
        part = open_part(sealed_directory(sealed), ledger.seals()[0])
    assert len(part.filter().hashes) == part.bales
    assert len(part.zones().firsts) > 0
    assert key_files_of(sealed) == []
