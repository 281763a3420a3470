"""Checks that the contract still understands what was said under its predecessor.

Usage: python tools/check_breaking.py [REVISION]

Compares proto/ as it lies on disk with proto/ at a git revision, by buf's rules for
breaking changes. Without REVISION that is the newest release tag (v*); before the first
release, where this line of work left the main branch; on the main branch itself, the
commit before the last one, or the last one while proto/ has changes that are not
committed. Where there is nothing to compare with (no git, no repository, a clone of one
commit, no protos at that revision) it says so, and fails only if REVISION was given. An
intended break is written into buf.yaml under `breaking`, with its reason.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
MAIN_BRANCHES: Final = ("origin/main", "main")


class NothingToCompareError(Exception):
    """There is no earlier contract within reach; the text says why."""


def git(*arguments: str) -> bytes | None:
    """What git prints, or None when it fails: most questions here may have no answer."""
    command = shutil.which("git")
    if command is None:
        raise NothingToCompareError("git is not installed")
    done = subprocess.run(
        [command, *arguments], cwd=ROOT, check=False, capture_output=True, stdin=subprocess.DEVNULL
    )
    return done.stdout if done.returncode == 0 else None


def commit_of(revision: str) -> str | None:
    """The full id of the commit that `revision` names, if there is one."""
    found = git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    return None if found is None else found.decode().strip()


def predecessor() -> tuple[str, str]:
    """The revision to compare with, and in words what it is."""
    head = commit_of("HEAD")
    if head is None:
        raise NothingToCompareError("this is no git repository with a commit")
    tag = git("describe", "--tags", "--abbrev=0", "--match=v*", "HEAD")
    if tag is not None:
        name = tag.decode().strip()
        return name, f"release {name}"
    for branch in MAIN_BRANCHES:
        fork = git("merge-base", "HEAD", branch)
        if fork is not None and fork.decode().strip() != head:
            return fork.decode().strip(), f"where this work left {branch}"
    if git("diff", "--quiet", "HEAD", "--", "proto") is None:
        return head, "the last commit"
    parent = commit_of("HEAD^")
    if parent is None:
        raise NothingToCompareError("there is no earlier commit in this clone")
    return parent, "the commit before the last one"


def unpack_protos(revision: str, target: Path) -> None:
    """Lays proto/ of `revision` into `target`, beside what the protos import."""
    archive = git("archive", "--format=tar", revision, "proto")
    if archive is None:
        raise NothingToCompareError(f"there is no proto/ at {revision}")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(target, filter="data")
    shutil.copyfile(ROOT / "buf.yaml", target / "buf.yaml")
    shutil.copytree(ROOT / ".build" / "googleapis", target / ".build" / "googleapis")


def compare(revision: str, meaning: str) -> int:
    """Exit status of buf's comparison of the contract on disk with that of `revision`."""
    with tempfile.TemporaryDirectory() as name:
        unpack_protos(revision, Path(name))
        buf = Path(sys.executable).parent / "buf"
        status = subprocess.run(
            [buf, "breaking", "--against", name], cwd=ROOT, check=False
        ).returncode
    if status == 0:
        print(f"The contract breaks nothing of {meaning}.")
    else:
        print(f"The contract breaks with {meaning} ({revision}).")
        print("Add instead of changing; an intended break is listed in buf.yaml under `breaking`.")
    return status


def main() -> int:
    """Compares with the revision given, or with the predecessor found."""
    try:
        if sys.argv[1:]:
            return compare(sys.argv[1], sys.argv[1])
        return compare(*predecessor())
    except NothingToCompareError as reason:
        print(f"Breaking changes not checked: {reason}.")
        return 1 if sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
