"""What the project does not use, because a Python that it runs on has it wrong."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GROUP_POSSESSIVELY = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+|\(\?>")


def test_no_pattern_repeats_a_group_possessively() -> None:
    """Python before 3.11.5, as of Debian 12, matches `(…)*+` wrongly; a class of characters not."""
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for below in ("server", "clients/python", "tools", "benchmarks")
        for path in sorted((ROOT / below).rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if "re.compile(" in line and GROUP_POSSESSIVELY.search(line)
    ]
    assert found == []
    assert GROUP_POSSESSIVELY.search('re.compile(r"(?:a|b)*+")')
    assert not GROUP_POSSESSIVELY.search('re.compile(r"[ab]*+(a)+")')
