"""Tables of text, and what every page says of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.machine import Machine
    from benchmarks.results import Spread


def table(cells: Sequence[Sequence[str]]) -> str:
    """A markdown table whose columns line up also as plain text; the first row is its head."""
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
    lines = [
        "| "
        + " | ".join(
            text.rjust(width) if place else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in cells
    ]
    rule = [
        "-" * (width + 1) + ":" if place else "-" * (width + 2)
        for place, width in enumerate(widths)
    ]
    return "\n".join([lines[0], "|" + "|".join(rule) + "|", *lines[1:]])


def median_and_range(found: Spread, decimals: int) -> str:
    """Such as "1.25 (1.18-1.31)"."""
    return f"{found.median:.{decimals}f} ({found.least:.{decimals}f}-{found.greatest:.{decimals}f})"


def grouped(number: int) -> str:
    """A whole number with its thousands apart, such as "1 996 846"."""
    return f"{number:,}".replace(",", " ")


def of_machine(machine: Machine) -> list[str]:
    """The machine and its software as lines of a list."""
    packages = ", ".join(f"{name} {number}" for name, number in machine.packages.items())
    return [
        f"- {machine.cores} cores of {machine.cpu}, {machine.memory_mib} MiB, {machine.kernel}",
        (
            f"- {machine.file_system}; a write of 4 KiB with fdatasync takes"
            f" {machine.sync_p50_us} µs (median; at most {machine.sync_max_us} µs)"
        ),
        f"- Python {machine.python}, SQLite {machine.sqlite}, {packages}",
    ]
