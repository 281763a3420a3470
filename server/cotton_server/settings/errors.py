"""The error of a setting that a server does not start with."""

from __future__ import annotations

from pathlib import Path

from cotton_server.errors import StartError


class ConfigError(StartError):
    """A setting that the server does not start with.

    `source` is where it was given (file and key, variable, flag, or the setting itself),
    `value` what was given, `problem` what is wrong with it, `allowed` what to give instead.
    """

    def __init__(
        self, source: str, value: object, allowed: str, problem: str = "is not allowed"
    ) -> None:
        super().__init__(source, value, allowed, problem)
        self.source = source
        self.value = value
        self.allowed = allowed
        self.problem = problem

    def __str__(self) -> str:
        """Source, value, what is wrong and what is allowed, in one line."""
        shown = str(self.value) if isinstance(self.value, Path) else self.value
        return f"{self.source}: {shown!r} {self.problem}; allowed: {self.allowed}."
