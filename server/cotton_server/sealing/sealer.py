"""A thread of the server that has the ledger sealed, and takes over what was sealed."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton_server.errors import StartError
from cotton_server.ledger import (
    LedgerDamagedError,
    LedgerError,
    LedgerFailedError,
    sealed_directory,
)
from cotton_server.registry.image import move_image
from cotton_server.sealing.files import STATE, remove_directories
from cotton_server.sealing.history import REGISTRY, enter
from cotton_server.sealing.manifest import state_directory
from cotton_server.sealing.process import ProcessFailedError, run
from cotton_server.sealing.records import Sealed, SealedRange

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.ledger import Ledger
    from cotton_server.registry.registry import Registry
    from cotton_server.sealing.history import History, Residence
    from cotton_server.sealing.records import SealObserver

_LOG: Final = logging.getLogger(__name__)

_LOOK_S: Final = 0.5
"""How often is looked whether there is something to seal."""

_PAUSE_S: Final = 0.02
"""Between two steps of freeing payloads, so that nobody who appends waits for two in a row."""

_ENTRIES_FREED: Final = 64
"""Entries whose payloads are freed in one step at most."""

_AGAIN_S: Final = 60.0
"""How long to wait after a seal that failed, or payloads that could not be freed."""

_SILENCE_MAX_S: Final = 600.0
"""How long the process that seals may do nothing at all; of lowest priority, it may have to wait.
It says every few seconds that it has had processor time."""

_WORK: Final = "cotton_server.sealing.work"

_REMEDY: Final = (
    "No entry is lost by it. Correct what the error names (room on the disk, open files, memory,"
    " a damaged file); it is tried again by itself."
)
_EXPECTED: Final = (ProcessFailedError, StartError, LedgerError, OSError)
"""Errors that say what is wrong; of others the log has where they came from."""

ENTRIES_MAX: Final = 100_000
"""Entries that are sealed together at the latest: single readings replay slower than bulk."""


@dataclass(frozen=True, slots=True)
class SealBounds:
    """When is sealed, and what a process that seals may hold.

    `bales`: not sealed so far, that are sealed together (0: never); `after_s`: seconds after which
    anything is sealed.
    """

    bales: int
    after_s: int
    bales_max: int
    resident_bales_max: int
    cold_bytes_max: int


class Sealer:
    """Has ranges of the ledger sealed by a process of lowest priority, and catalogues them."""

    def __init__(
        self,
        directory: Path,
        ledger: Ledger,
        registry: Registry,
        history: History,
        residence: Residence,
        bounds: SealBounds,
        observer: SealObserver,
    ) -> None:
        """Starts the thread."""
        self._directory = directory
        self._ledger = ledger
        self._registry = registry
        self._residence = residence
        self._bounds = bounds
        self._observer = observer
        self.position = history.last
        """The last position that is sealed."""
        self.working = False
        """Whether it seals now, or frees what is sealed."""
        self._rows = history.stop_row
        self._number = len(history.seals)
        self._is_whole = history.is_startable
        """Whether the next start need not replay what is sealed."""
        self._unsealed_since = time.monotonic()
        self._seal_not_before = 0.0
        self._free_at: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sealer")
        self._thread.start()

    def close(self) -> None:
        """Ends the thread, and the process that it may have started; comes before the ledger."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        if not self._bounds.bales:
            return
        try:
            self._work(seals=False)
            while not self._stop.wait(_LOOK_S):
                if self._is_due():
                    self._work(seals=True)
                elif self._free_at is not None and time.monotonic() >= self._free_at:
                    self._work(seals=False)
        except LedgerFailedError as error:
            # Who appends next stops the process.
            _LOG.error("sealing has ended: the ledger has failed", extra={"error": str(error)})

    def _work(self, *, seals: bool) -> None:
        """Seals, or not, then frees what is sealed; raises LedgerFailedError alone."""
        self.working = True
        try:
            if seals:
                self._seal()
            self._free()
        finally:
            self.working = False

    def _is_due(self) -> bool:
        now = time.monotonic()
        if self._ledger.position == self.position:
            self._unsealed_since = now
        if now < self._seal_not_before:
            return False
        with self._registry.lock:
            revision, rows = self._registry.revision, self._registry.bales.count
        if not self._is_whole:
            # What is damaged, or was not finished by an attempt that failed, would stay so.
            return True
        if revision == self.position:
            return False
        return (
            rows - self._rows >= self._bounds.bales
            or revision - self.position >= ENTRIES_MAX
            or now - self._unsealed_since >= self._bounds.after_s
        )

    def _seal(self) -> None:
        """One attempt at sealing what there is: told, and counted, whatever it came to.

        Raises LedgerFailedError; after any other error it is tried again after a while.
        """
        begun, before = time.monotonic(), self._number
        problem: Exception | None = None
        try:
            self._follow(self._registry.revision)
            if not self._stop.is_set():
                self._take_over()
        except Exception as error:  # noqa: BLE001 - whatever it was, it fails this attempt alone
            problem = error
        if self._stop.is_set():
            return
        ranges, seconds = self._number - before, time.monotonic() - begun
        self._observer.sealed(Sealed(ranges, seconds, succeeded=problem is None))
        if isinstance(problem, LedgerFailedError):
            raise problem
        if problem is not None:
            self._is_whole = False
            self._seal_not_before = time.monotonic() + _AGAIN_S
            _log_failure("the ledger could not be sealed", problem)
            return
        self._is_whole = True
        self._unsealed_since = time.monotonic()
        _LOG.info(
            "sealed",
            extra={"position": self.position, "ranges": ranges, "seconds": f"{seconds:.1f}"},
        )

    def _follow(self, until: int) -> None:
        """Has the process seal up to a position, and enters what it tells of.

        Raises ProcessFailedError, SealedFileError, LedgerError, OSError.
        """
        arguments = [
            *(sys.executable, "-m", _WORK, str(self._directory)),
            *("--until", str(until)),
            *("--bales", str(self._bounds.bales)),
            *("--bales-max", str(self._bounds.bales_max)),
            *("--resident-bales-max", str(self._bounds.resident_bales_max)),
            *("--cold-bytes-max", str(self._bounds.cold_bytes_max)),
        ]
        run(
            arguments,
            lambda line: self._take(SealedRange(**json.loads(line))),
            self._stop,
            silence_max_s=_SILENCE_MAX_S,
            # One core is enough for what has time, and the other is left alone.
            environment={**os.environ, "POLARS_MAX_THREADS": "1"},
        )

    def _take(self, found: SealedRange) -> None:
        """Enters a range into the catalogue, and lets the store know."""
        part = enter(self._directory, self._ledger, found)
        if found.last > self.position:
            self._number += 1
            self.position, self._rows = found.last, found.stop_row
        self._residence.note(part)

    def _take_over(self) -> None:
        """Reads from the newest state from here on, and removes those before.

        Raises ImageDamagedError, ImageFormatError, OSError; nothing is removed then.
        """
        root = sealed_directory(self._directory)
        move_image(self._registry, state_directory(root, self.position) / REGISTRY)
        remove_directories(
            each
            for each in (root / STATE).iterdir()
            if each.name.isdigit() and int(each.name) < self.position
        )

    def _free(self) -> None:
        """Frees the payloads that lie in sealed files now, a few at a time.

        Raises LedgerFailedError. What is damaged stays where it is until the next seal or start;
        after any other error it is tried again after a while.
        """
        self._free_at = None
        try:
            while not self._stop.is_set() and self._ledger.free_payloads(_ENTRIES_FREED):
                self._stop.wait(_PAUSE_S)
        except LedgerFailedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, payloads are where they were
            if not isinstance(error, LedgerDamagedError):
                self._free_at = time.monotonic() + _AGAIN_S
            _log_failure("payloads could not be freed", error)


def _log_failure(event: str, error: Exception) -> None:
    said = str(error) or type(error).__name__
    unexpected = None if isinstance(error, _EXPECTED) else error
    _LOG.error(event, extra={"error": said, "remedy": _REMEDY}, exc_info=unexpected)
