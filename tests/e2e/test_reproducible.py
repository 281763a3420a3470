"""One ledger gives one set of figures, to the byte, whatever the number of threads."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from cotton.inspection.v1 import summary_pb2

from tests.support.bales import bale, usda_bale
from tests.support.calls import Calls, stream
from tests.support.server import ROOT

if TYPE_CHECKING:
    from tests.support.server import Servers

LOTS = [f"65140161{number:03d}" for number in range(100, 112)]

FIGURES = """
import hashlib, json, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from cotton.inspection.v1 import summary_pb2
from cotton_server.api.open_tables import OpenTables
from cotton_server.api.summary import SummaryHandlers
from cotton_server.grading.standards import load_standards
from cotton_server.intake.replay import replay
from cotton_server.ledger import Ledger
from cotton_server.registry.registry import Registry
from cotton_server.summary.at_revision import LotsAtRevision
from cotton_server.summary.gradings import Gradings
from cotton_server.summary.status import Deadlines
from cotton_server.summary.views import LotViews
import polars as pl

ledger = Ledger(Path(sys.argv[1]))
registry = Registry(bales_max=100_000)
replay(ledger.verified(), registry, of=ledger.position)
received = {entry.position: entry.content.received_at_us for entry in ledger.verified()}
ledger.close()
standards = load_standards()
readers = ThreadPoolExecutor(1)
views = LotViews(registry, Deadlines(5, 7), received.__getitem__)
gradings = Gradings(registry, standards)
lots = LotsAtRevision(registry, gradings)
tables = OpenTables(readers, open_max=8)
summaries = SummaryHandlers(
    registry, lots, views, gradings, readers, tables=tables, rows_max=1000
)
revision = registry.revision
digest = hashlib.sha256()
answers = 0
for lot in registry.lots:
    if lot.lot_no:
        request = summary_pb2.GetLotCertificateRequest(lot_no=lot.lot_no, revision=revision)
        digest.update(summaries._certificate(request.SerializeToString()).SerializeToString(deterministic=True))
        answers += 1
for key in summary_pb2.SummaryKey.values()[1:]:
    request = summary_pb2.SummariseGradesRequest(keys=[key], revision=revision)
    digest.update(summaries._summary(request.SerializeToString()).SerializeToString(deterministic=True))
    answers += 1
    table = summary_pb2.TabulateGradesRequest(query=request)
    for message in summaries._table(table.SerializeToString()):
        digest.update(message.SerializeToString(deterministic=True))
certificates = summary_pb2.TabulateCertificatesRequest(revision=revision)
for message in summaries._certificates(certificates.SerializeToString()):
    digest.update(message.SerializeToString(deterministic=True))
causes = summary_pb2.BaleCause.values()[1:]
listed = summary_pb2.ListBalesRequest(causes=causes, revision=revision)
for message in summaries._listed(listed.SerializeToString()):
    digest.update(message.SerializeToString(deterministic=True))
    answers += len(message.bales)
print(json.dumps([pl.thread_pool_size(), answers, digest.hexdigest()]))
"""


def test_replays_give_the_same_bytes_with_one_thread_and_with_several(servers: Servers) -> None:
    draw = random.Random(7)  # noqa: S311 - reproducible readings
    server = servers.start()
    with server.channel() as channel, stream(channel) as readings:
        calls = Calls(channel)
        number = 0
        for sequence in range(1, 25):
            bales = []
            for _ in range(100):
                number += 1
                reading = bale(
                    number,
                    draw.choice(LOTS),
                    length=draw.randint(2400, 3300),
                    micronaire=draw.randint(300, 560),
                    strength=draw.randint(2300, 3300),
                    uniformity=draw.randint(7600, 8800),
                    rd=draw.randint(7000, 8500),
                    plus_b=draw.randint(700, 1200),
                    colour_grade=draw.choice([11, 21, 31, 41, 12]),
                )
                at_s = 1_476_000_000 + draw.randrange(10 * 86_400)
                laboratory = draw.choice(["L1", "L2", "L3"])
                bales.append(replace(reading, laboratory=laboratory, inspected_at_s=at_s))
            bales.append(usda_bale(number, lot_no=draw.choice(["", LOTS[0]])))
            readings.append(bales, sequence)
        for lot_no in LOTS[:9]:
            calls.register(f"r-{lot_no}", lot_no, division=lot_no[-1], region="兵团")
        for lot_no in LOTS[3:]:
            calls.weigh(f"w-{lot_no}", lot_no, regain=draw.randint(400, 900))
        lots = [row.keys[0].value for row in calls.summarise(summary_pb2.SUMMARY_KEY_LOT).rows]
        assert sorted(filter(None, lots)) == LOTS
        asked = summary_pb2.ListBalesRequest(causes=summary_pb2.BaleCause.values()[1:])
        listed = sum(len(message.bales) for message in calls.summary.ListBales(asked))
        assert listed > 500
    assert server.end() == 0

    def figures(threads: int) -> list[object]:
        answer = subprocess.run(
            [sys.executable, "-c", FIGURES, str(servers.data_dir)],
            cwd=ROOT,
            env={**os.environ, "POLARS_MAX_THREADS": str(threads)},
            check=True,
            capture_output=True,
            timeout=60,
        )
        used, answers, digest = json.loads(answer.stdout)
        assert used == threads
        return [answers, digest]

    first = figures(1)
    assert first[0] == len(LOTS) + len(summary_pb2.SummaryKey.values()) - 1 + listed
    assert [figures(threads) for threads in (1, 2, 5)] == [first] * 3
