"""A data directory checked: every byte against its digest, every decision against the entries."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import apsw

from cotton_server.errors import StartError
from cotton_server.keeping.contents import (
    LEDGER_LOG,
    UNFINISHED,
    named,
    require_data_directory,
    state_directories,
)
from cotton_server.keeping.copying import digest_of
from cotton_server.keeping.findings import Checked, Finding
from cotton_server.keeping.forms import require_known_forms
from cotton_server.keeping.surroundings import look_around
from cotton_server.ledger import (
    GENESIS,
    EvidenceDamagedError,
    LedgerDamagedError,
    LedgerError,
    LedgerReader,
    sealed_directory,
)
from cotton_server.ledger.log_tail import commits_lost
from cotton_server.ledger.opening import FILE_NAME, connect_to_read, odd_tables
from cotton_server.ledger.seal import SEALED_NAME, read_seals, require_catalogue, seal_of
from cotton_server.sealing.files import SealedFileError
from cotton_server.sealing.history import open_part
from cotton_server.sealing.key_files import FORM, KeyFileError, KeysDamagedError, is_of_other_form
from cotton_server.sealing.manifest import STATE_HEAD, part_path
from cotton_server.sealing.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from cotton_server.ledger import Seal

FULL: Final = "full"
DIGESTS: Final = "digests"

_ENTRIES: Final = "entries"
_PROBLEMS_MAX: Final = 5
"""What SQLite lists of a damaged file."""
_EVIDENCE: Final = (
    "Do not delete anything: look at the disk, and restore this file, which never changes, from"
    " any backup that has it; nothing else has to be restored."
)
_OF_LOG: Final = (
    "SQLite does without them, and a start writes over them: copy the data directory aside first."
    " What was acknowledged last may be gone. Then start the server, and have producers send again"
    " from the sequence on that `cotton producer` tells."
)
_DERIVED: Final = (
    "No entry is lost. Bring the file back from a backup, or move the directory sealed/state away"
    " and start the server, which writes it again from the entries."
)


def check(
    directory: Path,
    *,
    full: bool,
    bales_max: int,
    resident_bales_max: int,
    step: Callable[[str], Callable[[int, int], None]],
    is_unfinished: bool = False,
) -> Checked:
    """Goes through a data directory, also one that a server writes; nothing is changed.

    Every file is read and compared with its digest, and the chain over all entries is followed;
    where that holds and `full` is asked for, every decision is made again, and what is sealed is
    compared with what the entries come to. `step` begins a bar of progress; `is_unfinished` is
    said by who puts the directory back just now. Raises NotUsableError for what is no data
    directory, LedgerVersionError and NewerFormError for one of another version, LedgerFailedError
    for one that cannot be opened, OSError.
    """
    require_data_directory(directory)
    require_known_forms(directory)
    checking = _Checking(directory)
    if is_unfinished:
        checking.findings = [each for each in checking.findings if each.path != UNFINISHED]
    try:
        checking.digests(step)
    except LedgerDamagedError as error:
        checking.findings.append(_of_ledger(error, directory))
    found = checking.checked(FULL if full else DIGESTS)
    if not full or not _is_comparable(found):
        return found
    return _compared(directory, found, bales_max, resident_bales_max, step)


def _is_comparable(found: Checked) -> bool:
    """Whether what was read is worth deciding again."""
    parts = (FILE_NAME, f"{SEALED_NAME}/")
    return not any(each.is_damage and each.path.startswith(parts) for each in found.findings)


class _Checking:
    """Reads everything once, and notes what is not as it was written."""

    def __init__(self, directory: Path) -> None:
        self.findings: list[Finding] = list(look_around(directory))
        self._directory, self._root = directory, sealed_directory(directory)
        self._entries, self._digest, self._files = 0, GENESIS, 0
        self._seals: Sequence[Seal] = ()
        self._named: Mapping[str, str] = {}

    def digests(self, step: Callable[[str], Callable[[int, int], None]]) -> None:
        """Compares all digests; raises LedgerDamagedError where the ledger cannot be read on."""
        lost = commits_lost(self._directory / FILE_NAME)
        if lost:
            self._note(LEDGER_LOG, f"has {lost} commits behind a page that has changed", _OF_LOG)
        self._database()
        with closing(LedgerReader(self._directory)) as ledger:
            of = ledger.position
            self._seals = tuple(seal for seal in ledger.seals() if seal.last <= of)
            files = self._named = dict(self._sealed(ledger))
            try:
                self._chain(ledger, step("Entries"))
            except LedgerDamagedError as error:
                # What is sealed may be as it was, or be damaged as well.
                self.findings.append(_of_ledger(error, self._directory))
            told = step("Sealed files")
            for done, (name, digest) in enumerate(files.items(), start=1):
                self._compare(name, digest)
                told(done, len(files))
            told = step("Keys")
            for done, seal in enumerate(self._seals, start=1):
                self._keys(seal)
                told(done, len(self._seals))
            self._states()

    def checked(self, level: str) -> Checked:
        """What was found so far."""
        return Checked(
            level=level,
            findings=tuple(self.findings),
            entries=self._entries,
            digest=self._digest.hex(),
            sealed_ranges=len(self._seals),
            sealed_entries=self._seals[-1].last if self._seals else 0,
            files=self._files,
        )

    def _database(self) -> None:
        """Has SQLite look at its pages and indices: a damaged index hides entries.

        Then what it knows of tables is compared with how they are made, and the catalogue of seals
        with the entries.
        """
        try:
            with closing(connect_to_read(self._directory / FILE_NAME)) as connection:
                said = connection.execute(f"PRAGMA integrity_check({_PROBLEMS_MAX})").fetchall()
                if said == [("ok",)]:
                    said = [(f"{name} is not as it is made",) for name in odd_tables(connection)]
                if not said:
                    require_catalogue(connection, read_seals(connection))
        except LedgerDamagedError as error:
            self.findings.append(_of_ledger(error, self._directory))
            return
        except (apsw.CorruptError, apsw.NotADBError) as error:
            said = [(str(error),)]
        except apsw.CantOpenError:
            return  # told by who reads it
        if said:
            problems = "; ".join(" ".join(str(each).split()) for (each,) in said)
            self.findings.append(
                Finding(
                    FILE_NAME,
                    f"is damaged: {problems}",
                    "Do not delete anything: copy the data directory aside, look at the disk, and"
                    " restore the last backup with `cotton restore`.",
                )
            )

    def _chain(self, ledger: LedgerReader, told: Callable[[int, int], None]) -> None:
        """Follows the chain to its end, past every file of payloads that is damaged."""
        of, position, previous, whole = ledger.position, 0, GENESIS, True
        while position < of:
            try:
                for entry in ledger.verified(position, previous):
                    position, previous = entry.position, entry.digest
                    told(position, of)
                    if whole:
                        self._entries, self._digest = position, previous
            except EvidenceDamagedError as error:
                whole = False
                self.findings.append(self._of_evidence(error))
                seal = seal_of(self._seals, error.position)
                if seal is None:
                    raise
                position, previous = seal.last, seal.digest

    def _of_evidence(self, error: EvidenceDamagedError) -> Finding:
        """Of a payload that is not what its entry says: the file, or else the entry itself."""
        name = _below(self._directory, error.path)
        try:
            is_sound = digest_of(error.path) == self._named.get(name)
        except OSError:
            is_sound = False
        if not is_sound:
            return _of_ledger(error, self._directory)
        what = f"its digest of the payload is not that of what was sealed in {name}"
        return _of_ledger(LedgerDamagedError(error.position, what), self._directory)

    def _sealed(self, ledger: LedgerReader) -> Iterator[tuple[str, str]]:
        """The files that the manifests name, with their digests; notes damaged manifests."""
        for seal in self._seals:
            path = part_path(self._root, seal.first, seal.last)
            name = path.relative_to(self._directory).as_posix()
            self._files += 1
            try:
                content = path.read_bytes()
                files = named(content)
            except (OSError, ValueError) as error:
                self._note(name, f"cannot be read: {error}", _DERIVED)
                continue
            if sha256(content).digest() not in (seal.manifest_digest, _now(ledger, seal)):
                self._note(name, "is not the one that stands in the catalogue", _DERIVED)
                continue
            yield from ((f"{SEALED_NAME}/{path}", digest) for path, digest in files.items())

    def _keys(self, seal: Seal) -> None:
        """Notes a file of keys that is not what it says itself that it is.

        One that is not there, or is of another form, is made again by a start.
        """
        try:
            file = open_part(self._root, seal).key_file
        except SealedFileError:
            return  # of another version, or told of already
        name = file.path.relative_to(self._directory).as_posix()
        try:
            with file.path.open("rb") as content:
                if is_of_other_form(content.read(len(FORM))):
                    return
            self._files += 1
            file.filter()
        except FileNotFoundError:
            return
        except OSError as error:
            what = f"cannot be read: {error.strerror or error}"
        except KeyFileError as error:
            what = str(error).removeprefix(f"{file.path} ")
        else:
            return
        if file.path.exists():
            self._note(name, what, KeysDamagedError(file.path, what).remedy)

    def _compare(self, name: str, digest: str) -> None:
        """Notes a sealed file that is not the one that a manifest or state names."""
        if any(each.path == name for each in self.findings if each.is_damage):
            return
        self._files += 1
        try:
            differs = digest_of(self._directory / name) != digest
            what = "does not have the digest it was written with" if differs else ""
        except OSError as error:
            what = f"cannot be read: {error.strerror or error}"
        if what:
            is_evidence = name.startswith(f"{SEALED_NAME}/{_ENTRIES}/")
            self._note(name, what, _EVIDENCE if is_evidence else _DERIVED)

    def _states(self) -> None:
        """Compares the files of all states with what these say of them."""
        last = self._seals[-1].last if self._seals else 0
        for directory in state_directories(self._directory, last):
            head = directory / STATE_HEAD
            name = directory.relative_to(self._directory).as_posix()
            before = len(self.findings)
            self._files += 1
            try:
                for path, digest in named(head.read_bytes()).items():
                    self._compare(f"{name}/{path}", digest)
            except (OSError, ValueError) as error:
                self._note(f"{name}/{STATE_HEAD}", f"cannot be read: {error}", _DERIVED)
            if not directory.is_dir():
                # A server has taken it away for a newer one meanwhile.
                del self.findings[before:]

    def _note(self, path: str, what: str, remedy: str) -> None:
        self.findings.append(Finding(path, what, remedy))


def _now(ledger: LedgerReader, seal: Seal) -> bytes:
    """The digest of a manifest as the catalogue has it now: a server may have written it again."""
    return next(each.manifest_digest for each in ledger.seals() if each.number == seal.number)


def _of_ledger(error: LedgerDamagedError, directory: Path) -> Finding:
    what = f"entry {error.position}: {error.what}"
    if isinstance(error, EvidenceDamagedError):
        return Finding(_below(directory, error.path), what, error.advice)
    return Finding(FILE_NAME, what, error.advice)


def _below(directory: Path, path: Path) -> str:
    return path.relative_to(directory).as_posix()


def _compared(
    directory: Path,
    found: Checked,
    bales_max: int,
    resident_bales_max: int,
    step: Callable[[str], Callable[[int, int], None]],
) -> Checked:
    """The same, with everything decided again and compared."""
    findings = list(found.findings)
    try:
        held = verify(
            directory,
            bales_max=bales_max,
            resident_bales_max=resident_bales_max,
            told=step("Decisions"),
        )
    except SealedFileError as error:
        findings.append(Finding(_below(directory, error.path), error.what, error.remedy))
        return replace(found, findings=tuple(findings))
    except LedgerDamagedError as error:
        findings.append(_of_ledger(error, directory))
        return replace(found, findings=tuple(findings))
    except (LedgerError, StartError) as error:
        findings.append(Finding(FILE_NAME, str(error), "Then check the directory again."))
        return replace(found, findings=tuple(findings))
    findings += [
        Finding(
            f"{SEALED_NAME}/{each}",
            "is named by no seal and no state",
            "It counts for nothing, and the next seal removes it or puts it aside.",
            is_damage=False,
        )
        for each in held.strays
    ]
    return replace(
        found,
        findings=tuple(findings),
        entries=held.entries,
        digest=held.digest,
        sealed_ranges=held.sealed_ranges,
        sealed_entries=held.sealed_entries,
        bales=held.bales,
        state=held.state,
        states_gone=held.states_gone,
        states_of_others=held.states_of_others,
    )
