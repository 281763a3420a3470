"""A process that appends, seals, frees and gives back, and kills itself at a step it is told."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cotton_server.ledger import Ledger
from cotton_server.ledger import evidence as evidence_module
from cotton_server.ledger import freeing as freeing_module
from cotton_server.ledger import ledger as ledger_module

from tests.support.entries import entry
from tests.support.seals import free_all, seal_of, write_evidence_of

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS: Final = (
    "evidence is half written",
    "evidence is written",
    "seal is in no transaction yet that is committed",
    "seal is catalogued",
    "payloads are freed in a transaction that is not committed",
    "some payloads are freed",
    "all payloads are freed",
    "pages are given back in a transaction that is not committed",
    "pages are given back",
    "log is folded",
)
BEFORE: Final = 24
AFTER: Final = 6
"""Entries that are appended before anything is sealed, and once payloads are freed."""


def made(number: int) -> Any:
    """The entry under a sequence; every seventh is empty."""
    return entry(number, bytes([number]) * (0 if number % 7 == 0 else 3000))


def run(directory: Path, killed_at: str) -> None:
    """Works until the step, and is gone then."""

    def reached(step: str) -> None:
        if step == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def then(function: Callable[..., Any], step: str) -> Callable[..., Any]:
        """The function, after which the step is reached."""

        def both(*arguments: Any) -> Any:
            result = function(*arguments)
            reached(step)
            return result

        return both

    freeing: Any = freeing_module
    ledger_code: Any = ledger_module
    ledger_code._QUIET_S = 0.0
    freeing._KEPT_BYTES = 0
    ledger_code.insert_seal = then(ledger_code.insert_seal, STEPS[2])
    freeing.note_freed = then(freeing.note_freed, STEPS[4])
    freeing.Freeing._give_back = then(freeing.Freeing._give_back, STEPS[7])
    ledger = Ledger(directory, page_bytes=512)
    ledger.append([made(number) for number in range(1, BEFORE + 1)])
    seal = seal_of(ledger, BEFORE - 4)
    fsync = os.fsync
    evidence_module.os.fsync = then(fsync, STEPS[0])  # type: ignore[attr-defined]  # os is os
    write_evidence_of(ledger, directory, seal)
    os.fsync = fsync
    reached(STEPS[1])
    ledger.add_seal(seal)
    reached(STEPS[3])
    freed = ledger.free_payloads(5)
    assert freed == 5
    reached(STEPS[5])
    ledger.append([made(number) for number in range(BEFORE + 1, BEFORE + AFTER + 1)])
    free_all(ledger)
    reached(STEPS[6])
    while ledger.free_payloads():
        pass
    reached(STEPS[8])
    ledger._fold()
    reached(STEPS[9])
    raise AssertionError(f"there is no step {killed_at!r}")


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2])
