"""Real servers in processes of their own: started, addressed, stopped, always ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.request import urlopen

import grpc
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
START_S_MAX = 30
STOP_S_MAX = 30


class NotServingError(Exception):
    """The process ended before it served; carries its exit code and what it said."""

    def __init__(self, code: int, said: str) -> None:
        """Takes the exit code and the text on stderr."""
        self.code, self.said = code, said
        super().__init__(f"exit code {code}: {said}")


class Server:
    """One server process; the constructor returns when it serves."""

    def __init__(self, flags: dict[str, Any], broken: str | None = None) -> None:
        """Starts it; raises NotServingError when it ends first."""
        self._process = subprocess.Popen(
            _command(flags, broken),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []
        self.events: dict[str, dict[str, Any]] = {}
        self._told = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        with self._told:
            self._told.wait_for(
                lambda: "serving" in self.events or not self._reader.is_alive(), START_S_MAX
            )
        if "serving" not in self.events:
            self.end(signal.SIGKILL)
            raise NotServingError(self._process.returncode, "".join(self.log))
        self.address = str(self.events["serving"]["listen"])
        self.metrics_url = str(self.events["serving"]["metrics"])

    @property
    def process_id(self) -> int:
        """The number of its process."""
        return self._process.pid

    @contextmanager
    def channel(self) -> Iterator[grpc.Channel]:
        """A channel of its own to the services."""
        with grpc.insecure_channel(
            self.address, options=[("grpc.use_local_subchannel_pool", 1)]
        ) as channel:
            yield channel

    def metrics(self) -> dict[tuple[str, ...], float]:
        """Samples now, by name and label values in the order of label names."""
        with urlopen(self.metrics_url, timeout=10) as answer:  # noqa: S310 - our own server
            text = answer.read().decode()
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal and waits for the end; the exit code. Kills what does not end."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Waits for the end; the exit code. Kills what does not end."""
        try:
            self._process.wait(STOP_S_MAX)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            if self._process.stderr is not None:
                self._process.stderr.close()
        return self._process.returncode

    def _read(self) -> None:
        if self._process.stderr is None:
            raise AssertionError("stderr is a pipe")
        for line in self._process.stderr:
            with self._told:
                self.log.append(line)
                if line.startswith("{"):
                    event = json.loads(line)
                    self.events[event["event"]] = event
                self._told.notify_all()
        with self._told:
            self._told.notify_all()


class Servers:
    """The servers of one test, on free ports, with data below one directory."""

    def __init__(self, directory: Path) -> None:
        """Takes the directory; nothing runs yet."""
        self.data_dir = directory / "data"
        self._started: list[Server] = []

    def __enter__(self) -> Self:
        """Nothing runs yet."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Ends what still runs."""
        for server in self._started:
            server.end(signal.SIGKILL)

    def start(self, *, broken: str | None = None, **flags: Any) -> Server:
        """A server; `flags` are settings by name, `broken` names a broken build."""
        server = Server(self._settings(flags), broken)
        self._started.append(server)
        return server

    def kill_while_starting(
        self, after_s: float, *, broken: str | None = None, **flags: Any
    ) -> None:
        """Starts a server as `start` does and kills it so long after, wherever it is by then."""
        with subprocess.Popen(
            _command(self._settings(flags), broken),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                time.sleep(after_s)
                if process.poll() is not None:
                    raise NotServingError(process.returncode, "it ended by itself")
            finally:
                process.kill()

    def _settings(self, flags: dict[str, Any]) -> dict[str, Any]:
        return {
            "data_dir": str(self.data_dir),
            "listen": "127.0.0.1:0",
            "metrics_listen": "127.0.0.1:0",
            "log_format": "json",
            **flags,
        }


def _command(flags: dict[str, Any], broken: str | None) -> list[str]:
    command = [sys.executable, "-m", "tests.support.serve", json.dumps(flags)]
    return command if broken is None else [*command, broken]
