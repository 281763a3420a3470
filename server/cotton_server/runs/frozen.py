"""Frozen runs: checked before they are stored, read from the archive, computed anew."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from cotton_server.errors import Reason, ServiceError
from cotton_server.grading import GRADING_VERSION
from cotton_server.settlement import SETTLEMENT_VERSION

if TYPE_CHECKING:
    from cotton.inspection.v1 import settlement_pb2

    from cotton_server.registry.registry import Registry
    from cotton_server.registry.settlement_runs import FrozenRun
    from cotton_server.runs.archive import Archive
    from cotton_server.runs.settle import Settler
    from cotton_server.runs.settlement import Settlement

KEPT_MAX: Final = 2
"""Runs that are kept in memory: two are compared."""

UNKNOWN: Final = "not known"
"""Stands for the version that made a run whose archive is gone."""


class FrozenRuns:
    """The runs of a registry with their lines."""

    def __init__(self, registry: Registry, settler: Settler, archive: Archive) -> None:
        """Takes what holds the runs, what computes them, and where their lines are kept."""
        self._registry = registry
        self._settler = settler
        self._archive = archive
        self._kept: OrderedDict[str, Settlement] = OrderedDict()
        self._lock = threading.Lock()

    def run(self, run_id: str) -> FrozenRun:
        """The run of an id; raises ServiceError where there is none."""
        found = self._registry.runs.get(run_id)
        if found is None:
            raise ServiceError(
                Reason.NOT_FOUND,
                f"No run {run_id} is stored. ListRuns lists those that are.",
                {"id": "not stored"},
            )
        return found

    def check(self, run: settlement_pb2.Run) -> None:
        """Raises ServiceError where the digest of a run is not what its terms come to.

        A run that is stored already was checked when it was.
        """
        stored = self._registry.runs.get(run.id)
        if stored is not None and stored.run == run:
            return
        if not run.terms.revision:
            raise ServiceError(
                Reason.INVALID_FIELD,
                "A run names the revision of its trial, which its header has.",
                {"runs.terms.revision": "missing"},
            )
        for field, said, ours in (
            ("settlement_version", run.settlement_version, SETTLEMENT_VERSION),
            ("grading_version", run.grading_version, GRADING_VERSION),
        ):
            if said not in ("", ours):
                raise ServiceError(
                    Reason.INVALID_FIELD,
                    f"The run names {field} {said}, and the service computes by {ours}. Freeze the"
                    " trial of this service, with the versions of its header.",
                    {f"runs.{field}": f"not {ours}"},
                )
        digest = self._settler.settle(run.terms).canonical().digest
        if digest != run.digest:
            raise ServiceError(
                Reason.DIGEST_DIFFERS,
                f"The terms come to the digest {digest}, and the run has {run.digest or 'none'}.",
                {"runs.digest": "not what the terms come to"},
                {"digest": digest},
            )

    def archive(self, run: settlement_pb2.Run) -> None:
        """Keeps the lines of a run that was stored."""
        self._archive.write(self._settler.settle(run.terms))

    def lines(self, frozen: FrozenRun) -> Settlement:
        """The lines of a run as they were frozen.

        Raises ServiceError where neither the archive nor this version of the service has them.
        """
        run = frozen.run
        with self._lock:
            kept = self._kept.get(run.digest)
            if kept is not None:
                self._kept.move_to_end(run.digest)
                return kept
        terms = self._settler.resolve(run.terms)
        found = self._archive.read(run.digest, terms)
        if found is None:
            found = self._settler.compute(terms)
            if found.canonical().digest != run.digest:
                settlement, grading = self.versions(run)
                raise ServiceError(
                    Reason.RUN_DIFFERS,
                    f"Run {run.id} was made by settlement version {settlement} and grading version"
                    f" {grading}; its archive is gone, and versions {SETTLEMENT_VERSION} and"
                    f" {GRADING_VERSION} come to another digest.",
                    metadata={
                        "settlement_version": settlement,
                        "grading_version": grading,
                        "digest": found.canonical().digest,
                    },
                )
            self._archive.write(found)
        with self._lock:
            self._kept[run.digest] = found
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return found

    def digest_now(self, frozen: FrozenRun) -> str:
        """The digest of a run computed anew from the ledger."""
        terms = self._settler.resolve(frozen.run.terms)
        return self._settler.compute(terms).canonical().digest

    def versions(self, run: settlement_pb2.Run) -> tuple[str, str]:
        """The settlement and grading versions that made a run: as it says, else its archive."""
        if run.settlement_version and run.grading_version:
            return run.settlement_version, run.grading_version
        said = dict(
            line.split(" ", 1)
            for line in self._archive.manifest(run.digest).splitlines()
            if line.startswith(("settlement_version ", "grading_version "))
        )
        return said.get("settlement_version", UNKNOWN), said.get("grading_version", UNKNOWN)
