"""Which readings count: those in force, or those of first inspections."""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum
from typing import TYPE_CHECKING

from cotton.inspection.v1 import summary_pb2

from cotton_server.registry.runs import bales_in

if TYPE_CHECKING:
    from cotton_server.registry.lots import LotAt


class Basis(IntEnum):
    """The numbers of the contract's enum, which says what each means."""

    IN_FORCE = summary_pb2.BASIS_IN_FORCE
    FIRST_INSPECTION = summary_pb2.BASIS_FIRST_INSPECTION


def on_basis(lot: LotAt, basis: Basis) -> LotAt:
    """The lot with the bales that count on a basis in `runs`."""
    if basis is Basis.IN_FORCE:
        return lot
    return replace(lot, runs=lot.first_runs, bales=bales_in(lot.first_runs))
