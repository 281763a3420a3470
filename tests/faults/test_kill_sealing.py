"""Kill -9 while the ledger is sealed: nothing is lost, nothing is there twice, all files fit."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING, Final

from cotton_server.sealing.verify import verify

from tests.support.bales import Bale, bale
from tests.support.calls import Calls, stream

if TYPE_CHECKING:
    from tests.support.server import Servers

ROUNDS: Final = 5
BATCHES_A_ROUND: Final = 30
BALES_A_BATCH: Final = 40


def batch(number: int) -> list[Bale]:
    """Bales that no other batch has."""
    first = number * BALES_A_BATCH
    return [bale(first + place) for place in range(BALES_A_BATCH)]


def test_a_server_killed_while_it_seals_loses_nothing(servers: Servers) -> None:
    draw = random.Random(3)  # noqa: S311 - instants, any will do
    stored = sealed = 0
    for _ in range(ROUNDS):
        server = servers.start(seal_bales=200, resident_bales_max=500)
        assert server.events["replayed"]["bales"] == stored * BALES_A_BATCH
        with server.channel() as channel, stream(channel) as readings:
            for place in range(BATCHES_A_ROUND):
                outcome = readings.append(batch(stored + place), stored + place + 1).outcome
                assert outcome.created == BALES_A_BATCH
            again = Calls(channel).submit(batch(0), f"again-{stored}").outcome
            assert again.existing == BALES_A_BATCH
        stored += BATCHES_A_ROUND
        # Sealing takes some seconds: it is killed before, while, or after it.
        time.sleep(draw.uniform(0.5, 5.0))
        sealed = int(server.metrics()["cotton_sealed_position",])
        assert server.end(signal.SIGKILL) != 0
    assert sealed, "no round came as far as a seal"
    time.sleep(1.0)  # who seals ends with its server
    found = verify(
        servers.data_dir, bales_max=100_000, resident_bales_max=500, told=lambda *_: None
    )
    assert found.bales == stored * BALES_A_BATCH
    assert found.sealed_entries >= sealed
    last = servers.start(resident_bales_max=0)
    assert last.events["replayed"]["from_sealed"] > 0
    with last.channel() as channel:
        for number in range(0, stored, 7):
            again = Calls(channel).submit(batch(number), f"at-last-{number}").outcome
            assert again.existing == BALES_A_BATCH
    assert last.end() == 0
