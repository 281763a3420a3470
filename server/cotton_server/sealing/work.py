"""The process that seals: `python -m cotton_server.sealing.work DIRECTORY …`, run by the server.

It tells on standard output, a JSON object a line, what became durable, and by empty lines that it
is at work. It ends when its standard input does, so that it never outlives the server that started
it.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import sys
import threading
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cotton_server.errors import StartError
from cotton_server.ledger import LedgerError, LedgerReader
from cotton_server.sealing.follow import Follower
from cotton_server.sealing.pulse import Pulse

if TYPE_CHECKING:
    from cotton_server.sealing.records import SealedRange

LOWEST_PRIORITY: Final = 19

_SAID_MAX: Final = 4000
_END_SAID: Final = 1000
"""Characters of an error that are told, and how many of them of its end, where the remedy is."""

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1


def main(arguments: list[str] | None = None) -> int:
    """Seals what it is told to; 1 with a reason on standard error when it could not."""
    chosen = _chosen(arguments)
    _end_with_parent()
    pulse = Pulse(partial(_say, "\n"))
    with contextlib.suppress(OSError):
        os.nice(LOWEST_PRIORITY)
    # What is loaded lives until the end, and the registry makes no cycles.
    gc.disable()
    try:
        with contextlib.ExitStack() as stack:
            ledger = stack.enter_context(contextlib.closing(LedgerReader(chosen.directory)))
            follower = Follower(
                chosen.directory,
                ledger,
                bales_max=chosen.bales_max,
                resident_bales_max=chosen.resident_bales_max,
                cold_bytes_max=chosen.cold_bytes_max,
                done=pulse.step,
            )
            stack.callback(follower.close)
            follower.seal(chosen.until, bales=chosen.bales, sealed=_tell)
    except (StartError, LedgerError, OSError) as error:
        sys.stderr.write(f"{_bounded(str(error))}\n")
        return EXIT_FAILED
    return EXIT_DONE


def _chosen(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cotton_server.sealing.work", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--until", type=int, required=True, help="the last position to seal")
    parser.add_argument("--bales", type=int, required=True, help="bales in a range")
    parser.add_argument("--bales-max", type=int, required=True)
    parser.add_argument("--resident-bales-max", type=int, required=True)
    parser.add_argument("--cold-bytes-max", type=int, required=True)
    return parser.parse_args(arguments)


def _bounded(text: str) -> str:
    """The beginning and the end of a text: one that holds what was stored may be of any length."""
    if len(text) <= _SAID_MAX:
        return text
    return f"{text[: _SAID_MAX - _END_SAID]} […] {text[-_END_SAID:]}"


def _tell(found: SealedRange) -> None:
    _say(f"{json.dumps(asdict(found))}\n")


def _say(line: str) -> None:
    # At once and whole, and without the lock of sys.stdout: two threads say something.
    os.write(1, line.encode())


def _end_with_parent() -> None:
    def wait() -> None:
        # Not through sys.stdin, whose lock an interpreter that ends cannot take from a daemon.
        while os.read(0, 1):
            pass
        os._exit(EXIT_FAILED)

    threading.Thread(target=wait, name="parent", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
