"""What can be wrong with the request of a summary, or with the figures it is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class SummaryRequestError(ValueError):
    """A summary was asked for in a way that has no answer."""


class UnknownKeyError(SummaryRequestError):
    """A key that summaries do not know."""

    def __init__(self, key: str, known: Sequence[str]) -> None:
        self.key = key
        super().__init__(f'"{key}" is no key of a summary; use some of {", ".join(known)}.')


class RepeatedKeyError(SummaryRequestError):
    """The same key twice."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f'The key "{key}" is named more than once; name it once.')


class RepeatedFilterError(SummaryRequestError):
    """Two filters on one key."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f'Two filters are on "{key}"; name each key once, with all its values.')


class EmptyFilterError(SummaryRequestError):
    """A filter without values, which no lot could pass."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f'The filter on "{key}" has no values; name at least one, or leave the filter out.'
        )


class TooManyRowsError(ValueError):
    """A summary would have more rows than are given in one answer."""

    def __init__(self, rows: int, rows_max: int) -> None:
        """Takes the rows that there would be, and the most that are given."""
        super().__init__(f"The summary has {rows} rows; at most {rows_max} are given.")


class FiguresDisagreeError(RuntimeError):
    """Figures that must be equal are not: a fault of the service, never of a request."""
