"""The tour: a newcomer with an empty directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tour.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A terminal in an empty directory, with ``jobrunner`` and ``python`` on its path."""
    return Terminal(tmp_path)
