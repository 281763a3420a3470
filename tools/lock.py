"""Pins every distribution that the project installs, with the hashes of its files.

Usage: python tools/lock.py

`requirements.lock` is what the service and its client run on, together with the build
backend that installs the project itself; `requirements-dev.lock` adds what tests, lint
and builds need, `requirements-bench.lock` what benchmarks compare the service with. All
hold for every supported Python and platform, agree with each other, and are read by plain
pip with --require-hashes. Versions already pinned are kept where pyproject.toml still
allows them; delete the lock files to take the newest of all.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
RUNTIME: Final = "requirements.lock"
DEVELOPMENT: Final = "requirements-dev.lock"
BENCHMARKS: Final = "requirements-bench.lock"
NOTE: Final = "# Written by `make lock` from pyproject.toml; never edited by hand.\n"

# Hashes without addresses: which index serves the files is each machine's own setting.
OPTIONS: Final = (
    "--universal",
    "--fork-strategy=fewest",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-annotate",
    "--no-header",
    "--quiet",
)


def compile_lock(lock: str, *arguments: str, build_requirements: str) -> None:
    """Resolves pyproject.toml and the build requirements into the file `lock`."""
    subprocess.run(
        [
            Path(sys.executable).parent / "uv",
            "pip",
            "compile",
            *OPTIONS,
            *arguments,
            f"--output-file={lock}",
            "pyproject.toml",
            "-",
        ],
        cwd=ROOT,
        check=True,
        input=build_requirements,
        text=True,
        stdout=subprocess.DEVNULL,
    )
    target = ROOT / lock
    target.write_text(NOTE + target.read_text("utf-8").removeprefix(NOTE), "utf-8")


def build_requirements_of(project: dict[str, Any]) -> list[str]:
    """What installing the project itself in editable form takes, by its own build backend."""
    backend = importlib.import_module(project["build-system"]["build-backend"])
    return [*project["build-system"]["requires"], *backend.get_requires_for_build_editable()]


def main() -> None:
    """Writes the lock files, keeping pins that are there already."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    requirements = "\n".join(build_requirements_of(project))
    oldest = "--python-version=" + project["project"]["requires-python"].removeprefix(">=")
    compile_lock(RUNTIME, oldest, build_requirements=requirements)
    compile_lock(
        DEVELOPMENT,
        oldest,
        "--group=dev",
        f"--constraints={RUNTIME}",
        build_requirements=requirements,
    )
    # Held to both, so that it can be installed into an environment of either.
    compile_lock(
        BENCHMARKS,
        oldest,
        "--group=bench",
        f"--constraints={DEVELOPMENT}",
        build_requirements=requirements,
    )


if __name__ == "__main__":
    main()
