"""Service and peers as tables of text, a chart, and a section of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.dots import Row, draw_dots
from benchmarks.peers.plan import PEERS, SERVICE
from benchmarks.results import spread
from benchmarks.tables import grouped, median_and_range, of_machine, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.peers.results import Results, Run

PLOT: Final = "peers.svg"

_READING_IT: Final = """\
- Everybody gets the bytes of the same files, on one stream, in columns: a fresh server, an empty
  directory and a fresh client for every run, all on this machine, over loopback. The clock runs
  from the first batch written to the last answer read. Each size of messages is a race of its own
  with the same bales: receiving a message and answering it has a cost beside that of its bales.
- **service** is `cotton serve` as it ships. It checks ranges and identifiers, answers with an
  outcome for every bale, keeps the bytes as received in a chain of digests, and syncs each commit.
- **Peers** but Arrow Flight stand behind one small gRPC server that receives and decodes as the
  service does, on its event loop, and stores in a thread: what came while it committed is committed
  together and then acknowledged, the same trick as the service's. Each has the group and the window
  of unanswered batches that it is fastest with: {windows}.
  Bale codes are two 64-bit numbers, texts are numbers of a table of texts, measures 16-bit numbers:
  small and fast types, made with numpy. None checks a range or an identifier, tells what became of
  a bale, or keeps the bytes as received.
- **PostgreSQL** is initialised by the benchmark, runs as an account that is not root, on a Unix
  socket, and is given its rows in the binary format of COPY. *COPY alone* is its fastest way, and
  fails where a bale is sent again, so nobody could use it alone for producers that send again after
  a broken line; the other leaves out what is there.
- **Arrow Flight** gets the same bales as record batches that were made ahead, by a client of
  its own: a C++ server that only remembers. **decoding alone** is the peers' own server that only
  remembers: no store behind it can be faster.
- CPU of a server is that of its process and all that it has started. Disk is what table and key
  take in the end, of the service its whole data directory; the log of PostgreSQL is left out.
- *service is* is the median rate of the service divided by the peer's, with the ratio of the
  slowest to the fastest and of the fastest to the slowest runs of both.
- Every run is checked: as many bales are stored, and were new, as were sent.
"""


def rates(results: Results) -> str:
    """Who took how many bales a second, at what cost."""
    cells = [
        (
            "bales a message",
            "into",
            "M bales/s",
            "service is",
            "ack p50, ms",
            "ack p99, ms",
            "server CPU, s/M bales",
            "client CPU, s/M bales",
            "anonymous, MiB",
            "disk, B/bale",
        )
    ]
    for size in results.message_sizes:
        ours = spread(results.of(SERVICE, size), _rate)
        for who in _everybody(results):
            runs = results.of(who, size)
            found = spread(runs, _rate)
            ratio = (
                f"{ours.median / found.median:.2f} x"
                f" ({ours.least / found.greatest:.2f}-{ours.greatest / found.least:.2f})"
            )
            cells.append(
                (
                    str(size),
                    who,
                    median_and_range(found, 3),
                    "" if who == SERVICE else ratio,
                    _median(runs, lambda run: run.fed.ack_p50_us / 1000, 1),
                    _median(runs, lambda run: run.fed.ack_p99_us / 1000, 1),
                    _median(runs, lambda run: run.fed.server_cpu_ms * 1000 / run.bales, 2),
                    _median(runs, lambda run: run.fed.client_cpu_ms * 1000 / run.bales, 2),
                    _median(runs, lambda run: run.fed.server_rss_anonymous_kib / 1024, 0),
                    _median(runs, lambda run: run.disk_bytes / run.bales, 1),
                )
            )
    return table(cells)


def differences(results: Results) -> str:
    """How each stores, and what it does not do."""
    cells = [
        ("into", "stores by", "durable when acknowledged", "a bale sent again", "does not have")
    ]
    cells.append(
        (
            SERVICE,
            "SQLite, the message as received; columns in memory",
            "yes: WAL, synchronous=FULL",
            "compared; EXISTS or a conflict, by field",
            "",
        )
    )
    cells += [
        (peer.name, peer.how, peer.durable, peer.repeats, peer.lacks)
        for peer in PEERS
        if results.of_any(peer.name)
    ]
    return table(cells)


def conditions(results: Results) -> str:
    """What the runs were made on."""
    elapsed_ms = sum(run.fed.elapsed_ns for run in results.runs) / 1e6
    other_ms = sum(run.fed.other_cpu_ms for run in results.runs)
    stolen_ms = sum(run.fed.stolen_cpu_ms for run in results.runs)
    available_ms = elapsed_ms * results.machine.cores
    sent = {run.message_bales: run for run in results.runs}
    cut = " or ".join(f"{sent[size].messages} messages" for size in results.message_sizes)
    bales, bytes_ = results.runs[0].bales, results.runs[0].bytes
    return "\n".join(
        (
            *of_machine(results.machine),
            (
                f"- revision {results.machine.revision or 'unknown'}; {results.rounds} rounds,"
                f" {grouped(bales)} bales in {cut} of {bytes_ / bales:.1f} bytes a bale"
            ),
            *(
                f"- {name}: {', '.join(f'{key} {value}' for key, value in about.items())}"
                for name, about in sorted(results.about.items())
                if about
            ),
            (
                f"- other processes took {other_ms / available_ms:.1%} of the processor time while"
                f" clocks ran, the host withheld {stolen_ms / available_ms:.1%}"
            ),
        )
    )


def text(results: Results) -> str:
    """Everything as plain text, for a terminal."""
    return "\n\n".join((conditions(results), rates(results), differences(results)))


def section(results: Results, source: str) -> str:
    """What RESULTS.md says of one file of results."""
    windows = ", ".join(
        f"{peer.name} {peer.window} batches"
        + (f", groups of up to {grouped(peer.group_bales)} bales" if peer.store else "")
        for peer in PEERS
        if results.of_any(peer.name)
    )
    return "\n".join(
        (
            "## Bulk beside other stores",
            "",
            f"Measured on {results.measured_on}; every run is in [{source}](results/{source}).",
            "",
            conditions(results),
            "",
            "### The same stream into each",
            "",
            rates(results),
            "",
            f"![Rates of service and peers]({PLOT})",
            "",
            "### What each does and does not",
            "",
            differences(results),
            "",
            "### How the race is run",
            "",
            _READING_IT.format(windows=windows),
        )
    )


def chart(results: Results) -> str:
    """Rates by who and size of messages, a row each, as SVG."""
    rows = [
        Row(
            f"{who}, {size}",
            {SERVICE if who == SERVICE else "peer": spread(results.of(who, size), _rate)},
        )
        for size in results.message_sizes
        for who in _everybody(results)
    ]
    return draw_dots(rows, across="M bales/s by who and bales a message, logarithmic")


def _everybody(results: Results) -> list[str]:
    return [who for who in (SERVICE, *(peer.name for peer in PEERS)) if results.of_any(who)]


def _median(runs: list[Run], figure: Callable[[Run], float], decimals: int) -> str:
    return f"{spread(runs, figure).median:.{decimals}f}"


def _rate(run: Run) -> float:
    return run.bales_a_second / 1e6
