"""Followers: they wait for a beginning, leave by Ctrl-C, bear a database restart, and exit as the job did."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import IO

import pytest

from jobrunner import JobRunner
from tests.commandline import CommandLine
from tests.servers import Server


def until(stream: IO[str] | None, text: str) -> str:
    """Reads lines up to the one that holds ``text``, and returns that."""
    assert stream is not None
    for line in stream:
        if text in line:
            return line
    raise AssertionError(f"{text!r} never came")


def rest(process: subprocess.Popen[str]) -> tuple[str, str]:
    # What was read ahead for the lines so far is in the streams, where communicate would not look.
    assert process.stdout is not None
    assert process.stderr is not None
    told = process.stdout.read(), process.stderr.read()
    process.wait(60)
    return told


def test_a_follower_waits_for_a_job_that_has_not_begun(cli: CommandLine, runner: JobRunner) -> None:
    job = runner.start("t.lines", {"n": 3}, hold=True).job_id
    logs = cli.spawn("logs", job, "-f", "--ndjson")
    wait = cli.spawn("wait", job)
    assert "release" in until(logs.stderr, "is held")
    runner.release(job)
    assert runner.run(job) == 0
    assert [json.loads(line)["message"] for line in rest(logs)[0].splitlines()][-3:] == [
        "line 1",
        "line 2",
        "line 3",
    ]
    assert (logs.returncode, rest(wait)[0], wait.returncode) == (0, f"{job}\tsucceeded\n", 0)


def test_ctrl_c_detaches_by_the_signal_says_how_to_come_back_and_cancels_nothing(
    cli: CommandLine, runner: JobRunner
) -> None:
    follower = cli.spawn("start", "t.sleep", "--follow")
    until(follower.stdout, "sleeping")
    job = runner.jobs().jobs[0].id
    waiter = cli.spawn("wait", job, "--json")
    watcher = cli.spawn("watch", job)
    until(watcher.stdout, "sleeping")
    follower.send_signal(signal.SIGINT)
    watcher.send_signal(signal.SIGINT)
    out, err = rest(follower)
    assert (follower.returncode, "sleeping" in out) == (-signal.SIGINT, False)
    assert f"jobrunner logs {job} -f" in err
    assert "Traceback" not in err
    assert f"jobrunner watch {job}" in rest(watcher)[1]
    assert watcher.returncode == -signal.SIGINT
    seen = runner.status(job).job
    assert seen is not None
    assert seen.status == "running"
    runner.kill(job)
    assert json.loads(rest(waiter)[0])["job"]["status"] == "stopped"
    assert waiter.returncode == 137


def test_watch_prints_a_line_per_event_where_there_is_no_terminal(
    cli: CommandLine, runner: JobRunner
) -> None:
    job = runner.start("t.steps", {"pause": 0.05}).job_id
    watcher = cli.spawn("watch", job)
    seen = until(watcher.stdout, "new → queued")
    assert runner.run(job) == 0
    seen += rest(watcher)[0]
    assert watcher.returncode == 0
    assert "\x1b" not in seen
    for text in ("queued → running", "Step 1/2", "step 2/2 The second step", "running → succeeded"):
        assert text in seen
    other = runner.start("t.noop").job_id
    runner.cancel(other)
    both = cli("watch", job, other, check=130)
    assert [line.split("  ")[0] for line in both.stdout.splitlines()][-1] == str(other)


def test_wait_takes_several_and_any(cli: CommandLine, runner: JobRunner) -> None:
    done, gone, open_one = (runner.start("t.noop").job_id for _ in range(3))
    runner.run(done)
    runner.cancel(gone)
    assert cli("wait", done, gone, check=130).stdout == f"{done}\tsucceeded\n{gone}\tcancelled\n"
    first = cli("wait", open_one, done, "--any", "--json", check=0)
    assert [item["job"]["id"] for item in json.loads(first.stdout)["results"]] == [done]
    late = cli("wait", open_one, done, "--timeout", "0.2", "--json", check=124)
    assert json.loads(late.stderr.splitlines()[-1])["code"] == "wait_timeout"
    cli("wait", done, 424242, check=3)


@pytest.mark.databases("sqlite")
def test_of_several_jobs_a_missing_one_counts_as_not_found_and_the_others_are_followed(
    cli: CommandLine, runner: JobRunner
) -> None:
    done, gone, late = (runner.start("t.noop").job_id for _ in range(3))
    runner.run(done)
    runner.cancel(gone)
    several = cli.json("wait", gone, 424242, done, check=130)["results"]
    assert [seen["found"] for seen in several] == [True, False, True]
    told = cli("wait", 424242, done, gone, "--timeout", "30", check=3)
    assert (told.stdout, told.stderr) == (
        f"{done}\tsucceeded\n{gone}\tcancelled\n",
        "There is no job 424242.\n",
    )
    assert cli("wait", late, 424242, "--any", "--timeout", "0.2", check=124).stdout == ""
    watched = cli("watch", done, 424242, gone, check=3)
    assert [line.split("  ")[0] for line in watched.stdout.splitlines()] == [str(done), str(gone)]
    assert [seen["found"] for seen in cli.json("watch", done, 424242, check=3)["results"]] == [True, False]


@pytest.mark.databases("sqlite")
def test_a_stream_of_the_ledger_is_one_object_per_line(cli: CommandLine, runner: JobRunner) -> None:
    one, two = (runner.start("t.lines", {"n": 2}).job_id for _ in range(2))
    runner.cancel(two)
    watcher = cli.spawn("watch", one, two, "--ndjson")
    rows = [json.loads(until(watcher.stdout, f'"job_id": {one}'))]
    assert runner.run(one) == 0
    rows += [json.loads(line) for line in rest(watcher)[0].splitlines()]
    assert watcher.returncode == 130
    ledger = runner.status(one).model_dump(mode="json")["events"]
    assert [row for row in rows if row["job_id"] == one] == [{"job_id": one, **event} for event in ledger]
    alone = cli("watch", one, "--ndjson", check=0).stdout
    assert [json.loads(line) for line in alone.splitlines()] == ledger
    for command in (["start", "t.fail"], ["exec"]):
        after = ["--", "sh", "-c", "echo no luck; exit 1"] if command == ["exec"] else []
        followed = cli(*command, "--follow", "--ndjson", *after, check=1)
        triggers = [row.get("trigger") for row in map(json.loads, followed.stdout.splitlines())]
        assert (triggers[0], triggers[-1]) == ("create", "fail")
        count = len(runner.jobs().jobs)
        assert "--follow" in cli(*command, "--ndjson", *after, check=2).stderr
        assert "--ndjson" in cli(*command, "--follow", "--ndjson", "--json", *after, check=2).stderr
        assert len(runner.jobs().jobs) == count
    assert cli("audit", "export", "--ndjson", check=0).stdout.startswith('{"kind":"export"')


def test_followers_survive_a_restart_of_the_database_and_tell_each_line_once(
    own_server: Server, cli: CommandLine, runner: JobRunner
) -> None:
    job = cli.json("start", "t.lines", "-p", "n:=200", "-p", "pause:=0.05", "--hold")["job_id"]
    logs = cli.spawn("logs", job, "-f", "--ndjson")
    wait = cli.spawn("wait", job)
    for follower in (logs, wait):
        until(follower.stderr, "is held")
    runner.release(job)
    until(logs.stdout, '"line 5"')
    own_server.stop()
    until(logs.stderr, "does not answer")
    own_server.start()
    lines = [json.loads(line)["message"] for line in rest(logs)[0].splitlines()]
    assert [line for line in lines if line.startswith("line")] == [f"line {n}" for n in range(6, 201)]
    assert rest(wait)[0] == f"{job}\tsucceeded\n"


@pytest.mark.databases("sqlite")
def test_watch_draws_bars_on_a_terminal(cli: CommandLine, runner: JobRunner) -> None:
    job = runner.start("t.steps", {"pause": 0.05}).job_id
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    watcher = subprocess.Popen(
        cli._command(("watch", job)), stdout=theirs, stderr=theirs, env=environment, cwd=cli.directory
    )
    os.close(theirs)
    drawn = os.read(ours, 65536)
    assert runner.run(job) == 0
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        drawn += piece
    os.close(ours)
    assert watcher.wait(30) == 0
    text = drawn.decode()
    assert "\x1b[" in text
    assert "━" in text
    assert "Step 1/2" in text
    assert "succeeded" in text
