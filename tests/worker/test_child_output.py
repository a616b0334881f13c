"""What a handler logs, prints and reports reaches its worker once, and whole."""

from __future__ import annotations

import json
import time

import pytest

from tests.worker.childbed import Start


def test_levels_loggers_and_messages_of_logging_are_kept(bed: Start):
    child = bed().run("c.log", kind="levels")
    child.finish()
    lines = [line for line in child.of("line") if line["logger"] == "shop.import"]
    assert [(line["level"], line["message"]) for line in lines] == [
        ("info", "level 20"), ("info", "level 25"), ("warning", "level 30"), ("error", "level 40"), ("error", "level 50"),
    ]  # fmt: skip
    assert child.output[2] == b""


def test_a_logged_exception_brings_its_traceback_and_the_extras_that_json_knows(bed: Start):
    child = bed().run("c.log", kind="exception")
    child.finish()
    line = next(line for line in child.of("line") if line["level"] == "error")
    assert line["message"].startswith("failed\nTraceback")
    assert line["message"].endswith("ValueError: first")
    assert json.loads(line["context"])["row"] == 7


def test_warnings_are_lines(bed: Start):
    child = bed().run("c.log", kind="warning")
    child.finish()
    line = next(line for line in child.of("line") if line["logger"] == "py.warnings")
    assert line["level"] == "warning"
    assert "UserWarning: look out" in line["message"]


def test_a_record_logged_while_a_record_is_written_does_not_recurse(bed: Start):
    child = bed().run("c.log", kind="recursion")
    assert child.finish()["outcome"] == "returned"
    assert child.said("chatty")
    assert child.said("after")


def test_a_log_call_with_wrong_arguments_is_still_a_line(bed: Start):
    child = bed().run("c.log", kind="badargs")
    child.finish()
    assert child.said("%d rows ('many',)")


def test_basic_config_sets_the_level_and_nothing_is_written_twice(bed: Start):
    child = bed().run("c.log", kind="basic")
    child.finish()
    line = child.said("now shown")
    assert line
    assert line["level"] == "debug"
    assert child.output[2] == b""


def test_a_configured_terminal_handler_decides_what_becomes_a_line_once(bed: Start):
    child = bed().run("c.log", kind="dict")
    child.finish()
    assert child.said("shown once")
    assert child.said("below the console's level") is None
    assert child.output[2] == b""


def test_print_goes_to_the_pipes_whatever_the_text_and_partial_lines_are_flushed(bed: Start):
    child = bed().run("c.print", kind="text")
    child.finish()
    assert child.output[1].endswith("é \\udc80 \0 ok\nno newline".encode())
    assert child.output[2] == b"to stderr\n"


@pytest.mark.parametrize("how", ["closed", "replaced", "closerange"])
def test_a_handler_that_loses_its_output_still_ends_well(bed: Start, how: str):
    child = bed().run("c.print", kind=how)
    assert child.finish()["outcome"] == "returned"
    assert child.status == 0


def test_a_flood_of_progress_is_thinned_and_its_last_state_arrives(bed: Start):
    started = time.monotonic()
    child = bed().run("c.progress", kind="flood")
    child.finish()
    sent = child.of("progress")
    assert sent[-1]["percent"] == 100.0
    assert len(sent) <= 3 + 10 * (time.monotonic() - started)
    assert child.frames.index(sent[-1]) < child.frames.index(child.of("done")[0])


def test_the_latest_progress_arrives_although_the_handler_falls_silent(bed: Start):
    child = bed().run("c.progress", kind="silent")
    child.finish()
    kinds = [
        frame
        for frame in child.frames
        if frame["kind"] == "progress" or frame.get("message", "").startswith("after")
    ]
    assert [frame.get("percent") for frame in kinds] == [1.0, 3.0, None]
    assert kinds[1]["text"] == "three"


def test_tracking_ends_at_the_length_of_what_is_tracked(bed: Start):
    child = bed().run("c.progress", kind="track")
    child.finish()
    last = child.of("progress")[-1]
    assert (last["percent"], last["current"], last["total"]) == (100.0, 4, 4)


def test_bars_of_tqdm_feed_progress_and_write_no_lines(bed: Start):
    pytest.importorskip("tqdm")
    child = bed().run("c.progress", kind="tqdm")
    child.finish()
    last = child.of("progress")[-1]
    assert (last["percent"], last["text"], last["current"], last["total"]) == (100.0, "Rows", 30, 30)
    assert child.output[2] == b""
    assert child.output[1].endswith(b"a written line\n")


def test_bars_of_tqdm_draw_as_usual_when_the_bridge_is_off(bed: Start):
    pytest.importorskip("tqdm")
    child = bed(progressbars=False).run("c.progress", kind="tqdm")
    child.finish()
    assert child.of("progress") == []
    assert b"Rows: 100%" in child.output[2]
