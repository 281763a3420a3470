"""Stored readings put back into the message that they came as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from cotton.inspection.v1 import readings_pb2

from cotton_server.domain.fields import ABSENT, VALUE_FIELDS
from cotton_server.domain.identifiers import BaleKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cotton.inspection.v1 import common_pb2

    from cotton_server.registry.registry import Registry

_YES_OR_NO: Final = "foreign_fibre"


def key_of_row(registry: Registry, row: int) -> BaleKey:
    """The bale that a row of the store is about."""
    return BaleKey(int(registry.bales.high[row]), int(registry.bales.low[row]))


def readings_of(
    registry: Registry, rows: Sequence[int], amendments: Mapping[int, common_pb2.Amendment]
) -> list[readings_pb2.Reading]:
    """The readings of rows of the store, in order; `amendments` are those of corrections, by row.

    The store's columns are read whole for all rows; nothing is read of the ledger.
    """
    where = np.asarray(rows, np.intp)
    bales = registry.bales
    references = {name: column[where].tolist() for name, column in bales.references.items()}
    values = {field.name: bales.values[field.name][where].tolist() for field in VALUE_FIELDS}
    kinds, times = bales.kind[where].tolist(), bales.inspected_at_s[where].tolist()
    keys = map(BaleKey, bales.high[where].tolist(), bales.low[where].tolist())
    answer = []
    for place, (row, key) in enumerate(zip(rows, keys, strict=True)):
        present: dict[str, Any] = {
            name: column[place] for name, column in values.items() if column[place] != ABSENT
        }
        if _YES_OR_NO in present:
            present[_YES_OR_NO] = bool(present[_YES_OR_NO])
        if key.is_usda:
            present["usda_bale"] = readings_pb2.UsdaBale(crop_year=key.crop_year, bale_id=key.code)
        else:
            present["bale_code"] = key.code
        for name, book in registry.texts.items():
            present[name] = book[references[name][place]]
        answer.append(
            readings_pb2.Reading(
                lot_no=registry.lots.lot_no(references["lot"][place]),
                kind=kinds[place],
                inspected_at_s=times[place],
                amendment=amendments.get(row),
                **present,
            )
        )
    return answer
