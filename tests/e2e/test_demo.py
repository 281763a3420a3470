"""The demo as a person runs it: real server, real client, and the figures of the real lot."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DEMO_S_MAX = 90


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the demo prints, with runs of blanks folded; it must end with 0."""
    directory: Path = tmp_path_factory.mktemp("demo")
    ended = subprocess.run(
        [sys.executable, "-m", "cotton_client.cli", "demo", "--data-dir", str(directory / "data")],
        capture_output=True,
        text=True,
        timeout=DEMO_S_MAX,
        check=False,
        cwd=ROOT,
    )
    assert ended.returncode == 0, ended.stderr
    return re.sub(r"[ \t]+", " ", ended.stdout)


@pytest.mark.parametrize(
    "pattern",
    [
        r"Conditioned weight 公定重量 42 579 kg",
        r"Strength 断裂比强度 cN/tex 29\.68 0\.78 27\.6 31\.5 186",
        r"Micronaire 马克隆值 4\.53 0\.20 4\.2 5\.0 186",
        r"Strength 断裂比强度 S2 ",
        r"S1 很强 8 4\.3 %",
        r"S2 强 143 76\.9 %",
        r"S3 中等 35 18\.8 %",
        r"A 7 3\.8 %",
        r"B2 177 95\.2 %",
        r"C2 2 1\.0 %",
        r"31 白棉三级 136 73\.1 %",
        r"21 白棉二级 50 26\.9 %",
        r"no main colour grade 无主体颜色级",
        r"Rd % 80\.55 ",
    ],
)
def test_the_certificate_of_the_real_lot_has_the_published_figures(page: str, pattern: str) -> None:
    assert re.search(pattern, page), page


def test_a_summary_by_division_is_shown_and_no_address_of_a_server_that_has_ended(
    page: str,
) -> None:
    assert "Grades by division" in page
    assert re.search(r"第八师 \d+ ", page)
    assert "micronaire, strength and weights are real" in page
    assert "127.0.0.1:" not in page
    assert "Stopped." not in page


def test_a_demo_that_serves_on_names_its_addresses_and_says_that_it_stopped(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "cotton_client.cli", "demo", "--keep-serving", "--lots=3"]
    with subprocess.Popen(
        [*command, "--data-dir", str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        watchdog = threading.Timer(DEMO_S_MAX, process.kill)
        watchdog.start()
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Serving until Ctrl-C." in line:
                process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
        watchdog.cancel()
    assert process.returncode == 0, said
    text = re.sub(r"[ \t]+", " ", "".join(lines))
    assert re.search(r"Service 127\.0\.0\.1:\d+", text)
    assert re.search(r"Metrics http://127\.0\.0\.1:\d+/metrics", text)
    assert re.search(r"Try \S+ -m cotton_client\.cli --server 127\.0\.0\.1:\d+ lot \d{11}\n", text)
    assert text.endswith("Stopped.\n")
