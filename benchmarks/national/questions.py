"""The questions that are measured, as the service is asked them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import summary_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

TABULATE: Final = "TabulateGrades"
SUMMARISE: Final = "SummariseGrades"
CERTIFICATE: Final = "GetLotCertificate"
CERTIFICATES: Final = "TabulateCertificates"
PRICE: Final = "PriceLots"
FREEZE: Final = "FreezeRun"
VERIFY: Final = "VerifyRun"

BALE_KEYS: Final = frozenset({"laboratory", "instrument", "day", "week", "month"})


@dataclass(frozen=True, slots=True)
class Question:
    """Grades by keys. `columns`: the figures asked for; all that there are when empty.

    `raced`: whether the peers are asked it too.
    """

    name: str
    keys: tuple[str, ...] = ()
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    raced: bool = True

    @property
    def of_lots(self) -> bool:
        """Whether every key is one of lots."""
        return BALE_KEYS.isdisjoint({*self.keys, *self.filters})

    def query(self, *, revision: int = 0, as_of_us: int = 0) -> summary_pb2.SummariseGradesRequest:
        """The question as a message."""
        return summary_pb2.SummariseGradesRequest(
            keys=[_number(key) for key in self.keys],
            filters=[
                summary_pb2.KeyFilter(key=_number(key), values=values)
                for key, values in self.filters.items()
            ],
            revision=revision,
            as_of_us=as_of_us,
        )


def _number(key: str) -> summary_pb2.SummaryKey.ValueType:
    return summary_pb2.SummaryKey.Value(f"SUMMARY_KEY_{key.upper()}")


FEW: Final = ("bales", "length.bales", "length.sum", "length.min", "length.max")

TOTAL: Final = Question("total")
BY_DIVISION: Final = Question("division", ("division",))
BY_GIN: Final = Question("gin", ("gin",))
FEW_BY_GIN: Final = Question("gin, few figures", ("gin",), columns=FEW)
BY_INSTRUMENT: Final = Question("instrument", ("instrument",))

QUESTIONS: Final = (
    TOTAL,
    Question("total, few figures", columns=FEW),
    BY_DIVISION,
    BY_GIN,
    FEW_BY_GIN,
    Question(
        "gin x picking, filtered",
        ("gin", "picking_mode"),
        {"region": ("兵团",), "division": ("第一师", "第七师", "第八师")},
    ),
    Question("warehouse x picking", ("warehouse", "picking_mode"), raced=False),
    Question("regiment", ("regiment",), raced=False),
    Question("laboratory", ("laboratory",)),
    BY_INSTRUMENT,
    Question("day", ("day",)),
    Question("day, few figures", ("day",), columns=FEW),
    Question("week", ("week",), raced=False),
    Question("warehouse x month", ("warehouse", "month")),
)
"""In the order in which they are asked and printed."""
