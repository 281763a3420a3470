"""The figures of the server's /metrics that a measurement needs."""

from __future__ import annotations

import time
import urllib.request
from typing import TYPE_CHECKING, Final

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Mapping

METRICS_S_MAX: Final = 10
"""How long the metrics may lag behind the last answer before the run counts as wrong."""

_NAMES: Final = {
    "cotton_bales_total": "bales",
    "cotton_bales_received_total": "bales_received",
    "cotton_bales_warned_total": "bales_warned",
    "cotton_bales_unregistered_total": "bales_unregistered",
    "cotton_registry_bales": "registry_bales",
    "cotton_durable_revision": "durable_revision",
    "cotton_ledger_commit_seconds_sum": "commit_s",
    "cotton_decide_seconds_sum": "decide_s",
    "cotton_group_batches_count": "groups",
    "cotton_group_batches_sum": "group_batches",
    "cotton_group_batches_bucket": "groups_up_to",
}


def scrape(url: str, names: Mapping[str, str] = _NAMES) -> dict[str, float]:
    """The figures by short names, which are given by those of their samples."""
    with urllib.request.urlopen(url, timeout=METRICS_S_MAX) as answer:  # noqa: S310  # our child's
        text = answer.read().decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = names.get(sample.name)
            if name is not None:
                labels = sample.labels
                label = labels.get("outcome") or labels.get("result") or labels.get("le")
                found[name if label is None else f"{name}_{label}"] = sample.value
    return found


def settled(url: str, revision: int) -> dict[str, float]:
    """The figures once they cover a revision: they follow the answers by a moment."""
    deadline = time.monotonic() + METRICS_S_MAX
    while (metrics := scrape(url))["durable_revision"] < revision:
        if time.monotonic() > deadline:
            raise BenchmarkError(
                f"Revision {revision} was acknowledged; after {METRICS_S_MAX} s /metrics is at"
                f" {metrics['durable_revision']:.0f}."
            )
        time.sleep(0.01)
    return metrics
