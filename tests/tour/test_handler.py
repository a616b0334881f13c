"""The demonstration's handler, called as the plain function that it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from jobrunner import JobCancelled, JobContext
from jobrunner.child.context import CancelFlag
from jobrunner.demo.indexing import index_tree


class Sink:
    """Keeps what a handler says."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []

    def send(self, frame: dict[str, Any]) -> None:
        """Keeps one frame."""
        self.frames.append(frame)


def context(sink: Sink, cancel: CancelFlag | None = None) -> JobContext:
    return JobContext(
        sink, job_id=1, uuid="u", type="demo.index_tree", attempt=1, fence=1, params={}, cancel=cancel
    )


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "index.db")


def test_a_second_run_replaces_the_rows_of_the_first(tmp_path: Path, database: str) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_text("a\n")
    first = index_tree(context(Sink()), str(tmp_path / "tree"), database)
    (tmp_path / "tree" / "b").write_text("a\n")
    second = index_tree(context(Sink()), str(tmp_path / "tree"), database)
    assert (first["files"], second["files"]) == (1, 2)
    assert second["duplicates"] == {"groups": 1, "files": 2, "bytes": 2}


def test_a_file_that_goes_away_is_a_warning(tmp_path: Path, database: str) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_text("a\n")
    sink = Sink()

    class Remover(Sink):
        def send(self, frame: dict[str, Any]) -> None:
            sink.send(frame)
            if frame.get("key") == "hash" and frame["event"] == "step_started":
                os.remove(tmp_path / "tree" / "a")

    result = index_tree(context(Remover()), str(tmp_path / "tree"), database)
    assert (result["files"], result["unreadable"]) == (0, 1)
    warnings = [frame["message"] for frame in sink.frames if frame.get("level") == "warning"]
    assert warnings == [f"Left out {tmp_path}/tree/a: No such file or directory."]


def test_it_ends_when_it_is_asked_to(tmp_path: Path, database: str) -> None:
    asked = CancelFlag()
    asked.request("cancel")
    with pytest.raises(JobCancelled):
        index_tree(context(Sink(), asked), str(tmp_path), database)
