"""The duplicate index as tables of text, and a section of the page."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.tables import grouped, of_machine, table

if TYPE_CHECKING:
    from benchmarks.scale.results import Index, Indexed

_READING_IT: Final = """\
- The store of the service alone, in a process of its own: codes of whole seasons, made up as those
  of bales are, are hashed and entered as intake does it, 65 536 at a time, with the thread beside
  that makes memory ready and packs blocks. Measures are left out: their memory is not the index's.
- *Index* is the table of rows by hash; *keys* are the codes that every hit is compared with, with
  all else of the store (what it keeps ready for the next bales is 28 MB whatever it holds).
- *On disk*: nine seasons lie in files of two million bales as sealed ones do, and cost their zones
  alone, ranges of the times of baling. A code whose time is in none of a file's is not in it; any
  other is looked for in the file, whose keys are read when they are first asked for, and kept up
  to a gigabyte.
- Rates are medians over groups of 65 536 bales, *slowest* is one whole group. *First* and *again*:
  bales of files that nobody has asked for yet, and once more.
- Every answer is checked: each bale is found in the row that it was entered as, and no other code
  is found.
"""


def builds(results: Index) -> str:
    """The table of what was built, a row each."""
    cells: list[tuple[str, ...]] = [
        (
            "bales",
            "seasons",
            "index, B/bale",
            "keys, B/bale",
            "in all, MiB",
            "process, MiB",
            "asked for all, MiB",
            "entered, M bales/s",
        )
    ]
    for run in results.runs:
        name = _seasons(run)
        if run.skipped:
            cells.append((grouped(run.bales), f"{name}: {run.skipped}", *[""] * 6))
            continue
        cells.append(
            (
                grouped(run.bales),
                name,
                f"{run.index_bytes / run.bales:.1f}",
                f"{run.resident_bytes / run.bales:.1f}",
                f"{(run.index_bytes + run.resident_bytes) / 2**20:.0f}",
                f"{run.anonymous_kib / 1024:.0f}",
                f"{run.after_bytes / 2**20:.0f}",
                f"{run.built * 1e3 / run.build_ns:.2f}",
            )
        )
    return table(cells)


def lookups(results: Index) -> str:
    """The table of lookups: a row for each kind of bales, columns for what was built."""
    built = [run for run in results.runs if not run.skipped]
    kinds = list(dict.fromkeys(kind for run in built for kind in run.asked))
    heads = [f"{grouped(run.bales)}, {_seasons(run)}" for run in built]
    cells = [["M bales/s (slowest group, ms)", *heads]]
    cells += [[kind, *(_rate(run, kind) for run in built)] for kind in kinds]
    return table(cells)


def _rate(run: Indexed, kind: str) -> str:
    if kind not in run.asked:
        return ""
    took = run.took_ns[kind]
    group = run.asked[kind] / len(took)
    return f"{group * 1e3 / median(took):.1f} ({max(took) / 1e6:.0f})"


def _seasons(run: Indexed) -> str:
    if run.cold:
        return f"{run.seasons - 1} of {run.seasons} on disk"
    return f"{run.seasons} in memory"


def text(results: Index) -> str:
    """Everything as plain text, for a terminal."""
    machine = "\n".join(of_machine(results.machine))
    return "\n\n".join((machine, builds(results), lookups(results)))


def section(results: Index, source: str) -> str:
    """What RESULTS.md says of one file of results."""
    return "\n".join(
        (
            "## The duplicate index",
            "",
            f"Measured on {results.measured_on}; every group is in [{source}](results/{source}).",
            "",
            *of_machine(results.machine),
            f"- revision {results.machine.revision or 'unknown'}",
            "",
            builds(results),
            "",
            "### Lookups",
            "",
            lookups(results),
            "",
            "### How the index is measured",
            "",
            _READING_IT,
        )
    )
