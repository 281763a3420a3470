"""Simulated warehouses as the service meets them: all at once, each its own producer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cotton_client.cli.progress import say_retry
from cotton_client.frames import lot_messages, weight_messages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.progress import Progress

    from cotton_client.client import CottonClient, UploadTotals
    from cotton_client.simulate import SimulatedWarehouse


async def send_warehouses(
    client: CottonClient, warehouses: Iterable[SimulatedWarehouse], progress: Progress
) -> list[tuple[str, UploadTotals]]:
    """Lots, weights and readings of every warehouse; what became of each one's bales."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            (warehouse.name, group.create_task(_send(client, warehouse, progress)))
            for warehouse in warehouses
        ]
    return [(name, task.result()) for name, task in tasks]


async def _send(
    client: CottonClient, warehouse: SimulatedWarehouse, progress: Progress
) -> UploadTotals:
    """One warehouse's lots, then its readings while the scales' records follow."""
    task = progress.add_task(f"warehouse {warehouse.name}", total=warehouse.bales)
    producer_id = warehouse.name
    await client.register_lots(lot_messages(warehouse.lots()), producer_id=producer_id)
    async with asyncio.TaskGroup() as group:
        readings = group.create_task(
            client.send_frames(
                producer_id,
                warehouse.readings(),
                on_progress=lambda totals: progress.update(task, completed=totals.received),
                on_retry=say_retry,
            )
        )
        group.create_task(
            client.record_lot_weights(weight_messages(warehouse.weights()), producer_id=producer_id)
        )
    return readings.result()
