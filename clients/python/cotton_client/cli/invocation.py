"""How the command was started, for hints that can be copied and run."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

NAME: Final = "cotton"
_MODULE: Final = Path(__file__).with_name("__main__.py")


def started_as() -> str:
    """`cotton` where the shell finds this very command by it, otherwise what was started.

    That is the path of the script, or `python -m cotton_client.cli`, quoted for a shell.
    """
    script = Path(sys.argv[0])
    if script.name == _MODULE.name and script.resolve() == _MODULE:
        return f"{shlex.quote(sys.executable)} -m cotton_client.cli"
    found = shutil.which(NAME)
    if script.name != NAME or script.parent == Path() or (found and script == Path(found)):
        return NAME
    return shlex.quote(str(script))


def as_started(text: str) -> str:
    """The text with the commands that it quotes, such as `cotton serve`, as they can be run."""
    return text.replace(f"`{NAME} ", f"`{started_as()} ")
