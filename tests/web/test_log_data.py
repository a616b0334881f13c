"""The viewer's own data: windows, counts, searches and the census are right, whatever stands in the lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobrunner.web.ansi import CLASSES
from jobrunner.web.log import searching, windows
from tests.web.ansi_corpus import HOSTILE
from tests.web.lines import line, write_log

STEP = {"event": "step_started", "label": "Load", "index": 1, "total": 1, "outcome": None, "seconds": None}
DRAWN = CLASSES | {"w-level", "w-stream", "w-more", ""}


@pytest.fixture
def small_parts(monkeypatch):
    """Requests that read 500 seqs at most, so that a short log is read in several parts."""
    monkeypatch.setattr(searching, "SPAN", 500)


@pytest.fixture
def job(runner):
    """1,200 lines, seqs 2 to 1201: every tenth a warning, every hundredth an error, some other streams and steps."""
    lines = [
        line(
            f"line {n} {'Needle' if n % 300 == 0 else 'hay'}{' ÄPFEL' if n == 777 else ''}",
            level="error" if n % 100 == 0 else "warning" if n % 10 == 0 else "debug" if n % 2 else "info",
            stream="stderr" if n % 7 == 0 else "log",
            step_key="load" if n > 600 else None,
            logger="app" if n % 3 == 0 else None,
            attempt=1 if n <= 900 else 2,
        )
        for n in range(1, 1201)
    ]
    return write_log(runner, lines)


def get(client, job, what, **query) -> Any:
    answer = client.get(f"/api/jobs/{job}/log/{what}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def counts(client, job, **query) -> list[int]:
    """Walks over the log as the viewer does."""
    found: list[int] = []
    size = query.get("size", windows.BLOCK)
    while True:
        part = get(client, job, "counts", block=len(found), **query)
        found += part["counts"]
        if part["until"] == part["last_seq"]:
            return found
        assert part["until"] % size == 0


def test_a_window_has_the_rows_between_two_seqs_transitions_among_them(client, job):
    told = get(client, job, "rows", from_seq=1, to_seq=5)
    assert [row["seq"] for row in told["rows"]] == [1, 2, 3, 4, 5]
    assert [row["kind"] for row in told["rows"]] == ["k-move"] + ["k-debug", "k-info"] * 2
    assert told["head"]["last_seq"] == 1201 and told["before"] is None
    assert get(client, job, "rows", from_seq=6, to_seq=7)["before"] == told["rows"][-1]["at"]


def test_a_window_is_never_larger_than_a_thousand_rows(client, job):
    assert len(get(client, job, "rows", from_seq=1, to_seq=9999)["rows"]) == windows.MOST


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"level": "warning"}, 120),
        ({"level": "error"}, 12),
        ({"level": "debug"}, 1200),
        ({"stream": "stderr"}, 171),
        ({"step": "load"}, 600),
        ({"attempt": "2"}, 300),
        ({"logger": "app"}, 400),
        ({"grep": "Needle"}, 4),
        ({"grep": "needle"}, 0),
        ({"grep": "NEEDLE", "icase": "1"}, 4),
        ({"grep": "äpfel", "icase": "1"}, 1),
        ({"grep": "äpfel"}, 0),
        ({"grep": "[%_*?", "icase": "1"}, 0),
        ({"level": "error", "step": "load", "attempt": "2"}, 3),
        ({"stream": "response"}, 0),
    ],
)
def test_a_filter_counts_exactly_what_the_windows_show(client, job, small_parts, query, expected):
    found = counts(client, job, **query)
    assert sum(found) == expected and len(found) == 5
    for block, n in enumerate(found):
        low = block * windows.BLOCK + 1
        rows = get(client, job, "rows", from_seq=low, to_seq=low + windows.BLOCK - 1, **query)["rows"]
        assert len(rows) == n
    assert sum(counts(client, job, size=25, **query)) == expected


def test_counts_go_on_where_the_log_has_grown(client, runner, job):
    before = counts(client, job, level="error")
    again = get(client, job, "counts", level="error", block=len(before) - 1)
    assert again["counts"] == before[-1:]


def test_the_next_and_the_previous_hit_are_found_on_lines_far_away(client, job, small_parts):
    def find(start: int, **query: Any) -> list[int]:
        found = get(client, job, "find", start=start, **query)
        if found["seqs"] or found["until"] in (found["first_seq"], found["last_seq"]):
            return list(found["seqs"])
        return find(found["until"] + (-1 if query.get("newest") else 1), **query)

    assert find(1, grep="Needle") == [301]
    assert find(302, grep="Needle", most=2) == [601]
    assert find(1201, grep="Needle", newest=1) == [1201]
    assert find(1200, grep="Needle", newest=1) == [901]
    assert find(1, level="error") == [101]
    assert find(1, grep="nowhere") == []
    assert find(300, grep="Needle", newest=1) == []


def test_the_census_says_what_there_is_to_choose_from_and_where_trouble_is(client, job, small_parts):
    kinds: dict[str, int] = {}
    errors: dict[int, int] = {}
    block, until = 0, 0
    while until < 1201:
        part = get(client, job, "census", block=block)
        for level, *_rest, n in part["kinds"]:
            kinds[level] = kinds.get(level, 0) + n
        errors |= dict(part["errors"])
        until = part["until"]
        block = until // windows.BLOCK
    assert kinds == {"debug": 600, "info": 480, "warning": 108, "error": 12}
    assert errors == {0: 2, 1: 2, 2: 3, 3: 2, 4: 3} and sum(errors.values()) == 12


def test_the_census_names_where_steps_begin_and_end(client, runner):
    ends = {**STEP, "event": "step_finished", "outcome": "error", "seconds": 1.5}
    lines = [
        line("Load", stream="system", step_key="load", context=json.dumps(STEP)),
        line("in it", step_key="load"),
        line("Load: failed", stream="system", step_key="load", context=json.dumps(ends)),
        line("not a step", stream="system", step_key="load", context='{"event": "other"}'),
    ]
    job = write_log(runner, lines)
    steps = get(client, job, "census")["steps"]
    assert [(step["seq"], step["event"], step["key"], step["outcome"]) for step in steps] == [
        (2, "step_started", "load", None),
        (4, "step_finished", "load", "error"),
    ]
    assert [row["kind"] for row in get(client, job, "rows")["rows"]][:2] == ["k-move", "k-step"]


def test_hostile_text_is_drawn_as_visible_text_under_known_classes(client, runner):
    stored = [text.replace("\0", "\\x00") for text in HOSTILE if "\ud800" not in text]
    job = write_log(runner, [line(text, context='{"a": "\\u202e\\ud800"}') for text in stored])
    rows = get(client, job, "rows")["rows"][1:]
    assert len(rows) == len(stored)
    for row in rows:
        assert {name for names, _ in row["words"] for name in names.split(" ")} <= DRAWN
        said = "".join(text for _, text in row["words"])
        assert not any(ord(character) < 32 and character not in "\t\n" for character in said)
        assert "\u202e" not in said and "\x9b" not in said


def test_lines_are_copied_as_text_with_or_without_time(client, job):
    bare = client.get(f"/api/jobs/{job}/log/text", params={"from_seq": 2, "to_seq": 3})
    assert bare.text == "debug line 1 hay\nline 2 hay\n"
    assert (bare.headers["x-lines"], bare.headers["x-complete"]) == ("2", "1")
    timed = client.get(f"/api/jobs/{job}/log/text", params={"level": "error", "timed": 1})
    assert timed.text.splitlines()[0] == "2026-01-01T00:01:41.000000Z error line 100 hay"
    assert timed.headers["x-lines"] == "12"


def test_a_copy_has_its_levels_and_its_colours_or_not(client, runner):
    job = write_log(runner, [line("\x1b[31mred\x1b[0m\x1b]8;;x\x07\x9b", level="error", stream="stderr")])

    def copied(**query: str) -> str:
        return str(client.get(f"/api/jobs/{job}/log/text", params={"from_seq": 2} | query).text)

    assert copied() == "error stderr red\\x1b]8;;x\\x07\\x9b\n"
    assert copied(levels="0") == "stderr red\\x1b]8;;x\\x07\\x9b\n"
    assert copied(levels="0", ansi="1") == "stderr \x1b[31mred\x1b[0m\\x1b]8;;x\\x07\\x9b\n"


def test_a_pruned_log_begins_where_its_lines_begin(client, runner, job, sql):
    sql(f"DELETE FROM jobrunner_job_log WHERE job_id = {job} AND seq < 1001")
    sql(f"UPDATE jobrunner_job SET first_seq = 1001 WHERE id = {job}")
    assert get(client, job, "find", start=1, level="error")["seqs"] == [1001]
    assert get(client, job, "find", start=1000, level="error", newest=1)["seqs"] == []
    assert "Lines before 1,001 were pruned" in client.get(f"/jobs/{job}/log").text


@pytest.mark.parametrize(
    "query",
    [
        {"level": "loud"}, {"stream": "river"}, {"attempt": "x"}, {"attempt": "99999999999"}, {"grep": "a\0b"},
        {"grep": "x" * 201}, {"from_seq": "-1"}, {"to_seq": "1e3"}, {"from_seq": "9" * 30},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_name(client, job, query):
    answer = client.get(f"/api/jobs/{job}/log/rows", params=query)
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == set(query)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("what", ["rows", "counts", "census", "find", "text"])
def test_the_data_is_for_readers_of_that_job_only(runner, job, visitor, tokens, what):
    from jobrunner.web import create_app

    app = create_app(runner, authorize=lambda user, action, job: False)
    assert visitor(app).get(f"/api/jobs/{job}/log/{what}").status_code == 401
    assert visitor(app, tokens["read"]).get(f"/api/jobs/{job}/log/{what}").status_code == 403
    assert visitor(create_app(runner), tokens["read"]).get(f"/api/jobs/999/log/{what}").status_code == 404
