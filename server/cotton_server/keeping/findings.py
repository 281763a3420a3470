"""What was found in a data directory that is not as it should be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing: where, what, and what to do about it.

    `path` is below the directory that was checked. Where it is no damage, everything is answered
    as it should be all the same.
    """

    path: str
    what: str
    remedy: str
    is_damage: bool = True


@dataclass(frozen=True, slots=True)
class Checked:
    """What was gone through in a data directory, and what of it is not as it was written.

    `level` is `full`, or `digests`: then decisions were not made again, and `bales`, `state` and
    what a full check alone finds are None. `entries` are those that hold, from the first one on;
    `digest` is the chained digest (hex) of the last of them: two ledgers with the same one hold the
    same entries. `state` is the position of the newest state that was compared, 0 without one;
    `states_gone` are those that a server took away meanwhile, `states_of_others` those of which not
    all could be compared, as another version of the service wrote them.
    """

    level: str
    findings: tuple[Finding, ...]
    entries: int
    digest: str
    sealed_ranges: int
    sealed_entries: int
    files: int
    bales: int | None = None
    state: int | None = None
    states_gone: tuple[int, ...] = ()
    states_of_others: tuple[int, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged."""
        return not any(each.is_damage for each in self.findings)
