"""A simulated season, sent to a real service, comes back as the published national table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cotton_client import RetryPolicy, SyncCottonClient
from cotton_client.frames import lot_messages, weight_messages
from cotton_client.simulate import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton.inspection.v1 import summary_pb2

    from tests.support.server import Servers

LOTS = 1100
"""More than 200 000 bales: shares of one in a hundred scatter by 0.02 % of the whole, but the lots
of a season differ more than its bales, and that is what the tolerances are for."""

PUBLISHED = {
    # National statistics of a season to the end of February, 22 499 128 bales
    # (docs/facts/settlement.md, "Reality checks"), each with the tolerance of the simulation.
    "length.mean": (29.01, 0.03),
    "length at least 28": (92.56, 0.60),
    "micronaire A": (14.99, 0.80),
    "micronaire B1": (0.65, 0.20),
    "micronaire B2": (64.25, 1.20),
    "micronaire C1": (0.42, 0.15),
    "micronaire C2": (19.68, 0.80),
    "uniformity.mean": (82.5, 0.15),
    "uniformity U1+U2": (34.13, 1.00),
    "uniformity U3": (64.59, 1.00),
    "uniformity U4+U5": (1.27, 0.25),
    "strength.mean": (28.04, 0.12),
    "strength S1": (4.72, 0.40),
    "strength S2": (23.65, 1.00),
    "strength S3": (62.23, 1.00),
    "strength S4": (9.09, 0.70),
    "strength S5": (0.30, 0.12),
    "preparation P1": (3.43, 0.20),
    "preparation P2": (95.31, 0.20),
    "preparation P3": (1.26, 0.20),
    "white": (96.2, 0.40),
    "light spotted": (3.5, 0.40),
    "yellow": (0.4, 0.20),
}


def share(classes: Iterable[summary_pb2.ClassShare], *names: str) -> float:
    """The printed shares of some classes together, in percent."""
    return sum(each.share for each in classes if each.name in names) / 100


def as_published(total: summary_pb2.SummaryRow) -> dict[str, float]:
    """The figures of a summary by the names of PUBLISHED."""
    figures = total.figures
    joint = {each.name: each for each in figures.joint}
    types = figures.colour_types
    found = {
        f"{name}.mean": getattr(figures, name).mean_to_hundredths / 100
        for name in ("length", "uniformity", "strength")
    }
    found["length at least 28"] = joint["length_28"].share / 100
    for tier in ("A", "B1", "B2", "C1", "C2"):
        found[f"micronaire {tier}"] = share(figures.micronaire.classes, tier)
    for tier in ("S1", "S2", "S3", "S4", "S5"):
        found[f"strength {tier}"] = share(figures.strength.classes, tier)
    for names in (("U1", "U2"), ("U3",), ("U4", "U5")):
        found[f"uniformity {'+'.join(names)}"] = share(figures.uniformity.classes, *names)
    for name in ("P1", "P2", "P3"):
        found[f"preparation {name}"] = share(figures.preparations, name)
    found["white"] = share(types, "white")
    found["light spotted"] = share(types, "light_spotted")
    found["yellow"] = share(types, "light_yellow_tinged", "yellow_tinged")
    return found


def test_the_simulated_season_comes_back_as_the_national_table(servers: Servers) -> None:
    """Every figure of the published table, out of the service, within its tolerance."""
    season = Simulation(LOTS, seed=5)
    server = servers.start()
    with SyncCottonClient(server.address, retry=RetryPolicy(patience_s=30)) as client:
        for place, warehouse in enumerate(season):
            producer = f"W{place}"
            client.register_lots(lot_messages(warehouse.lots()), producer_id=producer)
            client.send_frames(producer, warehouse.readings())
            client.record_lot_weights(weight_messages(warehouse.weights()), producer_id=producer)
        total = client.summarise_grades().total
    assert total.bales == season.bales
    assert total.lots == LOTS
    found = as_published(total)
    assert found.keys() == PUBLISHED.keys()
    for name, (published, tolerance) in PUBLISHED.items():
        assert found[name] == pytest.approx(published, abs=tolerance), name
    # Season totals always give 225.7 to 226.6 kg of conditioned weight a bale.
    assert 22570 <= total.conditioned_per_bale <= 22660
