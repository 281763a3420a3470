"""A thread of the server that has the ledger sealed, and takes over what was sealed."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton_server.ledger import LedgerDamagedError, LedgerError, sealed_directory
from cotton_server.registry.image import move_image
from cotton_server.sealing.files import STATE, SealedFileError, remove_directories
from cotton_server.sealing.history import REGISTRY, enter
from cotton_server.sealing.manifest import state_directory
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
"""How long to wait after a seal that failed."""

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
        self._number = len(history.parts)
        self._unsealed_since = time.monotonic()
        self._not_before = 0.0
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
            self._free()
            while not self._stop.wait(_LOOK_S):
                if self._is_due():
                    self._seal()
                    self._free()
        except LedgerError:
            # The ledger takes nothing more, and who appends next stops the process.
            _LOG.exception("sealing has ended: the ledger has failed")

    def _is_due(self) -> bool:
        now = time.monotonic()
        if self._ledger.position == self.position:
            self._unsealed_since = now
        if now < self._not_before:
            return False
        with self._registry.lock:
            revision, rows = self._registry.revision, self._registry.bales.count
        if revision == self.position:
            return False
        return (
            rows - self._rows >= self._bounds.bales
            or revision - self.position >= ENTRIES_MAX
            or now - self._unsealed_since >= self._bounds.after_s
        )

    def _seal(self) -> None:
        self.working = True
        begun = time.monotonic()
        before = self._number
        problem = self._follow(self._registry.revision)
        seconds = time.monotonic() - begun
        ranges = self._number - before
        if self._stop.is_set():
            return
        self._observer.sealed(Sealed(ranges, seconds, succeeded=not problem))
        self._unsealed_since = time.monotonic()
        if problem:
            self._not_before = time.monotonic() + _AGAIN_S
            _LOG.error("the ledger could not be sealed", extra={"error": problem})
            return
        _LOG.info(
            "sealed",
            extra={"position": self.position, "ranges": ranges, "seconds": f"{seconds:.1f}"},
        )
        root = sealed_directory(self._directory)
        states = root / STATE
        # What is read of the state on demand is read from the newest one from here on.
        move_image(self._registry, state_directory(root, self.position) / REGISTRY)
        remove_directories(
            each
            for each in states.iterdir()
            if each.name.isdigit() and int(each.name) < self.position
        )

    def _follow(self, until: int) -> str:
        """Runs the process; gives what went wrong, "" for nothing."""
        arguments = [
            *(sys.executable, "-m", "cotton_server.sealing.work", str(self._directory)),
            *("--until", str(until)),
            *("--bales", str(self._bounds.bales)),
            *("--bales-max", str(self._bounds.bales_max)),
            *("--resident-bales-max", str(self._bounds.resident_bales_max)),
        ]
        with subprocess.Popen(  # noqa: S603 - this very Python, and numbers
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # One core is enough for what has time, and the other is left alone.
            env={**os.environ, "POLARS_MAX_THREADS": "1"},
        ) as process:
            watch = threading.Thread(target=self._end_when_stopped, args=(process,))
            watch.start()
            try:
                if process.stdout is None or process.stderr is None:
                    raise AssertionError("the process was started with pipes")
                for line in process.stdout:
                    self._take(SealedRange(**json.loads(line)))
                said = process.stderr.read().strip()
            except SealedFileError as error:
                process.kill()
                return str(error)
            finally:
                process.wait()
                watch.join()
        return "" if process.returncode == 0 else said or f"it ended with {process.returncode}"

    def _end_when_stopped(self, process: subprocess.Popen[str]) -> None:
        while process.poll() is None:
            if self._stop.wait(_LOOK_S):
                process.kill()
                return

    def _take(self, found: SealedRange) -> None:
        """Enters a range into the catalogue, and lets the store know."""
        part = enter(self._directory, self._ledger, found, self._number + 1)
        self._number += 1
        self.position, self._rows = found.last, found.stop_row
        self._residence.note(part)

    def _free(self) -> None:
        """Frees the payloads that lie in sealed files now, a few at a time."""
        self.working = True
        try:
            while not self._stop.is_set() and self._ledger.free_payloads(_ENTRIES_FREED):
                self._stop.wait(_PAUSE_S)
        except LedgerDamagedError as error:
            # They stay where they are; what is damaged is the copy.
            _LOG.error("payloads could not be freed", extra={"error": str(error)})
        finally:
            self.working = False
