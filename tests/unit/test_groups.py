"""Groups of lines, as frames: they lie in each other, and leave steps as they are."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from jobrunner.child.context import JobContext
from tests.unit.sinks import Sink, made


def test_groups_lie_in_each_other_and_change_no_step(ctx: JobContext, sink: Sink):
    with ctx.step("a"), ctx.group("outer"):
        with ctx.group("inner"):
            ctx.info("1")
        with pytest.raises(ValueError, match="no"), ctx.group(404):
            raise ValueError("no")
    assert [line["step"] for line in sink.of("line")] == ["a"]
    groups = sink.of("group")
    assert [(one["event"], one["label"], one["outcome"]) for one in groups] == [
        ("group_started", "outer", None),
        ("group_started", "inner", None),
        ("group_finished", "inner", "ok"),
        ("group_started", "404", None),
        ("group_finished", "404", "error"),
        ("group_finished", "outer", "ok"),
    ]
    outer, inner = groups[0]["id"], groups[1]["id"]
    assert len({one["id"] for one in groups}) == 3
    assert [one["parent"] for one in groups] == [None, outer, outer, outer, outer, None] and inner != outer
    assert {one["step"] for one in groups} == {"a"} and len(sink.of("step")) == 2


def test_groups_of_tasks_and_of_other_jobs_are_not_mixed_up(ctx: JobContext, sink: Sink):
    async def part(name: str) -> None:
        with ctx.group(name):
            await asyncio.sleep(0.01)
            with ctx.group(f"in {name}"):
                pass

    async def both() -> None:
        await asyncio.gather(part("a"), part("b"))

    other = Sink()
    with ctx.group("around"):
        asyncio.run(both())
        with made(other).group("other"):
            pass
    ids = {one["label"]: one["id"] for one in sink.of("group")}
    parents = {one["label"]: one["parent"] for one in sink.of("group")}
    assert parents == {
        "around": None,
        "a": ids["around"],
        "b": ids["around"],
        "in a": ids["a"],
        "in b": ids["b"],
    }
    assert {one["parent"] for one in other.of("group")} == {None}


def test_groups_deeper_than_sixteen_leave_no_lines_of_their_own(ctx: JobContext, sink: Sink):
    with contextlib.ExitStack() as stack:
        for depth in range(1, 21):
            stack.enter_context(ctx.group(f"{depth}"))
        ctx.info("said all the same")
    assert len(sink.of("group")) == 2 * 16 and len(sink.of("line")) == 1
