"""Where a producer stands, as a page for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from cotton_client.render.parts import fields, heading
from cotton_client.render.values import china_time, count

if TYPE_CHECKING:
    from cotton.inspection.v1 import ingest_pb2
    from rich.console import Console, ConsoleOptions, RenderResult


class Producer:
    """The page of one producer."""

    def __init__(self, answer: ingest_pb2.GetProducerResponse) -> None:
        self._answer = answer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What is stored of it, and what it has to send next."""
        answer = self._answer
        yield heading("Producer 发送方")
        yield Text(answer.producer_id, style="bold")
        if not answer.last_revision:
            yield Text("nothing of it is stored so far 尚无数据", style="yellow")
        else:
            last = china_time(answer.last_received_at_us // 1_000_000)
            yield fields(
                [
                    ("Next sequence 下一序号", str(answer.next_sequence)),
                    ("Batches and requests 批次", count(answer.batches)),
                    ("Bales received 收到包数", count(answer.bales_received)),
                    ("Last stored 最近入库", f"{last}, revision {answer.last_revision}"),
                ],
                options.max_width,
            )
        stream = "open now 已连接" if answer.stream_open else "none open 未连接"
        yield fields([("Stream 数据流", stream)], options.max_width)
        yield Text(f"\nRevision 版本 {answer.revision}", style="dim")
