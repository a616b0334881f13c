"""A context, and what it has sent."""

from __future__ import annotations

import pytest

from jobrunner.child.context import JobContext
from tests.unit.sinks import Sink, made


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def ctx(sink: Sink) -> JobContext:
    return made(sink)
