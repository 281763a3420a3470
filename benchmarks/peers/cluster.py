"""A PostgreSQL of our own: made, started and stopped by the benchmark, in a temporary directory."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS: Final = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "2GB",
    "wal_buffers": "64MB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "30min",
}
"""Durable at every commit, and otherwise set for loading in bulk: no replicas, a cache that holds
table and key, and no checkpoint in the middle of a run."""

USER: Final = "bench"

_PLACES: Final = ("/usr/lib/postgresql/15/bin", "/usr/pgsql-15/bin")
"""Where Debian and Red Hat have it, off the path."""

_ACCOUNTS: Final = ("postgres", "nobody")
"""PostgreSQL refuses to run as root: the first of these that there is."""

_START_S_MAX: Final = 60
_STOP_S_MAX: Final = 120
_POLL_S: Final = 0.05
_LOG_CHARACTERS_SHOWN: Final = 2000


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that runs: where its socket lies, and its version."""

    sockets: Path
    version: str

    @property
    def address(self) -> str:
        """What a client connects by: a Unix socket, no network."""
        return f"host={self.sockets} user={USER} dbname=postgres"


def programs() -> Path:
    """The directory of the programs of PostgreSQL 15; BenchmarkError where there is none."""
    on_path = shutil.which("initdb")
    places = [*map(Path, _PLACES), *([] if on_path is None else [Path(on_path).resolve().parent])]
    for place in places:
        if all((place / name).is_file() for name in ("initdb", "postgres")):
            return place
    raise BenchmarkError(
        "PostgreSQL is not there: neither on the path nor in"
        f" {' or '.join(_PLACES)}. On Debian and Ubuntu: apt-get install postgresql-15."
    )


@contextmanager
def cluster(directory: Path) -> Iterator[Cluster]:
    """Makes and runs a cluster below a directory while the context lasts.

    Where we are root it belongs to an account that is not, and whoever leads to the directory
    must let that one through. Raises BenchmarkError when it does not start or stop.
    """
    place = programs()
    account = _account()
    data, log = directory / "cluster", directory / "cluster.log"
    data.mkdir(mode=0o700)
    # The path of a socket is at most 107 characters long.
    with tempfile.TemporaryDirectory(prefix="pg-") as made:
        sockets = Path(made)
        if account:
            for each in (data, sockets):
                os.chown(each, account["user"], account["group"])
            _require_way(data, account)
        with log.open("wb") as output:
            done = subprocess.run(
                [
                    place / "initdb",
                    f"--pgdata={data}",
                    f"--username={USER}",
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--no-sync",
                ],
                stdout=output,
                stderr=output,
                cwd="/",
                check=False,
                **account,
            )
            if done.returncode:
                raise _failure("initdb failed", log)
            settings = {**SETTINGS, "listen_addresses": "", "unix_socket_directories": made}
            process = subprocess.Popen(
                [
                    place / "postgres",
                    "-D",
                    data,
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                **account,
            )
        try:
            _wait_for(data, process, log)
            yield Cluster(sockets, _version(place))
            process.send_signal(signal.SIGINT)  # ends sessions, and checkpoints
            if process.wait(_STOP_S_MAX):
                raise _failure(f"PostgreSQL ended with status {process.returncode}", log)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _account() -> dict[str, Any]:
    """Who runs it, as arguments of Popen; empty for ourselves."""
    if os.geteuid():
        return {}
    for name in _ACCOUNTS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    raise BenchmarkError(
        "PostgreSQL does not run as root, and there is no account"
        f" {' or '.join(_ACCOUNTS)}: make one, or run this as another user."
    )


def _require_way(data: Path, account: dict[str, Any]) -> None:
    done = subprocess.run(["/bin/test", "-w", data], cwd="/", check=False, **account)
    if done.returncode:
        raise BenchmarkError(
            f"User {account['user']}, who runs PostgreSQL, does not get to {data}: choose a"
            " --directory that everybody may pass through (chmod o+x)."
        )


def _wait_for(data: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until it says in its directory that it takes connections."""
    deadline = time.monotonic() + _START_S_MAX
    told = data / "postmaster.pid"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise _failure(f"PostgreSQL ended with status {process.returncode}", log)
        if told.exists() and told.read_text(encoding="utf-8").split("\n")[7:8] == ["ready   "]:
            return
        time.sleep(_POLL_S)
    raise _failure(f"PostgreSQL does not serve after {_START_S_MAX} s", log)


def _version(place: Path) -> str:
    done = subprocess.run(
        [place / "postgres", "--version"], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip().removeprefix("postgres (PostgreSQL) ")


def _failure(what: str, log: Path) -> BenchmarkError:
    end = log.read_text(encoding="utf-8", errors="replace")[-_LOG_CHARACTERS_SHOWN:]
    return BenchmarkError(f"{what}. Its log ends with:\n{end.strip()}")
