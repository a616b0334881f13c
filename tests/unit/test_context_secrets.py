"""What a handler declares secret is hidden in its own process, before anything that it says is cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from jobrunner.child import plain
from jobrunner.child.context import JobContext
from jobrunner.child.failures import describe
from tests.unit.sinks import Sink


@pytest.fixture(autouse=True)
def forgetting() -> Iterator[None]:
    """Lets this process forget what a test declares."""
    with plain.hiding_until_the_end():
        yield


def test_a_declared_secret_is_told_once_and_said_no_more(ctx: JobContext, sink: Sink):
    ctx.mask(" opensesame\n")
    ctx.info("say opensesame")
    ctx.progress(text="with opensesame")
    assert sink.of("mask") == [{"kind": "mask", "texts": ("opensesame",)}]
    assert [frame["message"] for frame in sink.of("line")] == ["say ***"]
    assert sink.of("progress")[0]["text"] == "with ***"


def test_no_part_of_a_declared_secret_stays_where_text_is_cut(ctx: JobContext, sink: Sink):
    ctx.mask("opensesame")
    with ctx.step("k" * 123 + "opensesame", "l" * 250 + "opensesame"):
        ctx.progress(text="p" * 250 + "opensesame")
    ctx.info("m" * (1024 * 1024 - 5) + "opensesame", many=["x" * 65_500, "opensesame" * 30_000])
    told = describe(ValueError("e" * 59_995 + "opensesame"))
    assert "open" not in json.dumps([sink.frames[1:], told], default=str)


def test_a_process_hides_a_thousand_texts_and_refuses_more_without_showing_them(ctx: JobContext, sink: Sink):
    for number in range(1_000):
        ctx.mask(f"opensesame-{number}")
    ctx.mask("opensesame-7")
    with pytest.raises(ValueError, match="1000") as refused:
        ctx.mask("one-too-many")
    assert "one-too-many" not in str(refused.value)
    assert len(sink.of("mask")) == 1_001


@pytest.mark.parametrize("value", ["abc", None, 12345])
def test_what_cannot_be_hidden_is_refused_and_nothing_is_sent(ctx: JobContext, sink: Sink, value: Any):
    with pytest.raises(ValueError, match="the value"):
        ctx.mask(value)
    assert sink.frames == []
