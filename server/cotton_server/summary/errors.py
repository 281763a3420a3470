"""What can be wrong with the request of a summary, or with the figures it is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class SummaryRequestError(ValueError):
    """A summary was asked for in a way that has no answer; `field` is the one at fault."""

    field = "keys or filters"


class UnknownKeyError(SummaryRequestError):
    """A key that summaries do not know."""

    def __init__(self, key: str, known: Sequence[str]) -> None:
        self.key = key
        super().__init__(f'"{key}" is no key of this question; use some of {", ".join(known)}.')


class RepeatedKeyError(SummaryRequestError):
    """The same key twice."""

    field = "keys"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f'The key "{key}" is named more than once; name it once.')


class RepeatedFilterError(SummaryRequestError):
    """Two filters on one key."""

    field = "filters"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f'Two filters are on "{key}"; name each key once, with all its values.')


class EmptyFilterError(SummaryRequestError):
    """A filter without values, which no lot could pass."""

    field = "filters"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f'The filter on "{key}" has no values; name at least one, or leave the filter out.'
        )


class UnknownStandardError(SummaryRequestError):
    """A filter on a standard that the service does not grade by."""

    field = "filters"

    def __init__(self, standard: str, known: Sequence[str]) -> None:
        super().__init__(
            f'"{standard}" is no standard that bales are graded by here; use some of'
            f' {", ".join(known)}, or "" for bales without one.'
        )


class UnknownStateError(SummaryRequestError):
    """A filter on a state that no lot can have."""

    field = "filters"

    def __init__(self, state: str, known: Sequence[str]) -> None:
        super().__init__(f'"{state}" is no state of a lot; use some of {", ".join(known)}.')


class DayError(SummaryRequestError):
    """Days of inspection that are no days, or end before they begin."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class LastSeasonError(SummaryRequestError):
    """The season before was asked for where it is not clear which that is."""

    field = "with_last_season"


class WithholdError(SummaryRequestError):
    """Rows were to be withheld below a number of bales that is none."""

    field = "withhold_below"


class PageTokenError(SummaryRequestError):
    """A page token that this service did not give, or gave to another question."""

    field = "page_token"


class TooManyError(SummaryRequestError):
    """More filters, values or columns than one question may have."""

    def __init__(self, field: str, count: int, limit: int) -> None:
        self.field = field
        super().__init__(
            f"{count} of {field} were given; at most {limit} are taken in one request."
        )


class UnknownColumnError(SummaryRequestError):
    """A column that the table does not have."""

    field = "columns"

    def __init__(self, column: str) -> None:
        super().__init__(
            f'The table has no column "{column}"; leave `columns` empty to be told all of them.'
        )


class FiguresDisagreeError(RuntimeError):
    """Figures that must be equal are not: a fault of the service, never of a request."""
