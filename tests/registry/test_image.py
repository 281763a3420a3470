"""A registry that began with an image is, in all that can be asked, the one that was written."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from cotton_server.registry.image import (
    ImageDamagedError,
    ImageFormatError,
    load_image,
    move_image,
    write_image,
)
from cotton_server.registry.image import lots as image_lots
from cotton_server.registry.image.lot_groups import Group, write_group
from cotton_server.registry.registry import Registry
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.bales import LOT, bale
from tests.support.chronicles import Author, fresh_reader
from tests.support.deciding import Deciding
from tests.support.histories import History, lot_of
from tests.support.recorded import apply_to, random_history
from tests.support.registry_dump import dumped, with_rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cotton_server.registry.lots import LotBook, LotEntry

    from tests.support.recorded import Taken

STEPS = 50
BALES_MAX = 1000


@pytest.fixture(autouse=True, scope="module")
def _small_groups() -> Iterable[None]:
    """A group has three lots, and two groups stay read: some histories have ten lots."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_lots, "GROUP", 3)
        patch.setattr(image_lots, "GROUPS_KEPT", 2)
        yield


def registry_of(taken: Iterable[Taken]) -> Registry:
    """The registry of a history."""
    registry = Registry(bales_max=BALES_MAX)
    apply_to(registry, taken)
    return registry


def written(registry: Registry, directory: Path) -> Path:
    """An image of a registry."""
    write_image(registry, directory)
    return directory


def loaded(directory: Path, rows_of: Registry) -> Registry:
    """A registry that begins with an image, and with the rows of another."""
    registry = with_rows_of(rows_of, Registry(bales_max=BALES_MAX))
    load_image(directory, registry)
    return registry


def files(directory: Path) -> dict[str, bytes]:
    """The content of all files below a directory."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, STEPS), st.integers(0, STEPS))
def test_a_start_from_an_image_is_one_from_the_beginning(seed: int, cut: int, again: int) -> None:
    """An image, what came after it, another image of that, and the rest, at any places."""
    taken = random_history(seed, STEPS)
    first, second = sorted((cut, again))
    whole = registry_of(taken)
    with TemporaryDirectory() as temporary:
        home = Path(temporary)
        begun = registry_of(taken[:first])
        image = written(begun, home / "1")
        assert dumped(loaded(image, begun)) == dumped(begun)
        going_on = loaded(image, begun)
        apply_to(going_on, taken[first:second])
        image = written(going_on, home / "2")
        resumed = loaded(image, going_on)
        # Whoever was there all the time leaves on disk what was not touched lately.
        move_image(going_on, image, rest_until=(first + second) // 2)
        for registry in (resumed, going_on):
            apply_to(registry, taken[second:])
            assert dumped(registry) == dumped(whole)


@pytest.mark.parametrize("seed", range(4))
def test_the_same_registry_gives_the_same_bytes(seed: int, tmp_path: Path) -> None:
    """Whether it was replayed, or began with an image, and whatever of that was asked for."""
    taken = random_history(seed, STEPS)
    cut = len(taken) // 2
    begun = registry_of(taken[:cut])
    image = written(begun, tmp_path / "1")
    expected = files(image)
    assert files(written(loaded(image, begun), tmp_path / "2")) == expected
    asked = loaded(image, begun)
    dumped(asked)
    assert files(written(asked, tmp_path / "3")) == expected
    going_on = loaded(image, begun)
    apply_to(going_on, taken[cut:])
    assert files(written(going_on, tmp_path / "4")) == files(
        written(registry_of(taken), tmp_path / "5")
    )


@pytest.mark.parametrize("seed", range(3))
def test_summaries_are_those_of_the_registry_that_was_written(seed: int, tmp_path: Path) -> None:
    taken = random_history(seed, STEPS)
    author = Author(seed)
    questions = [author.question() for _ in range(10)]
    history, other = History(), History()
    history.registry = registry_of(taken)
    other.registry = loaded(written(history.registry, tmp_path / "1"), history.registry)
    for each in (history, other):
        each.received_at_s = [0, *(one.received_at_us // 1_000_000 for one in taken)]
    readers = fresh_reader(history), fresh_reader(other)
    for question in questions:
        one, another = (reader.summarise(question) for reader in readers)
        assert one == another


def test_no_lot_is_read_before_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = random_history(7, STEPS)
    begun = registry_of(taken)
    registry = loaded(written(begun, tmp_path / "1"), begun)
    lots = registry.lots
    read: list[int] = []

    def reading(path: Path, first: int, count: int) -> Group:
        read.append(first)
        return Group(path, first, count)

    monkeypatch.setattr(image_lots, "Group", reading)
    names, seasons = lots.lot_nos(), lots.seasons()
    assert len(lots) == len(names) > 6
    assert lots.changed_since(0) == begun.lots.changed_since(0)
    assert lots.changed_since(registry.revision - 5) == begun.lots.changed_since(
        registry.revision - 5
    )
    for number, (name, season) in enumerate(zip(names, seasons, strict=True)):
        assert (lots.lot_no(number), lots.number_of(name, season)) == (name, number)
        assert lots.enter(name, season) == number
        assert lots.is_registered(number) == bool(begun.lots[number].registrations)
    assert lots.number_of(LOT[:-1] + "9", 2016) is None
    assert read == []
    assert lots[4] == begun.lots[4]
    assert lots[3] == begun.lots[3]
    assert lots[4] is lots[4]
    assert read == [3]


def test_groups_that_nothing_touched_are_copied_and_others_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = Deciding()
    lots = [f"65140161{number:03d}" for number in range(8)]
    for lot_no in lots:
        decided.take([bale(int(lot_no[-3:]), lot_no)])
    registry = loaded(written(decided.registry, tmp_path / "1"), decided.registry)
    decided.registry = registry
    decided.take([bale(99, lots[4])])
    encoded: list[list[int]] = []

    def writing(path: Path, some: list[LotEntry]) -> None:
        encoded.append([lot.number for lot in some])
        write_group(path, some)

    monkeypatch.setattr(image_lots, "write_group", writing)
    written(registry, tmp_path / "2")
    assert encoded == [[3, 4, 5]]
    decided.take([bale(100, "65140161999")])
    written(registry, tmp_path / "3")
    assert encoded[1:] == [[3, 4, 5], [6, 7, 8]]


@pytest.mark.parametrize("rest_until", [0, 20, 1000])
def test_a_later_image_takes_the_place_of_one_that_is_removed(
    tmp_path: Path, rest_until: int
) -> None:
    taken = random_history(3, STEPS)
    begun = registry_of(taken)
    registry = loaded(written(registry_of(taken[:30]), tmp_path / "1"), registry_of(taken[:30]))
    apply_to(registry, taken[30:])
    asked = list(registry.lots)
    move_image(registry, written(begun, tmp_path / "2"), rest_until=rest_until)
    rmtree(tmp_path / "1")
    stayed = [registry.lots[lot.number] is lot for lot in asked]
    assert stayed == [lot.changed_at > rest_until for lot in asked]
    assert dumped(registry) == dumped(begun)


def test_a_registry_that_was_replayed_leaves_its_lots_on_disk_too(tmp_path: Path) -> None:
    taken = random_history(3, STEPS)
    registry, whole = registry_of(taken[:40]), registry_of(taken)
    move_image(registry, written(registry, tmp_path / "1"), rest_until=40)
    apply_to(registry, taken[40:])
    assert dumped(registry) == dumped(whole)


def test_lots_are_not_moved_to_an_image_of_fewer(tmp_path: Path) -> None:
    taken = random_history(3, STEPS)
    begun, other = registry_of(taken), registry_of(taken[:1])
    registry = loaded(written(begun, tmp_path / "1"), begun)
    with pytest.raises(AssertionError, match="a later image"):
        move_image(registry, written(other, tmp_path / "2"))


def test_several_threads_that_ask_for_a_lot_get_the_same_one(tmp_path: Path) -> None:
    decided = Deciding()
    for number in range(12):
        decided.take([bale(number, f"65140161{number:03d}")])
    registry = loaded(written(decided.registry, tmp_path / "1"), decided.registry)
    with ThreadPoolExecutor(8) as threads:
        asked = list(threads.map(lambda place: registry.lots[place % 12], range(960)))
    assert all(lot is registry.lots[place % 12] for place, lot in enumerate(asked))


def test_nothing_is_lost_of_lots_that_are_left_on_disk_while_they_are_asked_for_and_changed(
    tmp_path: Path,
) -> None:
    """One thread changes lots, one writes images and lets lots go, others ask all the time."""
    decided, whole = Deciding(), Deciding()
    lots = [f"65140161{number:03d}" for number in range(12)]
    batches = [[bale(number, lots[number * 7 % 12])] for number in range(150)]
    ended = threading.Event()

    def ask(first: int) -> int:
        asked = 0
        while not ended.is_set():
            book = decided.registry.lots
            for number in range(len(book)):
                changed_at = book.changed_at()
                lot = book[(number + first) % len(book)]
                if lot.number < len(changed_at):
                    # It may be ahead of what was seen before, and is never behind.
                    assert lot.changed_at >= changed_at[lot.number]
                    asked += 1
            ended.wait(0.001)
        return asked

    def leave_on_disk() -> int:
        moved = 0
        while not ended.is_set():
            registry, directory = decided.registry, tmp_path / str(moved)
            with registry.lock:
                write_image(registry, directory)
                revision = registry.revision
            move_image(registry, directory, rest_until=revision)
            moved += 1
            ended.wait(0.001)
        return moved

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask, first) for first in (0, 5)]
        moving = threads.submit(leave_on_disk)
        try:
            for each in batches:
                decided.take(each)
        finally:
            ended.set()
        assert all(each.result() for each in (*asking, moving))
    for each in batches:
        whole.take(each)
    assert dumped(decided.registry) == dumped(whole.registry)


def test_a_lot_that_was_changed_and_left_on_disk_again_while_it_was_read_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = Deciding()
    decided.take([bale(1)])
    registry = decided.registry
    move_image(registry, written(registry, tmp_path / "1"), rest_until=1)
    read_entry = image_lots.LotsOnDisk.entry

    def slowly(kept: image_lots.LotsOnDisk, number: int) -> LotEntry:
        read = read_entry(kept, number)
        monkeypatch.setattr(image_lots.LotsOnDisk, "entry", read_entry)
        decided.take([bale(2)])
        move_image(registry, written(registry, tmp_path / "2"), rest_until=2)
        return read

    monkeypatch.setattr(image_lots.LotsOnDisk, "entry", slowly)
    assert (registry.lots[0].changed_at, registry.lots[0].bales) == (2, 2)


READERS: dict[str, Callable[[LotBook, int], LotEntry]] = {
    "looks at it": lambda book, number: book.looked_at(number),
    "has it made": lambda book, number: book[number],
}


@pytest.mark.parametrize("moves", [1, 3])
@pytest.mark.parametrize("reader", READERS)
def test_who_has_begun_to_read_a_lot_gets_it_when_its_image_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str, moves: int
) -> None:
    """It knows which image to ask, and has not opened the file: the image is removed by then."""
    taken = random_history(3, STEPS)
    begun, whole = registry_of(taken[:30]), registry_of(taken)
    image = written(begun, tmp_path / "0")
    read_entry = image_lots.LotsOnDisk.entry

    def late(kept: image_lots.LotsOnDisk, number: int) -> LotEntry:
        monkeypatch.setattr(image_lots.LotsOnDisk, "entry", read_entry)
        for move in range(1, moves + 1):
            move_image(registry, written(whole, tmp_path / f"{move}"), rest_until=STEPS)
            rmtree(tmp_path / f"{move - 1}")
        return read_entry(kept, number)

    registry = loaded(image, begun)
    apply_to(registry, taken[30:])
    number = registry.lots._lots.index(None)
    monkeypatch.setattr(image_lots.LotsOnDisk, "entry", late)
    assert READERS[reader](registry.lots, number) == whole.lots[number]
    assert image_lots.LotsOnDisk.entry is read_entry
    assert dumped(registry) == dumped(whole)


def test_an_image_is_not_left_while_a_group_of_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = random_history(3, STEPS)
    begun = registry_of(taken)
    registry = loaded(written(begun, tmp_path / "1"), begun)
    later = written(begun, tmp_path / "2")
    reads, goes_on = threading.Event(), threading.Event()

    def slow(path: Path, first: int, count: int) -> Group:
        reads.set()
        assert goes_on.wait(20)
        return Group(path, first, count)

    def leave() -> None:
        move_image(registry, later)
        rmtree(tmp_path / "1")

    monkeypatch.setattr(image_lots, "Group", slow)
    with ThreadPoolExecutor(2) as threads:
        read = threads.submit(registry.lots.looked_at, 0)
        assert reads.wait(20)
        left = threads.submit(leave)
        with pytest.raises(TimeoutError):
            left.result(timeout=0.3)
        # Who changes lots does not wait.
        assert registry.lock.acquire(timeout=5)
        registry.lock.release()
        goes_on.set()
        assert read.result() == begun.lots[0]
        left.result()


def test_an_image_of_another_version_is_not_loaded(tmp_path: Path) -> None:
    registry = registry_of(random_history(1, 5))
    image = written(registry, tmp_path / "1")
    head = image / "head.json"
    head.write_text(json.dumps({**json.loads(head.read_text()), "format": 999}))
    with pytest.raises(ImageFormatError, match=r"has format 999.*Move it away"):
        loaded(image, registry)


@pytest.mark.parametrize(
    "name",
    ["head.json", "lots.parquet", "lots/000000.parquet", "courses.parquet", "changes.parquet"],
)
def test_a_file_that_is_not_what_was_written_is_named(name: str, tmp_path: Path) -> None:
    registry = registry_of(random_history(2, 30))
    image = written(registry, tmp_path / "1")
    whole = (image / name).read_bytes()
    for content in (whole[: len(whole) // 2], b"", None):
        if content is None:
            (image / name).unlink()
        else:
            (image / name).write_bytes(content)
        with pytest.raises(ImageDamagedError, match=name):
            list(loaded(image, registry).lots)


def test_a_file_of_another_image_is_found(tmp_path: Path) -> None:
    """Its rows are not as many as the head says."""
    taken = random_history(2, 30)
    registry, other = registry_of(taken), registry_of(taken[:10])
    image, another = written(registry, tmp_path / "1"), written(other, tmp_path / "2")
    for name in ("received", "changes", "lots", "courses"):
        content = (image / f"{name}.parquet").read_bytes()
        changed = (another / f"{name}.parquet").read_bytes()
        assert changed != content
        (image / f"{name}.parquet").write_bytes(changed)
        with pytest.raises(ImageDamagedError):
            loaded(image, registry)
        (image / f"{name}.parquet").write_bytes(content)


def test_the_rows_of_the_store_must_be_those_of_the_image(tmp_path: Path) -> None:
    registry = registry_of(random_history(2, 30))
    image = written(registry, tmp_path / "1")
    with pytest.raises(ImageDamagedError, match=r"head\.json is of \d+ readings, but 0 are sealed"):
        load_image(image, Registry(bales_max=BALES_MAX))


def test_an_image_is_not_written_within_a_position(tmp_path: Path) -> None:
    decided = Deciding()
    decided.take([bale(1)])
    moment = decided.registry.lots[0].course.first
    assert moment is not None
    decided.registry.register(lot_of(), moment)
    with pytest.raises(AssertionError, match="between two positions"):
        write_image(decided.registry, tmp_path / "1")
