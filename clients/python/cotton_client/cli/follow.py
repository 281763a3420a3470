"""`cotton send --follow`: a directory watched for instrument files, each sent when it is whole."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import signal
import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cotton_client.cli.output import say
from cotton_client.cli.spooled import refused_json, send_left, send_sources
from cotton_client.errors import CottonError, InputError
from cotton_client.render import json_answers
from cotton_client.render.values import count, counted
from cotton_client.retry import RetryPolicy
from cotton_client.spool.store import FileState
from cotton_client.upload import OUTCOME_COUNTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress

    from cotton_client.cli.progress import RetryNotes
    from cotton_client.cli.spooled import Manner
    from cotton_client.client import CottonClient
    from cotton_client.spool import Source, Spool
    from cotton_client.spool.delivery import SentFile

FOLLOW_RETRY: Final = RetryPolicy(patience_s=math.inf, patience_first_s=math.inf)
"""Nobody waits, and nothing is lost by waiting: a server that is away is waited for."""

POLL_S: Final = 1.0
SETTLE_S_DEFAULT: Final = 2.0


@dataclass(frozen=True, slots=True)
class Sight:
    """A file as it was seen: its size and when it was written last."""

    path: Path
    size: int
    mtime_ns: int


class Watcher:
    """The files of a directory that have stopped changing, each given once until it changes.

    Files that hold nothing yet, directories and names that begin with a full stop are
    passed over. `settle_s` is how long size and time of writing must stay the same.
    """

    def __init__(
        self,
        directory: Path,
        *,
        pattern: str = "*",
        settle_s: float = SETTLE_S_DEFAULT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._pattern = pattern
        self._settle_s = settle_s
        self._clock = clock
        self._since: dict[Path, tuple[Sight, float]] = {}
        self._done: dict[Path, Sight] = {}

    def ready(self) -> list[Sight]:
        """Files to be read now, by name; raises OSError for a directory that cannot be read."""
        now = self._clock()
        found: dict[Path, tuple[Sight, float]] = {}
        for path in sorted(self._directory.iterdir()):
            if path.name.startswith(".") or not fnmatchcase(path.name, self._pattern):
                continue
            sight = look(path)
            if sight is None:
                continue
            before, since = self._since.get(path, (sight, now))
            found[path] = (sight, since if before == sight else now)
        self._since = found
        self._done = {path: sight for path, sight in self._done.items() if path in found}
        return [
            sight
            for path, (sight, since) in found.items()
            if now - since >= self._settle_s and self._done.get(path) != sight
        ]

    def done(self, sight: Sight) -> None:
        """Passes over a file until it looks different."""
        self._done[sight.path] = sight


def look(path: Path) -> Sight | None:
    """A file as it is now; None for what is gone, empty or no regular file."""
    try:
        found = path.stat()
    except OSError:
        return None
    if not path.is_file() or not found.st_size:
        return None
    return Sight(path, found.st_size, found.st_mtime_ns)


class Follower:
    """Sends what a watcher finds, and remembers in the spool what was sent."""

    def __init__(
        self, spool: Spool, watcher: Watcher, manner: Manner, notes: RetryNotes, *, as_json: bool
    ) -> None:
        self._spool = spool
        self._watcher = watcher
        self._manner = manner
        self._notes = notes
        self._as_json = as_json

    async def run(self, client: CottonClient, progress: Progress) -> None:
        """Sends and watches until SIGINT or SIGTERM; what is not sent then stays spooled."""
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        stopping = False

        def stop() -> None:
            nonlocal stopping
            stopping = True
            if task is not None:
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        try:
            left = await send_left(
                client, self._spool, progress, self._notes, as_json=self._as_json
            )
            for file in left:
                self._report(file.file, file, None)
            while True:
                await self._round(client)
                await asyncio.sleep(POLL_S)
        except asyncio.CancelledError:
            if not stopping:
                raise
            say("Stopped.", as_json=self._as_json)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def _round(self, client: CottonClient) -> None:
        """Sends every file that is new or has changed."""
        try:
            found = await asyncio.to_thread(self._watcher.ready)
            states = await asyncio.to_thread(self._changed, found)
        except OSError as error:
            what = f"{error.filename}: {error.strerror}."
            self._notes(CottonError(what), POLL_S)
            return
        if not states:
            return
        sources = [self._manner.source(Path(state.name)) for state in states]
        read = dict(zip((id(each) for each in sources), states, strict=True))

        def done(source: Source, file: SentFile) -> None:
            self._done(source, file, read[id(source)])

        await send_sources(
            client,
            self._spool,
            sources,
            self._manner,
            notes=self._notes,
            keep_going=True,
            on_progress=lambda _file: None,
            on_done=done,
        )

    def _changed(self, found: list[Sight]) -> list[FileState]:
        """Of the files found those whose content was not sent before, as they are now."""
        changed = []
        for sight in found:
            name = str(sight.path)
            known = self._spool.remembered(name)
            if known is not None and (known.size, known.mtime_ns) == (sight.size, sight.mtime_ns):
                self._watcher.done(sight)
                continue
            with sight.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
            state = FileState(name, sight.size, sight.mtime_ns, digest)
            if known is not None and known.digest == digest:
                self._spool.remember(state)
                self._watcher.done(sight)
                continue
            changed.append(state)
        return changed

    def _done(self, source: Source, file: SentFile, state: FileState) -> None:
        """Reports a file and remembers it; one that changed while it was read is read again."""
        sight = Sight(Path(state.name), state.size, state.mtime_ns)
        now = look(sight.path)
        if source.error is not None and now is None:
            # Taken away before it was read: nobody has anything to correct.
            return
        self._report(source.name, file, source.error)
        # A file that cannot be read is tried again by the next run, which may know better.
        self._watcher.done(sight)
        if source.error is None and now == sight:
            self._spool.remember(state)

    def _report(self, name: str, file: SentFile, error: Exception | None) -> None:
        """One line for a file, of text or of JSON."""
        known = error if isinstance(error, CottonError) else None
        if error is not None and known is None:
            known = InputError(f"{name}: {error}", reason="INVALID_FILE")
        if self._as_json:
            answer = {
                "file": name,
                **json_answers.upload(file.totals),
                "refused": refused_json(name, file.refused),
                "error": json_answers.error(known)["error"] if known is not None else None,
            }
            click.echo(json.dumps(answer, ensure_ascii=False))
        else:
            click.echo(_line(name, file, known))


def _line(name: str, file: SentFile, error: CottonError | None) -> str:
    """What became of a file."""
    totals = file.totals
    parts = [f"{counted(totals.received, 'bale')} received"]
    parts += [
        f"{count(number)} {name}" for name in OUTCOME_COUNTS if (number := getattr(totals, name))
    ]
    parts += [
        f"bales {each.bale_first} to {each.bale_first + each.bales - 1} refused and kept in the"
        f" spool as {each.id}: {each.error.message}"
        for each in file.refused
    ]
    if error is not None:
        parts.append(f"cannot be read further: {error.message} {error.remedy}")
    return f"{name}: {' · '.join(parts)}"
