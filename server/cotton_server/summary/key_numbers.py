"""Keys and filters as the contract has them: numbers of its enum, and what each is called here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import summary_pb2

from cotton_server.summary.errors import RepeatedFilterError, UnknownKeyError
from cotton_server.summary.keys import SUMMARY_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable

NUMBER_OF_KEY: Final = {
    key: summary_pb2.SummaryKey.Value(f"SUMMARY_KEY_{key.upper()}") for key in SUMMARY_KEYS
}
_KEY_OF_NUMBER: Final = {number: key for key, number in NUMBER_OF_KEY.items()}


def summary_key_name(number: int) -> str:
    """The key of a number of the contract's enum SummaryKey; UnknownKeyError for others."""
    try:
        return _KEY_OF_NUMBER[number]  # type: ignore[index]  # any integer may be received
    except KeyError as error:
        raise UnknownKeyError(str(number), SUMMARY_KEYS) from error


def key_filters(filters: Iterable[summary_pb2.KeyFilter]) -> dict[str, list[str]]:
    """The values wanted by key.

    Raises UnknownKeyError, and RepeatedFilterError where two filters are on one key.
    """
    wanted: dict[str, list[str]] = {}
    for each in filters:
        name = summary_key_name(each.key)
        if name in wanted:
            raise RepeatedFilterError(name)
        wanted[name] = list(each.values)
    return wanted
