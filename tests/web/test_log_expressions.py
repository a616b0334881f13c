"""Regular expressions over a whole log: exact, the same on every database, bounded, and over when nobody waits."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from jobrunner.errors import InvalidField
from jobrunner.store import loglines
from jobrunner.web import expression, house
from jobrunner.web.api import finding
from jobrunner.web.expression import Expression
from jobrunner.web.log import page, searching
from tests.conftest import poll
from tests.web.lines import line, write_log
from tests.web.streams import hosted

LINES = 1200


@pytest.fixture
def job(runner):
    """Seqs 2 to 1201; every hundredth line is red and an error, every tenth has letters beyond ASCII."""
    lines = [
        line(
            f"\x1b[31mline {n}\x1b[0m failed"
            if n % 100 == 0
            else f"line {n} {'ÄPFEL 🍏' if n % 10 == 0 else 'ok'}",
            level="error" if n % 100 == 0 else "info",
            logger="app" if n % 2 else None,
        )
        for n in range(1, LINES + 1)
    ]
    return write_log(runner, lines)


@pytest.fixture
def small_parts(monkeypatch):
    """Requests that read 500 seqs at most, 100 at a time, so that a short log is read in many parts."""
    monkeypatch.setattr(searching, "SPAN", 500)
    monkeypatch.setattr(loglines, "SCAN", 100)


def get(client, path, **query) -> Any:
    answer = client.get(path, params={"regex": "1"} | query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"grep": "line .*0 "}, 120),
        ({"grep": "^line \\d+00 failed$"}, 12),  # colours do not stand in the way
        ({"grep": "LINE 7"}, 0),
        ({"grep": "LINE 7\\b", "icase": "1"}, 1),
        ({"grep": "äpfel .", "icase": "1"}, 108),
        ({"grep": "äpfel"}, 0),
        ({"grep": "\\pL{5} \\x{1F34F}$"}, 108),
        ({"grep": "line (1|2)$|ok", "logger": "app"}, 600),
        ({"grep": "5", "level": "error"}, 1),
        ({"grep": "(a+)+$"}, 0),
    ],
)
def test_an_expression_counts_exactly_what_the_windows_show(client, job, small_parts, query, expected):
    counts: list[int] = []
    while len(counts) < 5:
        counts += get(client, f"/api/jobs/{job}/log/counts", block=len(counts), **query)["counts"]
    assert sum(counts) == expected
    found: list[int] = []
    for block, n in enumerate(counts):
        part = {"from_seq": block * 250 + 1, "to_seq": (block + 1) * 250}
        rows = get(client, f"/api/jobs/{job}/log/rows", **part, **query)["rows"]
        assert len(rows) == n
        found += [row["seq"] for row in rows]
    told = client.get(f"/api/jobs/{job}/logs.ndjson", params={"regex": "1"} | query).text.splitlines()
    assert len(told) == expected
    text = client.get(f"/api/jobs/{job}/log/text", params={"regex": "1"} | query)
    assert text.headers["x-lines"] == str(expected)


def test_the_next_and_the_previous_hit_are_found_on_lines_far_away(client, job, small_parts):
    def find(start: int, **query: Any) -> list[int]:
        told = get(client, f"/api/jobs/{job}/log/find", start=start, grep="^line [36]00 f", **query)
        if told["seqs"] or told["until"] in (told["first_seq"], told["last_seq"]):
            return list(told["seqs"])
        return find(told["until"] + (-1 if query.get("newest") else 1), **query)

    assert find(1) == [301]
    assert find(302) == [601]
    assert find(602) == []
    assert find(1201, newest=1) == [601]
    assert find(600, newest=1) == [301]
    assert find(1, most=9) == [301]


def test_a_page_of_the_api_holds_what_matches_and_says_where_to_go_on(client, job, monkeypatch, small_parts):
    monkeypatch.setattr(finding, "READ", 300)
    query = {"grep": "line \\d+00 failed"}
    seqs: list[int] = []
    cursor, more, calls = 0, True, 0
    while more:
        told = get(client, f"/api/jobs/{job}/logs", after_seq=cursor, limit=5, **query)
        seqs += [one["seq"] for one in told["lines"]]
        cursor, more, calls = told["last_seq"], told["has_more"], calls + 1
        assert len(told["lines"]) <= 5
    assert seqs == list(range(101, 1202, 100)) and calls > 3
    last = get(client, f"/api/jobs/{job}/logs", tail=2, **query)
    assert [one["seq"] for one in last["lines"]] == [1101, 1201]
    assert get(client, f"/api/jobs/{job}/logs", until_seq=150, **query)["lines"][0]["seq"] == 101
    assert (
        get(client, f"/api/jobs/{job}/logs", since="2026-01-01T00:20:00Z", tail=9, **query)["last_seq"]
        == 1201
    )
    assert (
        get(client, f"/api/jobs/{job}/logs", grep="LINE 7 OK", regex="0", icase="1")["lines"][0]["seq"] == 8
    )
    assert get(client, f"/api/jobs/{job}/logs", grep="line.7", regex="0")["lines"] == []


def test_the_plain_page_takes_an_expression_through_all_its_links(client, job, monkeypatch, small_parts):
    monkeypatch.setattr(page, "SPAN", 300)
    text = client.get(f"/jobs/{job}/log?grep=line+%5Cd%2B00+failed&regex=1&limit=5").text
    assert text.count('class="row ') == 5 and 'id="L501"' in text
    assert 'name="regex" value="1" aria-label="Regular expression" checked' in text
    assert "after_seq=501" in text and text.count("regex=1") > 4


@pytest.mark.parametrize(
    "path", ["logs", "logs.txt", "logs.ndjson.gz", "log/rows", "log/counts", "log/find", "log/text"]
)
def test_what_is_no_expression_is_refused_with_the_reason_and_a_hint(client, job, path):
    for grep, why in (
        ("(a", "missing ): (a"),
        ("(?=a)", "invalid perl operator: (?="),
        ("\\1", "invalid escape"),
    ):
        answer = client.get(f"/api/jobs/{job}/{path}", params={"grep": grep, "regex": "1"})
        told = answer.json()
        assert (answer.status_code, told["code"]) == (422, "invalid_field")
        assert why in told["fields"]["grep"] and "RE2" in told["hint"]
        assert client.get(f"/api/jobs/{job}/{path}", params={"grep": grep}).status_code == 200
    assert client.get(f"/api/jobs/{job}/log/rows?mark=(&mark_regex=1").json()["fields"] == {
        "mark": "missing ): ("
    }
    assert client.get(f"/jobs/{job}/log?grep=(&regex=1").status_code == 422


def test_an_expression_that_others_never_finish_takes_linear_time_and_bounded_memory():
    text = "a" * 16_000 + "!"
    assert Expression("(a+)+$", icase=False, regex=True).among([text]) == [False]
    assert Expression("(.*)*b", icase=True, regex=True).among([text]) == [False]
    with pytest.raises(InvalidField):
        Expression("((\\pL{100}){100}){10}", icase=False, regex=True)
    assert expression.MEMORY <= 8 * 1024**2


def test_hits_are_told_where_a_browser_counts_them(client, runner):
    job = write_log(runner, [line("🍏 \x1b[1mne\x1b[0medle ä Needle", level="warning"), line("hay")])
    query = {"mark": "NEEDLE", "mark_icase": "1"}
    rows = client.get(f"/api/jobs/{job}/log/rows", params=query).json()["rows"]
    words = "".join(text for _, text in rows[1]["words"]).encode("utf-16-le")
    assert [words[2 * a : 2 * b].decode("utf-16-le") for a, b in rows[1]["hits"]] == ["needle", "Needle"]
    assert rows[2]["hits"] == [] and "hits" not in client.get(f"/api/jobs/{job}/log/rows").json()["rows"][1]
    assert Expression("x*", icase=False, regex=True).spans("aäxxb") == [(2, 4)]
    assert len(Expression("a", icase=False, regex=False).spans("a" * 5000)) == expression.MOST_HITS


class Held:
    """An expression's matching, counted, and held from its second batch on until ``go``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.guard = threading.Event(), threading.Lock()
        self.batches = self.active = self.most = 0
        real = Expression.among

        def among(one: Expression, messages: Any) -> Any:
            with self.guard:
                self.batches, self.active = self.batches + 1, self.active + 1
                self.most = max(self.most, self.active)
            self.go.wait(60)
            with self.guard:
                self.active -= 1
            return real(one, messages)

        monkeypatch.setattr(Expression, "among", among)


@pytest.fixture
def held(monkeypatch) -> Iterator[Held]:
    one = Held(monkeypatch)
    yield one
    one.go.set()


def ask(port: int, token: str, path: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    return connection


def status(connection: http.client.HTTPConnection) -> int:
    """Waits for the answer, takes it and hangs up."""
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("path", ["log/counts", "logs"])
def test_a_scan_ends_when_its_client_goes_away(app, tokens, job, held, monkeypatch, path):
    monkeypatch.setattr(loglines, "SCAN", 1)
    with hosted(app) as port:
        left = ask(port, tokens["read"], f"/api/jobs/{job}/{path}?grep=nowhere&regex=1")
        poll(lambda: held.active == 1)
        left.close()
        held.go.set()
        poll(lambda: app.state.web.scans._value == house.SCANS)
        assert held.batches < LINES / 2
        held.batches = 0
        stays = ask(port, tokens["read"], f"/api/jobs/{job}/{path}?grep=nowhere&regex=1")
        assert status(stays) == 200
        assert held.batches == LINES + 1


@pytest.mark.databases("sqlite")
def test_few_scan_at_once_and_those_who_wait_hold_nobody_up(app, tokens, job, held):
    with hosted(app) as port:
        path = f"/api/jobs/{job}/log/counts?grep=failed&regex=1"
        waiting = [ask(port, tokens["read"], path) for _ in range(60)]
        poll(lambda: held.active == house.SCANS)
        other = ask(port, tokens["read"], f"/api/jobs/{job}/log/counts?grep=failed")
        assert status(other) == 200
        held.go.set()
        assert {status(one) for one in waiting} == {200}
        assert held.most == house.SCANS
