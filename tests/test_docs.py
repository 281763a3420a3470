"""Tests that documents, lock files and the Makefile keep in step with what they describe."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from cotton_client.readers import lots_csv, readings_csv, weights_csv
from cotton_server.grading import chart_file
from cotton_server.reference import organisation
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("clients/*.md")])
NOT_OURS = {"node_modules", "dist", "cotton-data", "__pycache__"}

FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.$}<])/(?:work|root)/"),
    "a package index": re.compile(
        r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|deb\.debian\.org|proxy\.golang\.org"
    ),
}


def project_files() -> list[Path]:
    """Files that are committed or about to be; without git, all but what builds leave behind."""
    git = shutil.which("git")
    if git is not None:
        listed = subprocess.run(
            [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=False,
            capture_output=True,
        )
        if listed.returncode == 0:
            found = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
            return [path for path in found if path.is_file()]
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file()
        and not any(
            part in NOT_OURS or (part.startswith(".") and part != ".ci")
            for part in path.relative_to(ROOT).parts[:-1]
        )
    ]


def pins(lock: str) -> dict[str, list[str]]:
    """The pinned requirements of a lock file with their options, by distribution."""
    lines = (ROOT / lock).read_text("utf-8").replace("\\\n", " ").splitlines()
    entries = [line.split() for line in lines if line and not line.startswith("#")]
    return {entry[0].split("==")[0]: entry for entry in entries}


def anchors(document: Path) -> set[str]:
    """What the headings of a document can be linked by."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_generated_documents_are_in_step_with_the_code() -> None:
    """docs/configuration.md and cotton.example.toml are what `make docs` writes."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.generate_docs", "--check"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link of a document names a file that is there, and a heading in it."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        if not file.exists() or (anchor and file.is_file() and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_project_names_no_machine_and_no_index(what: str) -> None:
    """No file holds an absolute path of a machine or the address of a package index."""
    files = project_files()
    assert ROOT / "pyproject.toml" in files
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in files
        if (match := FORBIDDEN[what].search(path.read_bytes().decode("utf-8", "replace")))
    ]
    assert found == []


def test_forbidden_texts_are_recognised() -> None:
    """The patterns catch what they are for, and leave parts of other paths alone."""
    path, index = FORBIDDEN.values()
    slash = "/"
    assert path.search(f"see {slash}work{slash}notes")
    assert path.search(f'"{slash}root{slash}.profile"')
    assert not path.search("docs/work/notes, $HOME/work/notes, ./root/file")
    assert index.search("https://pypi" + ".org/simple")
    assert not index.search("a package from PyPI")


def test_the_lock_files_hold_what_the_project_asks_for() -> None:
    """Every requirement of pyproject.toml is pinned at a version that it allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    runtime = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    groups = project["dependency-groups"]
    for lock, asked in (
        ("requirements.lock", runtime),
        ("requirements-dev.lock", [*runtime, *groups["dev"]]),
        ("requirements-bench.lock", [*runtime, *groups["bench"]]),
    ):
        pinned = pins(lock)
        for requirement in map(Requirement, asked):
            name = canonicalize_name(requirement.name)
            assert name in pinned, f"{lock} lacks {name}; run `make lock`"
            version = pinned[name][0].split("==")[1]
            assert requirement.specifier.contains(version), f"{lock}: {name}; run `make lock`"


def test_the_lock_files_agree_and_carry_hashes() -> None:
    """What the service runs on is what the tests ran on, byte for byte, from any index."""
    runtime, development = pins("requirements.lock"), pins("requirements-dev.lock")
    benchmarks = pins("requirements-bench.lock")
    assert runtime.items() <= development.items()
    assert runtime.items() <= benchmarks.items()
    for name in development.keys() & benchmarks.keys():
        assert development[name] == benchmarks[name]
    for entry in (*development.values(), *benchmarks.values()):
        assert any(part.startswith("--hash=sha256:") for part in entry)
        assert not any("://" in part or part.startswith("--index") for part in entry)


def test_the_makefile_lists_every_target() -> None:
    """`make help` names each target that a person may call."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    make = shutil.which("make")
    assert make is not None
    # As from a shell, also where these tests run under make: a make within one says more.
    environ = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    shown = subprocess.run(
        [make, "help"], cwd=ROOT, check=True, capture_output=True, text=True, env=environ
    )
    listed = {line.split()[1] for line in shown.stdout.splitlines()}
    assert listed == set(phony[1].split()) - {"moved"}


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("Readings", readings_csv.COLUMNS),
        ("Lots", lots_csv.COLUMNS),
        ("Weights", weights_csv.COLUMNS),
        ("Organisations", organisation.COLUMNS),
        ("Colour charts", chart_file.KEYS),
    ],
)
def test_every_column_of_a_file_is_documented(heading: str, columns: tuple[str, ...]) -> None:
    text = (ROOT / "docs" / "files.md").read_text("utf-8")
    (section,) = [part for part in text.split("\n## ") if part.startswith(heading)]
    named = set(re.findall(r"`([a-z_]+)`", section))
    assert set(columns) <= named
