"""``logs``: filters, cursors, and text that cannot harm a terminal."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from jobrunner import failpoints
from jobrunner.cli import cursors
from jobrunner.states import Trigger
from jobrunner.store.database import Database
from jobrunner.store.logs import Tail
from tests.cli.conftest import Inside
from tests.commandline import CommandLine
from tests.store import driving

WRITTEN = "rename.cursor.after"


def messages(stdout: str) -> list[str]:
    return [json.loads(line)["message"] for line in stdout.splitlines()]


def test_lines_are_filtered_and_paged(inside: Inside) -> None:
    job = inside.json("start", "t.voices", "--wait")["job"]["id"]
    whole = inside.json("logs", job)
    said = {line["message"].strip(): line for line in whole["lines"]}
    assert whole["has_more"] is False
    assert whole["last_seq"] == whole["lines"][-1]["seq"]
    assert inside.json("logs", job, "--after", whole["last_seq"]) == {**whole, "lines": []}
    shown = inside("logs", job, check=0)
    assert shown.stderr == ""
    assert [line[11] for line in shown.stdout.splitlines() if line[:2] == "20"] != []
    assert 'an info line {"shop": 7}' in shown.stdout

    def found(*options: object) -> list[str]:
        return [
            message.strip() for message in messages(inside("logs", job, "--ndjson", *options, check=0).stdout)
        ]

    assert set(found("--level", "error")) == {m for m, line in said.items() if line["level"] == "error"}
    assert "a warning line" in found("--level", "warning")
    assert found("--stream", "stdout") == [m for m, line in said.items() if line["stream"] == "stdout"]
    assert found("--grep", "an INFO") == []
    assert found("--grep", "n info l") == ["an info line"]
    assert found("-n", 2) == list(said)[-2:]
    assert found("-n", 0) == []
    assert found("--after", said["an info line"]["seq"])[0] == "a warning line"
    assert found("--since", said["an info line"]["at"])[0] == "an info line"
    assert found("--since", "1h", "-n", 1, "-f") == list(said)[-1:]
    assert found("-f", "--grep", "n info l") == ["an info line"]
    for wrong in (
        ["--level", "loud"],
        ["--stream", "x"],
        ["-n", "-1"],
        ["-f", "--json"],
        ["--cursor-file", "c", "-n", 1],
    ):
        assert inside("logs", job, *wrong, check=2).stdout == ""


def test_a_cursor_file_gives_each_line_once_with_filters_too(cli: CommandLine) -> None:
    job = cli.json("start", "t.lines", "-p", "n:=120", "-p", "pause:=0.01")["job_id"]
    all_of_them: list[str] = []
    some: list[str] = []
    ended = False
    while not ended:
        ended = cli.json("status", job, "--limit", 1)["job"]["is_terminal"]
        all_of_them += messages(cli("logs", job, "--cursor-file", "all", "--ndjson", check=0).stdout)
        some += messages(cli("logs", job, "--cursor-file", "some", "--grep", "0", "--ndjson", check=0).stdout)
    assert all_of_them == [f"line {n}" for n in range(1, 121)]
    assert some == [f"line {n}" for n in range(1, 121) if "0" in str(n)]
    last = cli.json("status", job)["job"]
    cursors = [Path(cli.directory, name).read_text().split() for name in ("all", "some")]
    assert cursors == [[str(last["last_seq"]), last["uuid"]]] * 2
    assert cli("logs", job, "--cursor-file", "all", "-f", check=0).stdout == ""


@pytest.mark.databases("sqlite")
def test_a_cursor_file_that_is_none_is_refused(inside: Inside) -> None:
    one, two = (inside.json("start", "t.noop", "--wait")["job"]["id"] for _ in range(2))
    inside("logs", one, "--cursor-file", "cursor", check=0)
    assert "another job" in inside("logs", two, "--cursor-file", "cursor", check=2).stderr
    Path("text").write_text("hello")
    inside("logs", one, "--cursor-file", "text", check=2)
    inside("logs", one, "--cursor-file", "no/such/directory/cursor", check=2)
    Path("empty").touch()
    inside("logs", one, "--cursor-file", "empty", check=0)


@pytest.mark.databases("sqlite")
def test_a_message_cannot_paint_the_terminal_or_forge_a_line(cli: CommandLine) -> None:
    noisy: dict[str, str | None] = {"JOBRUNNER_HANDLERS": "tests.handlers.noisy"}
    job = cli.json("start", "t.noisy", "--wait", env=noisy)["job"]["id"]
    shown = cli("logs", job, check=0).stdout
    assert "\\x1b[31mred" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert [line for line in shown.splitlines() if line.startswith("2026-01-01T00:00:00.000Z")] == []
    assert "\x1b[31mred" in cli("logs", job, "--raw", check=0).stdout


@pytest.mark.databases("sqlite")
def test_a_long_log_is_printed_whole_and_page_by_page(cli: CommandLine, inside: Inside) -> None:
    job = inside.json("start", "t.lines", "-p", "n:=2500", "-p", "via=print", "--wait")["job"]["id"]
    numbers = [
        int(line.rsplit(" ", 1)[1])
        for line in inside("logs", job, check=0).stdout.splitlines()
        if "line " in line
    ]
    assert numbers == list(range(1, 2501))
    last = inside("logs", job, "-n", 2200, "--grep", "line ", check=0).stdout.splitlines()
    assert [int(line.rsplit(" ", 1)[1]) for line in last] == list(range(301, 2501))

    killed = cli("logs", job, "--cursor-file", "c", "--ndjson", env={"JR_FAILPOINTS": f"{WRITTEN}=kill9"})
    assert (killed.returncode, len(killed.stdout.splitlines())) == (-signal.SIGKILL, 1000)
    others = cli("logs", job, "--cursor-file", "c", "--ndjson", check=0).stdout
    assert messages(killed.stdout + others) == [line["message"] for line in inside.json("logs", job)["lines"]]

    left = cli.spawn("logs", job)
    assert left.stdout is not None
    left.stdout.readline()
    left.send_signal(signal.SIGINT)
    _, talk = left.communicate(timeout=60)
    assert (left.returncode, talk) == (-signal.SIGINT, f"\nDetached. Come back with: jobrunner logs {job}\n")


@pytest.mark.databases("sqlite")
def test_who_leaves_a_follower_with_a_cursor_file_is_told_no_line_twice(
    cli: CommandLine, database: Database
) -> None:
    job = driving.create(database)
    tail = Tail(driving.claim(database, job))
    # the second cursor is the one of the first lines: whoever sees a line and leaves does so before it is kept
    slowly = {"JR_FAILPOINTS": "rename.cursor.before=sleep:0.2@2"}
    told: list[str] = []
    for number in range(8):
        driving.append(database, tail, [f"line {number} {part}" for part in "ab"])
        follower = cli.spawn("logs", job, "-f", "--cursor-file", "c", "--ndjson", env={**slowly})
        assert follower.stdout is not None
        told += messages(follower.stdout.readline())
        leaves = signal.SIGINT if number % 2 else signal.SIGTERM
        follower.send_signal(leaves)
        told += messages(follower.stdout.read())
        assert follower.wait(60) == -leaves
    driving.move(database, job, Trigger.SUCCEED)
    told += messages(cli("logs", job, "--cursor-file", "c", "--ndjson", check=0).stdout)
    assert told == [f"line {number} {part}" for number in range(8) for part in "ab"]


def test_a_cursor_is_kept_whole_whatever_interrupts_it(tmp_path: Path) -> None:
    place = str(tmp_path / "c")
    cursors.write(place, "u", 7)
    try:
        for point, kept in (("rename.cursor.before", 7), (WRITTEN, 9)):
            failpoints.arm(f"{point}=raise:KeyboardInterrupt", None)
            with pytest.raises(KeyboardInterrupt):
                cursors.write(place, "u", 9)
            assert (cursors.read(place, "u"), os.listdir(tmp_path)) == (kept, ["c"])
    finally:
        failpoints.arm("", None)
