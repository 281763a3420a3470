"""Simulated warehouses as the service meets them: all at once, each its own producer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cotton_client.cli.progress import RetryNotes
from cotton_client.lot_frames import lot_messages, weight_messages
from cotton_client.render import receipt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import RenderableType
    from rich.progress import Progress

    from cotton_client.client import CottonClient
    from cotton_client.lots import LotsReceipt
    from cotton_client.simulate import SimulatedWarehouse
    from cotton_client.upload import UploadTotals


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of everything that one sender sent; None for what it did not send."""

    name: str
    readings: UploadTotals
    lots: LotsReceipt | None = None
    weights: LotsReceipt | None = None

    @property
    def complete(self) -> bool:
        """Whether every bale, lot and weight is stored as it was sent."""
        parts = (self.readings, self.lots, self.weights)
        return all(part is None or part.complete for part in parts)

    def page(self) -> Iterator[RenderableType]:
        """What became of the bales, and of lots and weights that are not stored as sent."""
        yield from receipt.upload(self.name, self.readings)
        for noun, part in (("lot", self.lots), ("weight", self.weights)):
            if part is not None and not part.complete:
                yield from receipt.lots(self.name, noun, part)


async def send_warehouses(
    client: CottonClient,
    warehouses: Iterable[SimulatedWarehouse],
    progress: Progress,
    *,
    as_json: bool = False,
) -> list[Delivery]:
    """Lots, weights and readings of every warehouse; what became of each one's."""
    notes = RetryNotes(progress.console, as_json=as_json)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_send(client, warehouse, progress, notes)) for warehouse in warehouses
        ]
    return [task.result() for task in tasks]


async def _send(
    client: CottonClient, warehouse: SimulatedWarehouse, progress: Progress, notes: RetryNotes
) -> Delivery:
    """One warehouse's lots, then its readings while the scales' records follow."""
    task = progress.add_task(f"warehouse {warehouse.name}", total=warehouse.bales)
    producer_id = warehouse.name
    lots = await client.register_lots(lot_messages(warehouse.lots()), producer_id=producer_id)
    async with asyncio.TaskGroup() as group:
        readings = group.create_task(
            client.send_frames(
                producer_id,
                warehouse.readings(),
                on_progress=lambda totals: progress.update(task, completed=totals.received),
                on_retry=notes,
            )
        )
        weights = group.create_task(
            client.record_lot_weights(weight_messages(warehouse.weights()), producer_id=producer_id)
        )
    return Delivery(f"warehouse {warehouse.name}", readings.result(), lots, weights.result())
