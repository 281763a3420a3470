"""What all tests share: common material as `tests.…`, calm property tests, options."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.server import Servers

if TYPE_CHECKING:
    from collections.abc import Iterator

# Examples differ in cost and machines in speed: a deadline would fail the slow, not the wrong.
settings.register_profile("calm", deadline=None, max_examples=60)
settings.load_profile("calm")

# Shells start what runs in the background with Ctrl-C ignored, which every child would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kill-rounds",
        type=int,
        default=40,
        help="how often the server is killed in the middle of streams (default: 40)",
    )
    parser.addoption(
        "--proxy-plans",
        type=int,
        default=20,
        help="how many plans of faults uploads go through on their way (default: 20)",
    )


@pytest.fixture(autouse=True, scope="session")
def state_home_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No spool of a test lies in the home of who runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.delenv("COTTON_SPOOL", raising=False)
        yield


@pytest.fixture(autouse=True, scope="session")
def priority_of_all() -> Iterator[None]:
    """No command that runs within a test lowers the priority of all tests after it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "nice", lambda _lower: 0)
        yield


@pytest.fixture
def kill_rounds(request: pytest.FixtureRequest) -> int:
    """How often the server is killed in the middle of streams."""
    return int(request.config.getoption("--kill-rounds"))


@pytest.fixture
def proxy_plans(request: pytest.FixtureRequest) -> int:
    """How many plans of faults uploads go through on their way."""
    return int(request.config.getoption("--proxy-plans"))


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """Starts real servers, below the test's own directory, and ends what still runs."""
    with Servers(tmp_path) as started:
        yield started
