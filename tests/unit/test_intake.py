"""What a job says, until its log is full."""

from __future__ import annotations

import json

import pytest

from jobrunner.masking import Mask
from jobrunner.worker.intake import Intake
from jobrunner.worker.spool import Spool


@pytest.mark.parametrize(
    ("first", "kept"),
    [(b"x" * 11 + b"\n", 0), (b"x" * 10 + b"\n", 1), (b"x" * 8 + b"\n\n", 2), (b"\n" * 50, 10)],
)
def test_a_full_log_takes_nothing_more_not_even_blank_lines(first: bytes, kept: int) -> None:
    spool = Spool(10_000)
    intake = Intake(spool, Mask(""), log_bytes=0, log_max=10, clock_offset=0)
    intake.output("stdout", first)
    intake.output("stdout", b"much too long\n")
    for _ in range(20):
        intake.output("stdout", b"\n\n")
        intake.frame({"kind": "line", "message": ""})
        intake.frame({"kind": "line", "message": "x"})
    assert len(spool) == kept
    assert intake.excess_lines == first.count(b"\n") - kept + 1 + 20 * 4


def taken(mask: Mask, *frames: dict[str, object]) -> list[tuple[str, str | None]]:
    """Returns the message and context of each line that these frames make."""
    spool = Spool(2**30)
    intake = Intake(spool, mask, log_bytes=0, log_max=2**30, clock_offset=0)
    for frame in frames:
        intake.frame(frame)
    return [(line.message, line.context) for line in spool.peek(100)]


def line(message: str, **context: object) -> dict[str, object]:
    return {"kind": "line", "message": message, "context": json.dumps(context)}


def test_a_declared_value_is_hidden_in_what_comes_after_it() -> None:
    declared: dict[str, object] = {"kind": "mask", "texts": ["opensesame", "4711", "no", None, 7]}
    lines = taken(
        Mask(""), line("opensesame", pin=4711), declared, line("no opensesame", pin=4711, at=["opensesame"])
    )
    assert lines == [("opensesame", '{"pin": 4711}'), ("no ***", '{"pin":"***","at":["***"]}')]


@pytest.mark.parametrize("texts", [None, "opensesame", {"opensesame": 1}, [[]]])
def test_a_declaration_that_makes_no_sense_changes_nothing(texts: object) -> None:
    assert taken(Mask(""), {"kind": "mask", "texts": texts}, line("opensesame no"))[0][0] == "opensesame no"


def test_of_a_context_that_was_cut_nothing_is_shown_where_it_may_hold_a_secret() -> None:
    cut = line("large", truncated='{"api_key": "opensesa')
    assert taken(Mask(""), cut)[0][1] == cut["context"]
    assert taken(Mask("", ["api_key"]), cut)[0][1] == '{"masked":"***"}'


def test_the_places_of_steps_and_parts_are_not_names_that_a_handler_chose() -> None:
    step: dict[str, object] = {
        "kind": "step",
        "event": "step_started",
        "key": "load",
        "label": "Load",
        "index": 1,
    }
    lines = taken(Mask("", ["label", "event", "part"]), step, {"kind": "line", "message": "x" * 20_000})
    assert '"event":"step_started","label":"Load"' in str(lines[0][1])
    assert [context for _, context in lines[1:]] == ['{"part":1}', '{"part":2}']
