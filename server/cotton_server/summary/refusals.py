"""What is wrong with a question, as the error that the service answers with."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from cotton_server.errors import Reason, ServiceError
from cotton_server.summary.errors import (
    SummaryRequestError,
    TooManyError,
    UnknownStandardError,
)
from cotton_server.summary.keys import SUMMARY_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton.inspection.v1 import summary_pb2

_FILTERS_MAX: Final = len(SUMMARY_KEYS)
_VALUES_MAX: Final = 10_000
"""Values of one filter; what names more lots than this is asked for part by part."""

_COLUMNS_MAX: Final = 2_000


@contextmanager
def typed() -> Iterator[None]:
    """Raises ServiceError in place of a SummaryRequestError."""
    try:
        yield
    except UnknownStandardError as error:
        raise ServiceError(
            Reason.UNKNOWN_STANDARD, str(error), {error.field: str(error)}
        ) from error
    except SummaryRequestError as error:
        raise invalid(error.field, error) from error


def invalid(field: str, error: Exception | str) -> ServiceError:
    """The error for a field that has to be corrected."""
    return ServiceError(Reason.INVALID_FIELD, str(error), {field: str(error)})


def refuse_many_filters(filters: Sequence[summary_pb2.KeyFilter]) -> None:
    """Raises TooManyError for more filters, or values of one, than a question may have."""
    if len(filters) > _FILTERS_MAX:
        raise TooManyError("filters", len(filters), _FILTERS_MAX)
    for each in filters:
        if len(each.values) > _VALUES_MAX:
            raise TooManyError("filters", len(each.values), _VALUES_MAX)


def refuse_many_columns(columns: Sequence[str]) -> None:
    """Raises TooManyError for more columns than a question may name."""
    if len(columns) > _COLUMNS_MAX:
        raise TooManyError("columns", len(columns), _COLUMNS_MAX)
