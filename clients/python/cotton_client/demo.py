"""The whole path on one machine: a server, three warehouses, real records, the answers.

The server is the one that `cotton serve` runs, in a process of its own; everything else
goes through the client as a warehouse's does.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import grpc
from cotton.inspection.v1 import lots_pb2, summary_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cotton_client import samples
from cotton_client.channel import TARGET_DEFAULT
from cotton_client.cli.exits import Exit
from cotton_client.cli.warehouses import Delivery, send_warehouses
from cotton_client.client import CottonClient
from cotton_client.errors import CottonError
from cotton_client.frames import lot_messages, weight_messages
from cotton_client.readers import read_lots, read_readings, read_weights
from cotton_client.retry import RetryPolicy
from cotton_client.simulate import Simulation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path
    from typing import Any

    from cotton.inspection.v1 import trace_pb2
    from rich.progress import Progress

    from cotton_client.samples import SampleLot

METRICS_DEFAULT: Final = "127.0.0.1:7411"
PRODUCER_ID: Final = "cotton-demo"
USDA_CROP_YEAR: Final = 2006

START_PATIENCE_S: Final = 120
"""A demo's ledger replays in well under a second; a busy machine may start slowly."""

STOP_PATIENCE_S: Final = 60
"""More than any server's grace for draining."""

_POLL_S: Final = 0.1
_LOG_LINES_SHOWN: Final = 15


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens, where its log is, and its process."""

    listen: str
    metrics_listen: str
    data_dir: Path
    log: Path
    process: asyncio.subprocess.Process

    def last_words(self) -> str:
        """The end of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-_LOG_LINES_SHOWN:])

    def failure(self, what: str) -> CottonError:
        """The error of a server that does not do what it should, with the end of its log."""
        return CottonError(
            f"{what}\n{self.last_words()}".rstrip(),
            reason="SERVER_FAILED",
            remedy="The end of its log is above; with --data-dir all of it is kept.",
        )


@dataclass(frozen=True, slots=True)
class Answers:
    """What the demo has to show once everything is stored."""

    sent: list[Delivery]
    certificate: summary_pb2.GetLotCertificateResponse
    by_division: summary_pb2.SummariseGradesResponse
    bale: trace_pb2.GetBaleResponse


async def run(
    data_dir: Path,
    *,
    lots: int,
    seed: int,
    keep_serving: bool,
    progress: Progress,
    show: Callable[[Server, Answers], None],
) -> int:
    """Runs the demo and gives the exit status: 0 when all is stored and the server stopped.

    With `keep_serving` the server takes the default addresses where they are free and
    runs on after `show` until Ctrl-C or SIGTERM. 6 when a record was not stored as
    it was sent; interrupted before the answers: 130.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(_serving(data_dir, default_ports=keep_serving))
        if not await _unless_stopped(_wait_until_serving(server), server, stop):
            return Exit.INTERRUPTED
        async with CottonClient(server.listen, retry=RetryPolicy(patience_s=30.0)) as client:
            answers: list[Answers] = []

            async def work() -> None:
                answers.append(await _send_and_ask(client, lots, seed, progress))

            if not await _unless_stopped(work(), server, stop):
                return Exit.INTERRUPTED
        show(server, answers[0])
        if keep_serving:
            await _unless_stopped(stop.wait(), server, asyncio.Event())
    return Exit.OK if all(each.complete for each in answers[0].sent) else Exit.INCOMPLETE


async def send_sample(client: CottonClient, name: str, sample: SampleLot) -> Delivery:
    """A sample's registration, weight and readings."""
    lots = await client.register_lots(lot_messages(read_lots(sample.lots)), producer_id=PRODUCER_ID)
    weights = None
    if sample.weights is not None:
        weights = await client.record_lot_weights(
            weight_messages(read_weights(sample.weights)), producer_id=PRODUCER_ID
        )
    readings = await client.send_frames(PRODUCER_ID, read_readings(sample.readings))
    return Delivery(name, readings, lots, weights)


async def _send_and_ask(client: CottonClient, lots: int, seed: int, progress: Progress) -> Answers:
    """Three simulated warehouses at once with the real records, then the answers."""
    simulation = Simulation(lots=lots, seed=seed, warehouses=3)
    real_lot, real_bale = samples.real_lot(), samples.real_bale()
    async with asyncio.TaskGroup() as group:
        warehouses = group.create_task(send_warehouses(client, simulation, progress))
        records = group.create_task(_send_real_records(client, real_lot, real_bale))
    bale_code = str(next(read_readings(real_bale.readings))["bale_code"][0])
    return Answers(
        sent=[
            *warehouses.result(),
            *records.result(),
        ],
        certificate=await client.lot_certificate(real_lot.lot_no),
        by_division=await client.summarise_grades([summary_pb2.SUMMARY_KEY_DIVISION]),
        bale=await client.bale(bale_code),
    )


async def _send_real_records(
    client: CottonClient, lot: SampleLot, bale: SampleLot
) -> list[Delivery]:
    """The real records, one after the other: one producer has one stream."""
    sent = [
        await send_sample(client, "the real lot", lot),
        await send_sample(client, "a real bale", bale),
    ]
    usda = read_readings(samples.usda_lines(), crop_year=USDA_CROP_YEAR)
    sent.append(Delivery("real USDA bales", await client.send_frames(PRODUCER_ID, usda)))
    closure = lots_pb2.LotClosure(
        lot_no=lot.lot_no,
        laboratory="LAB-SAMPLE",
        bales_received=sent[0].readings.received,
        bales_tested=sent[0].readings.received,
    )
    await client.close_lots([closure], producer_id=PRODUCER_ID)
    return sent


async def _unless_stopped(
    work: Coroutine[Any, Any, object], server: Server, stop: asyncio.Event
) -> bool:
    """Does the work; False when it was stopped first. Raises when the server ends first."""
    doing = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    ending = asyncio.create_task(server.process.wait())
    try:
        await asyncio.wait({doing, stopping, ending}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            await doing
            return True
        if ending.done():
            raise server.failure(f"The server ended with status {ending.result()}.")
        return False
    finally:
        for task in (doing, stopping, ending):
            task.cancel()
        await asyncio.gather(doing, stopping, ending, return_exceptions=True)


@asynccontextmanager
async def _serving(data_dir: Path, *, default_ports: bool) -> AsyncIterator[Server]:
    """A server in a process of its own; on leaving it is stopped, and must end with 0."""
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    log = data_dir.parent / f"{data_dir.name}-serve.log"
    listen, metrics_listen = _addresses(default_ports=default_ports)
    with log.open("wb") as output:
        # A group of its own, so that Ctrl-C comes here and the server is stopped in order.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cotton_client.cli",
            "serve",
            f"--data-dir={data_dir}",
            f"--listen={listen}",
            f"--metrics-listen={metrics_listen}",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
        )
    server = Server(listen, metrics_listen, data_dir, log, process)
    try:
        yield server
    except BaseException:
        await _stop(server)
        raise
    status = await _stop(server)
    if status:
        raise server.failure(f"The server was told to stop and ended with status {status}.")


async def _stop(server: Server) -> int:
    """Tells the server to stop and waits; its status. Kills it when it does not end."""
    with suppress(ProcessLookupError):
        server.process.terminate()
    try:
        async with asyncio.timeout(STOP_PATIENCE_S):
            return await server.process.wait()
    except TimeoutError:
        server.process.kill()
        return await server.process.wait()


async def _wait_until_serving(server: Server) -> None:
    """Returns once the server's health is SERVING."""
    async with grpc.aio.insecure_channel(server.listen) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        try:
            async with asyncio.timeout(START_PATIENCE_S):
                while True:
                    with suppress(grpc.aio.AioRpcError):
                        answer = await health.Check(
                            health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=1.0
                        )
                        if answer.status == health_pb2.HealthCheckResponse.SERVING:
                            return
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise server.failure(f"The server does not serve after {START_PATIENCE_S} s.") from None


def _addresses(*, default_ports: bool) -> tuple[str, str]:
    """Where to listen: the default addresses where wanted and free, others otherwise."""
    if default_ports and _is_free(TARGET_DEFAULT) and _is_free(METRICS_DEFAULT):
        return TARGET_DEFAULT, METRICS_DEFAULT
    # Both are held until both are known, so that they differ.
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{first.getsockname()[1]}", f"127.0.0.1:{second.getsockname()[1]}"


def _is_free(address: str) -> bool:
    """Whether nobody listens at HOST:PORT."""
    host, _, port = address.rpartition(":")
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((host, int(port)))
        except OSError:
            return False
    return True
