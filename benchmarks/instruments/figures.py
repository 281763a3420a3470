"""What the noted times say: latencies as percentiles, and whether the service kept up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.errors import BenchmarkError

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.instruments.loads import Plan

GROWTH_MAX: Final = 0.01
"""Part of the readings sent while measured by which the backlog may grow: 1 %."""

_BACKLOG_PARTS: Final = 10
_SAMPLES_A_PART: Final = 100
_KEPT: Final = (*range(0, 90, 5), *range(90, 99), *(tenth / 10 for tenth in range(990, 1001)))
"""Percents of which a latency is kept, finer towards the end."""
_SECOND_NS: Final = 1_000_000_000

INSTRUMENT, SEQUENCE, POSITION, DUE, WRITTEN, ANSWERED = range(6)
"""Columns of what the generators give."""
RECEIVED, HANDED = 3, 4
"""Columns of what the server noted, behind the same first three."""


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution in µs: `at_us[percent]`, percents as text such as "50" and "99.9"."""

    at_us: dict[str, int]

    @classmethod
    def of(cls, times_ns: np.ndarray) -> Latency:
        """The nearest-rank percentiles of at least one time."""
        found = np.percentile(times_ns, _KEPT, method="inverted_cdf")
        return cls(
            {
                f"{percent:g}": round(value / 1000)
                for percent, value in zip(_KEPT, found.tolist(), strict=True)
            }
        )

    def ms(self, percent: float) -> float:
        """A percentile in ms."""
        return self.at_us[f"{percent:g}"] / 1000


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of the readings that were due while measured.

    Latencies: `server` from receipt to the answer in the handler's hands, `durable` from
    receipt to the end of the group commit; `client` from when the reading was due to the
    answer read; of that, `late` until it was written, `inward` from there to the receipt,
    `outward` from the handler to the client. `backlog`: readings due and not answered, mean
    of each tenth of the time. `answered`: answers read while measured. The rest are sums and
    counts of the group commits of that time, a backfill's included.
    """

    readings: int
    answered: int
    backlog: tuple[float, ...]
    server: Latency
    durable: Latency
    client: Latency
    late: Latency
    inward: Latency
    outward: Latency
    groups: int
    batches: int
    decide_s: float
    commit_s: float
    sync_s: float
    apply_s: float

    @property
    def growth(self) -> float:
        """By how much the backlog grew, as a part of the readings sent meanwhile."""
        sent = self.readings * (1 - 1 / _BACKLOG_PARTS)
        return (self.backlog[-1] - self.backlog[0]) / sent

    @property
    def kept_up(self) -> bool:
        """Whether the backlog did not grow, but for chance."""
        return self.growth <= GROWTH_MAX


def figures(sent: np.ndarray, noted: Path, start_ns: int, plan: Plan) -> Figures:
    """Joins the times of the clients with those of the server; BenchmarkError if they disagree."""
    with np.load(noted) as archive:
        answers, durable_s, groups = archive["answers"], archive["durable_s"], archive["groups"]
    sent, answers = _by_reading(sent), _by_reading(answers)
    identity = slice(INSTRUMENT, POSITION + 1)
    if not np.array_equal(sent[:, identity], answers[:, identity]):
        raise BenchmarkError(
            f"The server answered {len(answers)} readings, the instruments read"
            f" {len(sent)} answers: they are not the same."
        )
    durable_s = durable_s[np.argsort(durable_s[:, 0])]
    places = np.searchsorted(durable_s[:, 0], sent[:, POSITION])
    durable_ns = durable_s[places, 1] * _SECOND_NS

    from_ns = start_ns + plan.warm_up_s * _SECOND_NS
    until_ns = from_ns + plan.seconds * _SECOND_NS
    measured = _within(sent[:, DUE], from_ns, until_ns)
    grouped = groups[_within(groups[:, 0] * _SECOND_NS, from_ns, until_ns)]

    def latency(times: np.ndarray) -> Latency:
        return Latency.of(times[measured])

    return Figures(
        readings=int(measured.sum()),
        answered=int(_within(sent[:, ANSWERED], from_ns, until_ns).sum()),
        backlog=_backlog(sent, from_ns, until_ns),
        server=latency(answers[:, HANDED] - answers[:, RECEIVED]),
        durable=latency(durable_ns),
        client=latency(sent[:, ANSWERED] - sent[:, DUE]),
        late=latency(sent[:, WRITTEN] - sent[:, DUE]),
        inward=latency(answers[:, RECEIVED] - sent[:, WRITTEN]),
        outward=latency(sent[:, ANSWERED] - answers[:, HANDED]),
        groups=len(grouped),
        batches=int(grouped[:, 1].sum()),
        decide_s=float(grouped[:, 2].sum()),
        commit_s=float(grouped[:, 3].sum()),
        sync_s=float(grouped[:, 4].sum()),
        apply_s=float(grouped[:, 5].sum()),
    )


def _by_reading(rows: np.ndarray) -> np.ndarray:
    """The rows in the order of instrument and sequence."""
    return rows[np.lexsort((rows[:, SEQUENCE], rows[:, INSTRUMENT]))]


def _within(times: np.ndarray, from_ns: int, until_ns: int) -> Any:
    return (times >= from_ns) & (times < until_ns)


def _backlog(sent: np.ndarray, from_ns: int, until_ns: int) -> tuple[float, ...]:
    moments = np.linspace(from_ns, until_ns, _BACKLOG_PARTS * _SAMPLES_A_PART)
    due = np.searchsorted(np.sort(sent[:, DUE]), moments)
    answered = np.searchsorted(np.sort(sent[:, ANSWERED]), moments)
    parts = (due - answered).reshape(_BACKLOG_PARTS, _SAMPLES_A_PART).mean(axis=1)
    return tuple(round(mean, 1) for mean in parts.tolist())
