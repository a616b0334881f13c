"""Logs over HTTP: pages of lines, and the whole of them as text and as NDJSON, in part or in full."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from jobrunner import JobRunner
from jobrunner.states import Trigger
from jobrunner.store import logs
from jobrunner.web.api import logs as routes
from jobrunner.web.api import ranges
from tests.commandline import CommandLine
from tests.operations.places import end, put, take
from tests.store.driving import line

HOSTILE = "\x1b[31mred\x1b[0m \x1b]8;;javascript:x\x07link\x9b \u202etxt <script>alert(1)</script>\r\x00"


def told(runner: JobRunner, *lines: logs.Line) -> int:
    """Returns a succeeded job that said these lines: seq 3 on."""
    job = put(runner, "queued")
    logs.append(runner.database, logs.Tail(take(runner, job)), lines, {})
    end(runner, job, Trigger.SUCCEED)
    return job


@pytest.fixture
def job(runner: JobRunner) -> int:
    """A job that said eight lines of four levels, half of them in a step."""
    levels = ("debug", "info", "warning", "error")
    return told(
        runner,
        *(line(f"line {n} ä", level=levels[n % 4], step_key="load" if n > 4 else None) for n in range(1, 9)),
    )


def test_a_page_of_lines_passes_every_filter(client: TestClient, job: int, cli: CommandLine) -> None:
    def found(query: str) -> list[str]:
        return [one["message"][5] for one in client.get(f"/api/jobs/{job}/logs?{query}").json()["lines"]]

    assert found("") == list("12345678")
    assert found("level=warning") == list("2367")
    assert found("step=load&level=error") == ["7"]
    assert found("grep=line 3") == ["3"]
    assert found("tail=2") == list("78")
    assert found("after_seq=4&limit=2") == list("34")
    assert found("until_seq=4") == list("12")
    assert found("stream=stderr") == found("since=2030-01-01T00:00:00Z") == []
    page = client.get(f"/api/jobs/{job}/logs?limit=3").json()
    assert (page["last_seq"], page["has_more"]) == (5, True)
    assert client.get(f"/api/jobs/{job}/logs").json()["lines"] == cli.json("logs", str(job))["lines"]
    for query in ("level=loud", "stream=x", "limit=-1", "since=soon", "grep=%00", f"grep={'x' * 300}"):
        assert client.get(f"/api/jobs/{job}/logs?{query}").status_code == 422, query


def test_the_text_has_a_line_for_a_line_and_the_ndjson_an_event(
    client: TestClient, job: int, runner: JobRunner
) -> None:
    answer = client.get(f"/api/jobs/{job}/logs.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "content-disposition" not in answer.headers
    lines = answer.text.splitlines()
    assert len(lines) == 8
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning \[load\] line 6 ä", lines[5])
    events = [json.loads(text) for text in client.get(f"/api/jobs/{job}/logs.ndjson").text.splitlines()]
    assert events == [one.model_dump(mode="json") for one in runner.logs(job).lines]
    for ending in ("txt", "ndjson"):
        saved = client.get(f"/api/jobs/{job}/logs.{ending}?download=1")
        assert saved.headers["content-disposition"] == f'attachment; filename="job-{job}.{ending}"'
    for query, count in {"level=error": 2, "step=load": 4, "tail=3": 3, "after_seq=4": 6, "tail=0": 0, "grep=LINE": 0,
                         "grep=LINE&icase=true": 8, "attempt=2": 0, "until_seq=4": 2, "tail=1&level=debug": 1}.items():  # fmt: skip
        for ending in ("txt", "ndjson"):
            assert len(client.get(f"/api/jobs/{job}/logs.{ending}?{query}").text.splitlines()) == count, query
    assert client.get(f"/api/jobs/{put(runner, 'held')}/logs.txt").text == ""


@pytest.mark.databases("sqlite")
def test_no_line_can_move_a_cursor_or_pass_for_another_line(client: TestClient, runner: JobRunner) -> None:
    forged = "one\n2026-01-01T00:00:00.000Z error   forged"
    job = told(runner, line(HOSTILE.replace("\0", "")), line(forged), line("x", step_key="a\x1bb\nc"))
    text = client.get(f"/api/jobs/{job}/logs.txt").text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert text.count("\n") == 4 and "\n2026-01-01T00:00:00.000Z error" not in text
    assert "\\x1b]8;;javascript:x\\x07link" in text
    raw = client.get(f"/api/jobs/{job}/logs.txt?raw=1").text
    assert raw == f"{HOSTILE}\n{forged}\nx\n".replace("\0", "")


def test_a_part_of_the_text_is_what_stands_there(
    client: TestClient, job: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/api/jobs/{job}/logs.txt"
    whole = client.get(path).content
    size = len(whole)

    def part(wanted: str, **headers: str) -> Any:
        return client.get(path, headers={"Range": wanted, **headers})

    for held in (ranges.HELD, -1):
        monkeypatch.setattr(ranges, "HELD", held)
        for wanted, first, last in (
            ("bytes=0-0", 0, 0), ("bytes=10-99", 10, 99), (f"bytes=50-{size + 50}", 50, size - 1),
            ("bytes=7-", 7, size - 1), ("bytes=-5", size - 5, size - 1), (f"bytes=-{size * 2}", 0, size - 1),
        ):  # fmt: skip
            answer = part(wanted)
            assert (answer.status_code, answer.content) == (206, whole[first : last + 1]), wanted
            assert answer.headers["content-range"].startswith(f"bytes {first}-{last}/")
            assert answer.headers["content-range"].rpartition("/")[2] in (str(size), "*")
        for wanted in (f"bytes={size}-", f"bytes={size}-{size + 9}", "bytes=-0"):
            answer = part(wanted)
            assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}"), wanted
    for wanted in (
        "bytes=9-3",
        "bytes=-",
        "bytes=0-1,3-4",
        "lines=1-2",
        "bytes=a-b",
        "bytes=" + "9" * 99 + "-",
    ):
        assert (part(wanted).status_code, part(wanted).content) == (200, whole), wanted
    assert part("bytes=0-1", **{"If-Range": '"x"'}).content == whole
    head = client.head(path)
    assert (head.status_code, head.content, head.headers["accept-ranges"]) == (200, b"", "bytes")


@pytest.mark.databases("sqlite")
def test_a_long_log_is_read_piece_by_piece_and_comes_whole(
    client: TestClient, runner: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "STEP", 100)
    job = told(runner, *(line(f"{n} {'x' * 200}") for n in range(5000)))
    for query, begin in (("", 0), ("&after_seq=1002", 1000), ("&tail=7", 4993)):
        found = client.get(f"/api/jobs/{job}/logs.txt?raw=1{query}").text.splitlines()
        assert [int(text.split()[0]) for text in found] == list(range(begin, 5000))


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("ending", ["txt", "ndjson"])
def test_a_packed_log_holds_what_the_plain_one_does(client: TestClient, job: int, ending: str) -> None:
    for query in ("", "?tail=2", "?level=error", "?grep=nowhere"):
        plain = client.get(f"/api/jobs/{job}/logs.{ending}{query}")
        packed = client.get(f"/api/jobs/{job}/logs.{ending}.gz{query}")
        assert packed.headers["content-type"] == "application/gzip"
        assert packed.headers["content-disposition"] == f'attachment; filename="job-{job}.{ending}.gz"'
        assert "content-encoding" not in packed.headers
        assert gzip.decompress(packed.content) == plain.content
    assert client.get(f"/api/jobs/999999/logs.{ending}.gz").status_code == 404
