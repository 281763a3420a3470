"""Simulated cotton seasons: warehouses, gins, lots, weights and bale readings, by seed."""

from __future__ import annotations

from cotton_client.simulate.season import SimulatedWarehouse, Simulation

__all__ = ["SimulatedWarehouse", "Simulation"]
