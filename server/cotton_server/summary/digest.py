"""One digest of all that cells and facts of lots follow from, beside what is in the registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from cotton_server.grading.rollup import figure_columns
from cotton_server.summary.facts import ADDITIVE, CODED_KEYS, FLAGS, PLACE
from cotton_server.summary.weighted import WEIGHTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

    from cotton_server.summary.gradings import Gradings

_PACKAGES: Final = ("domain", "grading", "reference", "registry", "summary")
"""What takes part in figures of lots; a change of anything in them may change one."""

_SOURCES: Final = (".csv", ".py", ".toml")


def figures_digest(gradings: Gradings, revision: int) -> str:
    """SHA-256 in hex: of equal ones the same registry gives the same cells and facts.

    Of the standards, the definitions, the charts and organisations in force at the revision, the
    columns, and the sources and files of data of this version of the service.
    """
    grading = gradings.at(revision)
    basis = grading.basis
    content = {
        "sources": _sources_digest(),
        "standards": list(basis.standards.values()),
        "definitions": basis.definitions,
        "charts": [(grading.charts[name], chart) for name, chart in sorted(basis.charts.items())],
        "organisations": [
            (version.position, version.record.id, version.record.sha256)
            for version in gradings.organisations(revision)
        ],
        "figures": [figure_columns(each, basis.definitions) for each in basis.standards.values()],
        "columns": [WEIGHTED, CODED_KEYS, FLAGS, PLACE, ADDITIVE],
    }
    return sha256(json.dumps(_plain(content), ensure_ascii=False).encode()).hexdigest()


@cache
def _sources_digest() -> str:
    """SHA-256 in hex over the files that figures are made by, with their names."""
    digest = sha256()
    for package in _PACKAGES:
        for name, file in _files(resources.files(f"cotton_server.{package}"), package):
            content = file.read_bytes()
            digest.update(f"{name} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()


def _files(directory: Traversable, name: str) -> Iterator[tuple[str, Traversable]]:
    for each in sorted(directory.iterdir(), key=lambda each: each.name):
        path = f"{name}/{each.name}"
        if each.is_dir():
            yield from _files(each, path)
        elif each.name.endswith(_SOURCES):
            yield path, each


def _plain(value: Any) -> Any:
    """A value as JSON has it; equal for equal values, in whatever process."""
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return [[_plain(key), _plain(each)] for key, each in value.items()]
    if isinstance(value, AbstractSet):
        return sorted(_plain(each) for each in value)
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise AssertionError(f"{type(value).__name__} has no plain form")
