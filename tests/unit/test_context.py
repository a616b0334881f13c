"""What a handler says through its context arrives as frames, and nothing that it says breaks it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import math
import threading
import time
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobrunner.child import plain
from jobrunner.child.context import CancelFlag, JobContext
from jobrunner.errors import JobCancelled
from tests.unit.sinks import Sink, made


def test_nested_steps_give_their_key_and_restore_the_one_before(ctx: JobContext, sink: Sink):
    ctx.info("0")
    with ctx.step("a"):
        ctx.info("1")
        with ctx.step("b", "B", 2, 3):
            ctx.info("2")
        ctx.info("3")
    ctx.info("4")
    assert [line["step"] for line in sink.of("line")] == [None, "a", "b", "a", None]
    assert [(step["event"], step["key"]) for step in sink.of("step")] == [
        ("step_started", "a"),
        ("step_started", "b"),
        ("step_finished", "b"),
        ("step_finished", "a"),
    ]
    assert sink.of("step")[1]["label"] == "B"
    assert sink.of("step")[0]["label"] == "a"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ValueError(), "error"),
        (JobCancelled(), "cancelled"),
        (asyncio.CancelledError(), "cancelled"),
        (SystemExit(), "error"),
    ],
)
def test_a_step_left_by_an_exception_says_so_and_lets_it_pass(
    ctx: JobContext, sink: Sink, error: BaseException, outcome: str
):
    with pytest.raises(type(error)), ctx.step("a"):
        raise error
    assert sink.of("step")[-1]["outcome"] == outcome
    assert ctx.current_step is None


def test_tasks_of_one_loop_are_each_in_their_own_step(ctx: JobContext, sink: Sink):
    async def part(key: str) -> None:
        with ctx.step(key):
            await asyncio.sleep(0.01)
            ctx.info(key)

    async def both() -> None:
        await asyncio.gather(part("a"), part("b"))

    asyncio.run(both())
    assert all(line["step"] == line["message"] for line in sink.of("line"))


def test_a_thread_without_a_step_of_its_own_is_in_the_one_that_is_open(ctx: JobContext, sink: Sink):
    with ctx.step("a"):
        thread = threading.Thread(target=ctx.info, args=("x",))
        thread.start()
        thread.join()
    assert sink.of("line")[0]["step"] == "a"


def test_a_job_begun_within_a_step_of_another_is_not_in_that_step(ctx: JobContext):
    other = made(Sink())
    with ctx.step("a"):
        assert other.current_step is None


def test_keys_and_labels_are_kept_to_what_can_be_stored(ctx: JobContext, sink: Sink):
    with ctx.step("é" * 100, "l" * 300):
        ctx.info("x")
    assert sink.of("step")[0]["key"] == sink.of("line")[0]["step"] == "é" * 64
    assert sink.of("step")[0]["label"] == "l" * 255


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


def test_context_that_json_does_not_know_is_written_as_text(ctx: JobContext, sink: Sink):
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    ctx.info(
        "x",
        when=dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        path=Path("/a"),
        price=Decimal("1.50"),
        id=uuid.UUID(int=1),
        nan=math.nan,
        raw=b"\x00",
        several={1},
        keys={1: "a"},
        bad=Unprintable(),
        lone="\udc80",
        huge=10**5000,
        cyclic=cyclic,
        self=1,
        message=2,
    )
    kept = json.loads(sink.frames[0]["context"])
    assert kept["when"] == "2026-01-02 00:00:00+00:00"
    assert (kept["path"], kept["price"], kept["id"]) == ("/a", "1.50", str(uuid.UUID(int=1)))
    assert (kept["nan"], kept["raw"], kept["several"], kept["keys"]) == ("nan", "b'\\x00'", [1], {"1": "a"})
    assert kept["bad"] == "<unprintable Unprintable>"
    assert kept["lone"] == "\\udc80"
    assert "integer" in kept["huge"]
    assert kept["cyclic"] == ["…"]
    assert (kept["self"], kept["message"]) == (1, 2)


def test_context_beyond_reason_is_cut_and_still_json(ctx: JobContext, sink: Sink):
    ctx.info("x", data="y" * 1_000_000)
    text = sink.frames[0]["context"]
    assert len(text) <= plain.CONTEXT_BYTES
    assert list(json.loads(text)) == ["truncated"]
    wide: Any = [Unprintable()]
    for _ in range(60):
        wide = [wide, wide]
    ctx.info("x", wide=wide)
    assert json.loads(sink.frames[1]["context"])


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.text(),
        st.recursive(st.one_of(st.text(), st.floats(), st.integers(), st.binary(), st.none()), st.lists),
    )
)
def test_any_context_is_written(values: dict):
    text = plain.as_json(values)
    assert (text is None) == (not values)
    if text is not None:
        json.loads(text)
        text.encode()


def test_a_message_is_whatever_it_is_as_text(ctx: JobContext, sink: Sink):
    for message in (ValueError("v"), None, 7, "a\0b\udc80", "", Unprintable()):
        ctx.info(message)
    assert [line["message"] for line in sink.frames] == [
        "v",
        "None",
        "7",
        "a\\x00b\\udc80",
        "",
        "<unprintable Unprintable>",
    ]


def test_a_message_of_millions_of_characters_comes_in_pieces(ctx: JobContext, sink: Sink):
    ctx.info("é" * 2_500_000, n=1)
    assert "".join(line["message"] for line in sink.frames) == "é" * 2_500_000
    assert [line["context"] for line in sink.frames] == ['{"n":1}', None, None]


@given(st.text(), st.integers(0, 40))
def test_a_cut_is_the_longest_beginning_that_fits(text: str, most: int):
    text = plain.visible(text)
    kept = plain.cut(text, most)
    assert text.startswith(kept)
    assert len(kept.encode()) <= most
    if kept != text:
        assert len(text[: len(kept) + 1].encode()) > most


def test_percent_is_clamped_and_nan_is_refused(ctx: JobContext, sink: Sink):
    for given_percent in (-5, 150, math.inf):
        ctx.progress(given_percent)
        ctx.flush()
    assert [frame["percent"] for frame in sink.frames] == [0.0, 100.0, 100.0]
    for wrong in (
        lambda: ctx.progress(math.nan),
        lambda: ctx.progress(current=math.inf),
        lambda: ctx.advance(math.nan),
    ):
        with pytest.raises(ValueError, match=r"NaN|finite"):
            wrong()


def test_progress_changes_what_is_given_and_percent_follows_from_current_and_total(
    ctx: JobContext, sink: Sink
):
    def last() -> tuple:
        ctx.flush()
        return tuple(sink.frames[-1][name] for name in ("percent", "text", "current", "total"))

    ctx.progress(text="start", total=8)
    assert last() == (None, "start", None, 8)
    ctx.progress(current=2)
    assert last() == (25.0, "start", 2, 8)
    ctx.advance(2)
    assert last() == (50.0, "start", 4, 8)
    ctx.progress(10, "by hand")
    assert last() == (10.0, "by hand", 4, 8)
    ctx.progress(current=9)
    assert last() == (100.0, "by hand", 9, 8)


def test_the_latest_progress_comes_before_the_next_step(ctx: JobContext, sink: Sink):
    ctx.progress(1)
    ctx.progress(2)
    with ctx.step("a"):
        ctx.progress(3)
    assert [frame.get("percent", frame["kind"]) for frame in sink.frames] == [1.0, 2.0, "step", 3.0, "step"]


def test_the_latest_progress_comes_by_itself_within_a_quarter_of_a_second(
    ctx: JobContext, sink: Sink, eventually
):
    for percent in range(10):
        ctx.progress(percent)
    assert [frame["percent"] for frame in sink.frames] == [0.0]
    started = time.monotonic()
    eventually(lambda: len(sink.frames) == 2)
    assert sink.frames[1]["percent"] == 9.0
    assert time.monotonic() - started < 0.5


def test_tracking_counts_what_is_done_also_without_a_length(ctx: JobContext, sink: Sink):
    assert list(ctx.track(range(3))) == [0, 1, 2]
    ctx.flush()
    assert (sink.frames[-1]["percent"], sink.frames[-1]["current"], sink.frames[-1]["total"]) == (100.0, 3, 3)
    for item in ctx.track(iter("abcd"), total=4):
        if item == "c":
            break
    ctx.flush()
    assert (sink.frames[-1]["percent"], sink.frames[-1]["current"]) == (50.0, 2)
    other = Sink()
    assert list(made(other).track(iter("ab"))) == ["a", "b"]
    assert other.frames[0]["percent"] is None
    assert list(ctx.track([])) == []
    ctx.flush()
    assert sink.frames[-1]["percent"] == 100.0


def test_hundreds_of_thousands_of_rows_are_tracked_with_a_handful_of_frames(ctx: JobContext, sink: Sink):
    started = time.monotonic()
    for _ in ctx.track(range(200_000)):
        pass
    assert len(sink.frames) <= 12 * (time.monotonic() - started) + 3


def test_heartbeats_are_thinned(ctx: JobContext, sink: Sink):
    for _ in range(1000):
        ctx.heartbeat()
    assert 1 <= len(sink.of("beat")) < 20


def test_a_cancel_is_seen_and_only_ever_gets_stronger():
    flag = CancelFlag()
    context = made(Sink(), flag)
    context.check_cancelled()
    assert not context.cancel_requested
    flag.request("stop")
    flag.request("cancel")
    assert flag.mode == "stop"
    assert context.cancel_requested
    with pytest.raises(JobCancelled):
        context.check_cancelled()
