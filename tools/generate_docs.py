"""Writes the documents that are made from the code, or checks them.

Usage: python -m tools.generate_docs [--check]

docs/configuration.md and cotton.example.toml come from the declarations of the fields of
cotton_server.config.Config, the help in docs/cli.md from the command `cotton` itself,
docs/errors.md from the table of errors and where they are raised, docs/logs.md from that of events.
`--check` changes nothing and fails where a file differs.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Final

from cotton_client.cli.document import with_help_texts
from cotton_server.config import OTHER_VARIABLES, FieldDescription, describe_fields

from tools.errors_page import errors_page
from tools.logs_page import logs_page

ROOT: Final = Path(__file__).resolve().parent.parent

PAGE_HEAD: Final = """\
# Configuration

<!-- Written by `make docs` from server/cotton_server/config.py; never edited by hand. -->

`cotton serve` runs without any configuration. A setting is given in one of three places; where
several give it, the later of this list wins:

1. a TOML file, named with `--config FILE` or in the variable `COTTON_CONFIG`: `name = value`, all
   at the top level ([an example with every setting](../cotton.example.toml));
2. the environment: `COTTON_` and the name in capitals;
3. a flag of `cotton serve`, where the command has one for it (`cotton serve --help`).

A name that no setting has is refused, in the file and among the variables that begin with
`COTTON_` alike, and so is a value that is not allowed: the server does not start, and says where
the value was given and what is allowed. Switches are `true` or `false`, sizes are bytes or a text
with a binary unit such as `"64 KiB"`, everywhere.

Variables that begin with `COTTON_` and are no settings of the server:

"""

EXAMPLE_HEAD: Final = """\
# Every setting of `cotton serve` with its default, for `cotton serve --config FILE`.
# Take out the `#` before a name to change it. docs/configuration.md gives the limits and reasons.
# Written by `make docs` from server/cotton_server/config.py; never edited by hand.
"""


def section(described: FieldDescription) -> str:
    """The part of the page about one setting."""
    unit = f", {described.unit}" if described.unit else ""
    return "\n".join(
        [
            f"## {described.name}",
            "",
            described.summary,
            "",
            f"- default: `{described.default}`{unit}",
            f"- allowed: {described.allowed}",
            f"- variable: `{described.variable}`",
            f"- why this default: {described.reason}",
            "",
        ]
    )


def configuration_page() -> str:
    """docs/configuration.md."""
    others = "".join(f"- `{name}`: {meaning}\n" for name, meaning in OTHER_VARIABLES.items())
    return PAGE_HEAD + others + "\n" + "\n".join(map(section, describe_fields()))


def example_file() -> str:
    """cotton.example.toml."""
    parts = [EXAMPLE_HEAD]
    for described in describe_fields():
        unit = f" In {described.unit}." if described.unit else ""
        comment = textwrap.fill(
            described.summary + unit, 98, initial_indent="# ", subsequent_indent="# "
        )
        parts.append(f"{comment}\n# {described.name} = {described.default}\n")
    return "\n".join(parts)


def documents() -> dict[Path, str]:
    """What each generated file has to hold."""
    commands = ROOT / "docs" / "cli.md"
    return {
        commands: with_help_texts(commands.read_text("utf-8")),
        ROOT / "docs" / "configuration.md": configuration_page(),
        ROOT / "docs" / "errors.md": errors_page(),
        ROOT / "docs" / "logs.md": logs_page(),
        ROOT / "cotton.example.toml": example_file(),
    }


def stale() -> list[Path]:
    """The generated files that are missing or hold something else."""
    return [
        path
        for path, text in documents().items()
        if not path.is_file() or path.read_text("utf-8") != text
    ]


def main() -> int:
    """Writes the documents, or checks them with --check."""
    if sys.argv[1:] == ["--check"]:
        for path in stale():
            print(f"{path.relative_to(ROOT)} differs from the code; run `make docs`.")
        return 1 if stale() else 0
    for path, text in documents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
