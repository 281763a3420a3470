"""A server that seals its ledger answers as one that does not, then and after a start."""

from __future__ import annotations

import random
import re
import shutil
import signal
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pytest
from apsw import Connection
from cotton.inspection.v1 import common_pb2, readings_pb2, summary_pb2
from cotton_server.ledger.opening import FILE_NAME

from tests.support.bales import Bale, bale, usda_bale
from tests.support.calls import CALL_S_MAX, Calls, stream

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import Server, Servers

LOTS: Final = [f"65140{year}1{number:03d}" for year in ("16", "23") for number in range(1, 5)]
BATCHES: Final = 24
SEAL_S_MAX: Final = 60

KEYS: Final = summary_pb2.SummaryKey.values()[1::2]
_CLOCK: Final = re.compile(r"^ *(\w+_at_us|as_of_s|age_s): \d+\n", re.MULTILINE)


def reading(draw: random.Random, number: int, lot_no: str) -> Bale:
    """A bale of a lot with values of its own."""
    made = bale(
        number,
        lot_no,
        length=draw.randint(2500, 3200),
        micronaire=draw.randint(340, 520),
        strength=draw.randint(2500, 3200),
        colour_grade=draw.choice([11, 21, 31, 41]),
    )
    return replace(
        made, laboratory=draw.choice(["L1", "L2"]), inspected_at_s=1_700_000_000 + number * 60
    )


def story() -> list[list[Bale]]:
    """Batches, the same always: new bales of two seasons, repeats, others that differ, USDA."""
    draw = random.Random(11)  # noqa: S311 - reproducible readings
    batches: list[list[Bale]] = []
    known: list[Bale] = []
    for place in range(BATCHES):
        new = [reading(draw, 100 * place + row, draw.choice(LOTS)) for row in range(20)]
        again = draw.sample(known, min(len(known), 3))
        differing = [each.but(length=2999) for each in draw.sample(known, min(len(known), 2))]
        batches.append([*new, *again, *differing, usda_bale(place)])
        known += new
    return batches


def tell(calls: Calls) -> None:
    """The whole story, with records of lots, corrections and re-tests in between."""
    for lot_no in LOTS[:6]:
        calls.register(f"r-{lot_no}", lot_no, division=lot_no[-1], region="兵团")
    batches = story()
    with stream(calls.channel) as readings:
        for sequence, each in enumerate(batches, 1):
            readings.append(each, sequence)
    for lot_no in LOTS[1:]:
        calls.weigh(f"w-{lot_no}", lot_no)
    amend(calls, batches[2][0], "early")


def amend(calls: Calls, old: Bale, name: str) -> None:
    """An old bale is read again (also otherwise), corrected and re-tested."""
    found = calls.bale(old)
    repeated = calls.submit([old, old.but(strength=2111)], f"again-{name}").outcome
    assert (repeated.existing, repeated.conflicting) == (1, 1)
    since = found.stored_at_revision
    corrected = calls.submit([old.but(length=3333).correcting(since)], f"corrected-{name}")
    assert corrected.outcome.corrected == 1
    review = replace(old.but(strength=2888), kind=readings_pb2.READING_KIND_REVIEW)
    assert calls.submit([review], f"review-{name}").outcome.retested == 1


def answers(calls: Calls, revision: int = 0) -> list[str]:
    """What a server says of everything at a revision, to the letter."""
    told: list[Any] = [calls.summarise(key, revision=revision) for key in KEYS]
    for lot_no in LOTS:
        try:
            told.append(calls.certificate(lot_no, revision))
        except Exception as error:  # noqa: BLE001 - an error is an answer too
            told.append(common_pb2.Amendment(note=type(error).__name__))
    causes = summary_pb2.BaleCause.values()[1:]
    told += calls.summary.ListBales(
        summary_pb2.ListBalesRequest(causes=causes, revision=revision), timeout=CALL_S_MAX
    )
    for batch in story()[::5]:
        for each in batch[::7]:
            try:
                told.append(calls.bale(each, revision))
            except Exception as error:  # noqa: BLE001 - an error is an answer too
                told.append(common_pb2.Amendment(note=type(error).__name__))
    # When something arrived, and the time now, are by the clock.
    return [_CLOCK.sub("", str(each)) for each in told]


def sealed_up_to(server: Server, revision: int) -> None:
    """Waits until that much is sealed, its state kept, and its payloads freed."""
    until = time.monotonic() + SEAL_S_MAX
    while True:
        now = server.metrics()
        if now["cotton_sealed_position",] >= revision and not now["cotton_sealing",]:
            return
        assert time.monotonic() < until, "".join(server.log)
        time.sleep(0.1)


def files(directory: Path) -> list[Path]:
    """The sealed readings below a data directory."""
    return sorted((directory / "sealed" / "readings").glob("season=*/*.parquet"))


@pytest.fixture
def told_whole(servers: Servers) -> tuple[Server, int]:
    """A server that was told the story and has sealed all of it, and its revision."""
    server = servers.start(seal_bales=100, seal_after_s=1)
    with server.channel() as channel:
        tell(Calls(channel))
        revision = int(server.metrics()["cotton_durable_revision",])
    sealed_up_to(server, revision)
    return server, revision


def test_what_is_sealed_is_answered_as_before(
    servers: Servers, told_whole: tuple[Server, int]
) -> None:
    server, revision = told_whole
    middle = revision // 2
    with server.channel() as channel:
        calls = Calls(channel)
        latest, then = answers(calls), answers(calls, middle)
    assert server.end() == 0
    # A server without any of the sealed files but the raw entries.
    plain = servers.data_dir.parent / "plain"
    shutil.copytree(servers.data_dir, plain)
    shutil.rmtree(plain / "sealed" / "state")
    for flags in (
        {"resident_bales_max": 0},
        {"resident_bales_max": 150, "cold_bytes_max": 1 << 20},
        {"data_dir": str(plain), "seal_bales": 0},
    ):
        again = servers.start(**flags)
        restored = again.events["replayed"]["from_sealed"]
        assert restored == (0 if "data_dir" in flags else revision), "".join(again.log)
        with again.channel() as channel:
            calls = Calls(channel)
            assert answers(calls) == latest
            assert answers(calls, middle) == then
        assert again.end() == 0


def test_what_comes_after_meets_what_is_sealed(
    servers: Servers, told_whole: tuple[Server, int]
) -> None:
    server, revision = told_whole
    assert server.end() == 0
    plain = servers.data_dir.parent / "plain"
    shutil.copytree(servers.data_dir, plain)
    shutil.rmtree(plain / "sealed" / "state")
    old = story()[5][3]
    found = []
    for flags in (
        {"resident_bales_max": 0, "seal_bales": 0},
        {"resident_bales_max": 1000, "seal_bales": 0},
        {"data_dir": str(plain), "seal_bales": 0},
    ):
        again = servers.start(**flags)
        with again.channel() as channel:
            calls = Calls(channel)
            if flags.get("resident_bales_max") != 1000:
                amend(calls, old, "late")
                calls.submit(story()[7], "whole-batch-again")
                calls.weigh("heavier", LOTS[2], gross=4_300_000)
            found.append([*answers(calls), *answers(calls, revision)])
        assert again.end() == 0
    assert found[0] == found[1] == found[2]


def test_payloads_lie_in_files_and_a_repeat_has_its_first_answer(
    told_whole: tuple[Server, int], servers: Servers
) -> None:
    server, _ = told_whole
    batches = story()
    with server.channel() as channel, stream(channel) as readings:
        result = readings.append(batches[0], 1)
        assert result.repeated_batch
        assert result.outcome.created == len(batches[0])
    assert server.end() == 0
    with closing(Connection(str(servers.data_dir / FILE_NAME))) as ledger:
        assert ledger.execute("SELECT sum(length(payload)) FROM entry").get == 0
    entries = pl.read_parquet(servers.data_dir / "sealed" / "entries" / "*.parquet")
    assert entries["position"].to_list() == list(range(1, entries.height + 1))
    assert {path.parent.name for path in files(servers.data_dir)} >= {"season=2016", "season=2023"}


def test_anybody_can_read_what_is_sealed(told_whole: tuple[Server, int], servers: Servers) -> None:
    server, _ = told_whole
    with server.channel() as channel:
        rows = Calls(channel).summarise(summary_pb2.SUMMARY_KEY_LOT).rows
    assert server.end() == 0
    counted = {row.keys[0].value: row.bales for row in rows if row.bales}
    frame = pl.concat([pl.read_parquet(path) for path in files(servers.data_dir)])
    # A correction is sealed after what it corrects, whose range says what held by then.
    latest = frame.sort("row").group_by("baled_at", "bale_number", "bale_opaque").last()
    assert set(latest["lot_no"]) == set(counted)
    code = pl.format(
        "{}{}{}{}",
        *(
            pl.col(name).cast(pl.String).str.zfill(digits)
            for name, digits in (
                ("bale_prefix", 7),
                ("baled_at", 12),
                ("bale_opaque", 7),
                ("bale_number", 6),
            )
        ),
    )
    codes = set(frame.select(code)[:, 0])
    assert {each.code for batch in story() for each in batch if not each.crop_year} <= codes


def test_damage_is_found_and_what_is_derived_is_done_without(
    told_whole: tuple[Server, int], servers: Servers
) -> None:
    server, revision = told_whole
    with server.channel() as channel:
        latest = answers(Calls(channel))
    assert server.end() == 0
    state = servers.data_dir / "sealed" / "state"
    (lots,) = state.glob("*/registry/lots*.parquet")
    content = bytearray(lots.read_bytes())
    content[len(content) // 2] ^= 1
    lots.write_bytes(bytes(content))
    again = servers.start(seal_bales=0)
    assert any("a sealed state is not used" in line for line in again.log)
    assert again.events["replayed"]["from_sealed"] == 0
    assert again.events["replayed"]["revision"] == revision
    with again.channel() as channel:
        assert answers(Calls(channel)) == latest
    assert again.end() == 0


@pytest.mark.parametrize("damage", ["gone", "another byte", "cut"])
def test_a_repeat_is_known_whatever_became_of_the_files_of_keys(
    told_whole: tuple[Server, int], servers: Servers, damage: str
) -> None:
    """And they are made again."""
    server, _ = told_whole
    assert server.end() == 0
    right = {}
    for path in sorted((servers.data_dir / "sealed" / "keys").iterdir()):
        content = right[path] = path.read_bytes()
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(content[:-8] + (b"" if damage == "cut" else bytes(8)))
    assert right
    again = servers.start(resident_bales_max=0, seal_bales=0)
    with again.channel() as channel:
        calls = Calls(channel)
        for number, batch in enumerate(story()):
            outcome = calls.submit(batch, f"again-{number}").outcome
            assert outcome.created == 0
            assert outcome.existing > len(batch) // 2
    assert again.end() == 0
    assert {path: path.read_bytes() for path in right} == right


def told(server: Server, event: str) -> None:
    """Waits until the server has told something in its log."""
    until = time.monotonic() + SEAL_S_MAX
    while event not in server.events:
        assert time.monotonic() < until, "".join(server.log)
        time.sleep(0.1)


def test_damaged_readings_are_written_again_and_the_next_start_is_from_the_state(
    servers: Servers, told_whole: tuple[Server, int]
) -> None:
    server, revision = told_whole
    with server.channel() as channel:
        latest = answers(Calls(channel))
    assert server.end() == 0
    path = files(servers.data_dir)[-1]
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    lost = min((servers.data_dir / "sealed" / "manifests").iterdir())
    lost.unlink()
    again = servers.start(seal_bales=100)
    assert again.events["replayed"]["from_sealed"] == 0
    with again.channel() as channel:
        assert answers(Calls(channel)) == latest
        # Nothing new came in: it is put right all the same, and at once.
        told(again, "sealed")
        assert "sealed readings were written again" in again.events
        assert answers(Calls(channel)) == latest
    assert again.end() == 0
    assert path.read_bytes() == whole
    assert lost.exists()
    healed = servers.start(seal_bales=0)
    assert healed.events["replayed"]["from_sealed"] == revision
    with healed.channel() as channel:
        assert answers(Calls(channel)) == latest
    assert healed.end() == 0


def test_servers_that_are_killed_while_they_seal_leave_nothing_that_counts_twice(
    servers: Servers,
) -> None:
    server = servers.start(seal_bales=0)
    with server.channel() as channel:
        tell(Calls(channel))
    assert server.end() == 0
    for more_s in (0.9, 1.4, 2.0):
        server = servers.start(seal_bales=60, seal_after_s=1)
        until = time.monotonic() + SEAL_S_MAX
        while not server.metrics()["cotton_sealing",] and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(more_s)
        server.end(signal.SIGKILL)
    # The process that sealed for the server that was killed last may still be there.
    server = servers.start(seal_bales=60, seal_after_s=1)
    with server.channel() as channel:
        Calls(channel).submit([bale(9_000_001)], "after")
    revision = int(server.metrics()["cotton_durable_revision",])
    sealed_up_to(server, revision)
    assert server.end() == 0
    rows = pl.concat([pl.read_parquet(path) for path in files(servers.data_dir)])["row"]
    assert rows.sort().to_list() == list(range(len(rows)))
    entries = pl.read_parquet(servers.data_dir / "sealed" / "entries" / "*.parquet")["position"]
    assert entries.sort().to_list() == list(range(1, revision + 1))
