"""Repeats of what is sealed get their first answer; the payload is read only if bytes differ."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cotton_server.errors import Reason, ServiceError
from cotton_server.ledger import Ledger, evidence_path
from cotton_server.sealing.history import History

from tests.support.bales import bale
from tests.support.committing import answer, committing
from tests.support.seals import free_all, seal

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.intake.committer import Stored

ONE, TWO = [bale(1), bale(2)], [bale(3), bale(2, length=2999)]


async def fill_and_seal(directory: Path, identity: int | str) -> Stored:
    """Stores two batches, and seals and frees them; the answer to the second."""
    async with committing(directory) as running:
        await running.stored(1, ONE)
        first = await running.stored(identity, TWO)
    ledger = Ledger(directory)
    seal(ledger, directory, 2)
    assert free_all(ledger) == 2
    ledger.close()
    return replace(first, repeated=True)


@pytest.fixture(autouse=True)
def replayed_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seals of these tests have payloads alone, nothing to start from."""
    monkeypatch.setattr(
        "tests.support.committing.open_history",
        lambda directory, _ledger: History(directory, (), None),
    )


@pytest.mark.parametrize("identity", [2, "a-file:7"])
async def test_a_repeat_of_what_is_sealed_gets_its_first_answer(
    tmp_path: Path, identity: int | str
) -> None:
    expected = await fill_and_seal(tmp_path, identity)
    async with committing(tmp_path) as running:
        assert await answer(await running.send(identity, TWO)) == expected
        assert await answer(await running.send(identity, TWO, shape="rows")) == expected
        with pytest.raises(ServiceError) as caught:
            await answer(await running.send(identity, ONE))
        assert caught.value.reason is Reason.BATCH_REUSED
        assert running.ledger.position == 2


async def test_the_same_bytes_are_known_without_their_payload(tmp_path: Path) -> None:
    """Other bytes cannot be compared where the file is gone: told so, and everybody goes on."""
    expected = await fill_and_seal(tmp_path, 2)
    async with committing(tmp_path) as running:
        evidence_path(tmp_path, 1, 2).unlink()
        running.ledger._reading._evidence.forget(running.ledger.seals()[0])
        assert await answer(await running.send(2, TWO)) == expected
        with pytest.raises(ServiceError) as caught:
            await answer(await running.send(2, TWO, shape="rows"))
        assert caught.value.reason is Reason.STORAGE_DAMAGED
        assert (await running.stored(3, ONE)).revision == 3
        assert not running.failures
