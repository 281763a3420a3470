"""Loads the standards that come with the package, and chooses the one for a lot."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

from cotton_server.grading.standard_file import StandardFileError, parse_standard

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cotton_server.grading.standard import Standard


@cache
def load_standards() -> Mapping[str, Standard]:
    """The standards of the package by id, oldest first; read once.

    Raises StandardFileError where a file is wrong or two contradict each other.
    """
    folder = resources.files("cotton_server.grading").joinpath("standards")
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".toml"))
    return collect_standards(
        (parse_standard(folder.joinpath(name).read_text("utf-8"), name), name) for name in files
    )


def collect_standards(parsed: Iterable[tuple[Standard, str]]) -> Mapping[str, Standard]:
    """The standards by id, oldest first, each given with the name of its file.

    Raises StandardFileError for an id that occurs twice or, but for a slash, is not the file's
    name, for one that supersedes a standard that is not there, and where two standards claim the
    same cotton type in the same season.
    """
    by_id: dict[str, Standard] = {}
    for standard, file in parsed:
        if _file_name(standard) != file:
            raise StandardFileError(file, "id", f"{standard.id} is not the file's name.")
        if standard.id in by_id:
            raise StandardFileError(file, "id", f"{standard.id} occurs more than once.")
        by_id[standard.id] = standard
    for standard in by_id.values():
        if standard.supersedes is not None and standard.supersedes not in by_id:
            raise StandardFileError(
                _file_name(standard), "supersedes", f"{standard.supersedes} is not there."
            )
    _check_seasons(by_id.values())
    oldest_first = sorted(by_id.values(), key=_age)
    return MappingProxyType({standard.id: standard for standard in oldest_first})


def choose_standard(
    standards: Mapping[str, Standard], *, named: str, cotton_type: str, season: int
) -> Standard | None:
    """The standard that grades a lot: the one named, else by cotton type and crop year.

    `cotton_type` is a name of the contract's enum without prefix, `season` a crop year: 2024
    is the season that starts on 2024-09-01. None where the one named is not loaded, and where
    no loaded standard covers the cotton: such bales are counted and never graded by another.
    """
    if named:
        return standards.get(named)
    return next((each for each in standards.values() if each.covers(cotton_type, season)), None)


def _file_name(standard: Standard) -> str:
    """The id without the slash that no file name can have: GB/T19635-2024 is GBT19635-2024.toml."""
    return f"{standard.id.replace('/', '')}.toml"


def _age(standard: Standard) -> tuple[date, str]:
    """Those whose day is not known come last."""
    return (standard.in_force_from or date.max, standard.id)


def _check_seasons(standards: Iterable[Standard]) -> None:
    """No season of a cotton type belongs to two standards."""
    by_type: defaultdict[str, list[Standard]] = defaultdict(list)
    for standard in standards:
        for cotton_type in standard.cotton_types:
            for other in by_type[cotton_type]:
                if _seasons_overlap(standard, other):
                    raise StandardFileError(
                        _file_name(standard),
                        "seasons",
                        f"{other.id} claims some of the same seasons for {cotton_type}.",
                    )
            by_type[cotton_type].append(standard)


def _seasons_overlap(one: Standard, other: Standard) -> bool:
    return _starts_by_end(one, other) and _starts_by_end(other, one)


def _starts_by_end(one: Standard, other: Standard) -> bool:
    """Whether `one` begins no later than `other` ends."""
    return (
        one.first_season is None
        or other.last_season is None
        or one.first_season <= other.last_season
    )
