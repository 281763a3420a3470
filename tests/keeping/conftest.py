"""A data directory that keeping is tried on."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.sealed_story import tell_more, tell_sealed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="package")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory of which all is sealed but the last entry."""
    directory = tmp_path_factory.mktemp("data")
    tell_sealed(directory)
    tell_more(directory)
    return directory


@pytest.fixture
def data(sealed: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return shutil.copytree(sealed, tmp_path / "data")
