"""The keys by which grades are summed up, and what makes a request for them well-formed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_server.summary.errors import EmptyFilterError, RepeatedKeyError, UnknownKeyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STANDARD_KEY: Final = "standard"
"""The one key that belongs to a bale rather than to its lot."""

_COLUMN_OF_KEY: Final = {
    "season": "season",
    "region": "region",
    "division": "division",
    "regiment": "regiment",
    "county": "county",
    "gin": "gin",
    "warehouse": "warehouse",
    "cotton_type": "cotton_type",
    "lot": "lot_no",
    "picking_mode": "picking_mode",
    "channel": "channel",
    "traceability_unit": "traceability_unit",
    "agency": "agency",
}

SUMMARY_KEYS: Final = (*_COLUMN_OF_KEY, STANDARD_KEY)
"""Every key by which a summary can group and filter."""


def check_request(
    keys: Sequence[str], filters: Mapping[str, Sequence[str]], *, without: Sequence[str] = ()
) -> None:
    """Raises UnknownKeyError, RepeatedKeyError or EmptyFilterError for what has no answer.

    Keys in `without` are not known to this kind of request.
    """
    known = [key for key in SUMMARY_KEYS if key not in without]
    for key in (*keys, *filters):
        if key not in known:
            raise UnknownKeyError(key, known)
    for key in keys:
        if keys.count(key) > 1:
            raise RepeatedKeyError(key)
    for key, values in filters.items():
        if not values:
            raise EmptyFilterError(key)


def key_column(key: str) -> str:
    """Name of the column that holds the values of a key in summed-up frames."""
    return f"key.{key}"


def lot_key(key: str) -> pl.Expr:
    """The value of a lot's key as text, named by `key_column`; "" where the lot lacks it."""
    value = pl.col(_COLUMN_OF_KEY[key])
    if key == "season":
        value = pl.when(value > 0).then(value).cast(pl.String)
    return value.fill_null("").alias(key_column(key))
