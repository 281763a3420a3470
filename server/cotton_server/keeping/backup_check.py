"""A backup checked: every file of it against its list, and the data directory in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cotton_server.keeping.check import check
from cotton_server.keeping.contents import is_plain, walk
from cotton_server.keeping.copying import digest_of
from cotton_server.keeping.errors import DamageError
from cotton_server.keeping.findings import Finding
from cotton_server.keeping.record import DATA, RECORD, SUMS, read_facts, read_sums
from cotton_server.ledger.opening import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cotton_server.keeping.findings import Checked

_REMEDY: Final = (
    "Take another backup; `cotton restore` puts back no file that is not in the list as it is."
)


def check_backup(
    backup: Path,
    *,
    full: bool,
    bales_max: int,
    resident_bales_max: int,
    step: Callable[[str], Callable[[int, int], None]],
) -> Checked:
    """Goes through a backup, also one that has no name yet; nothing is changed.

    Raises what `check` raises, and DamageError for a record or list that cannot be read.
    """
    record, sums = read_facts(backup), read_sums(backup)
    told = step("Files")
    listed = []
    for done, (name, digest) in enumerate(sums.items(), start=1):
        listed += list(_of_list(backup, name, digest))
        told(done, len(sums))
    listed += [
        Finding(name, f"is not in {SUMS}", "Nobody reads it; remove it.", is_damage=False)
        for name in _unlisted(backup, set(sums))
    ]
    found = check(
        backup / DATA,
        full=full,
        bales_max=bales_max,
        resident_bales_max=resident_bales_max,
        step=step,
    )
    below = [replace(each, path=f"{DATA}/{each.path}") for each in found.findings]
    if found.is_sound and (found.entries, found.digest) != (record.position, record.digest):
        below.append(
            Finding(
                f"{DATA}/{FILE_NAME}",
                f"ends with entry {found.entries}, digest {found.digest}; {RECORD} says entry"
                f" {record.position}, digest {record.digest}",
                _REMEDY,
            )
        )
    # What a list says of a file may say less than who knows what it is.
    known = {each.path for each in below if each.is_damage}
    return replace(
        found,
        findings=(*(each for each in listed if each.path not in known), *below),
        files=len(sums),
    )


def require_sound(found: Checked, what: str) -> None:
    """Raises DamageError for what was checked and is damaged; `what` says what it was."""
    damage = [each for each in found.findings if each.is_damage]
    if damage:
        more = f" So are {len(damage) - 1} more things." if len(damage) > 1 else ""
        raise DamageError(
            f"{what} is damaged: {damage[0].path} {damage[0].what}.{more} {damage[0].remedy}"
        )


def _of_list(backup: Path, name: str, digest: str) -> Iterator[Finding]:
    try:
        differs = digest_of(backup / name) != digest
    except OSError as error:
        yield Finding(name, f"cannot be read: {error.strerror or error}", _REMEDY)
    else:
        if differs:
            yield Finding(name, f"does not have the digest that {SUMS} has for it", _REMEDY)


def _unlisted(backup: Path, listed: set[str]) -> Iterator[str]:
    for path in walk(backup):
        name = path.relative_to(backup).as_posix()
        if is_plain(path) and name not in listed and name != SUMS:
            yield name
