"""The demonstration keeps what it says: a real job, and commands that work by copy and paste."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import poll
from tests.tour.terminal import Terminal, Typed

pytestmark = pytest.mark.timeout(180)


def plant(directory: Path) -> Path:
    """Makes a tree: four readable files of three contents, a link, and a name that is not UTF-8."""
    tree = directory / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "a.txt").write_text("one\ntwo\n")
    (tree / "below" / "b.txt").write_text("one\ntwo\n")
    (tree / "below" / "c.py").write_text("print(1)")
    (tree / "link").symlink_to("a.txt")
    Path(os.fsdecode(os.fsencode(tree) + b"/d\xff")).write_bytes(b"")
    return tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return plant(tmp_path)


def demo(terminal: Terminal, *arguments: object) -> Typed:
    done = subprocess.run(
        [sys.executable, "-m", "jobrunner", "demo", *map(str, arguments)], cwd=terminal.directory,
        env=terminal.environment, text=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return Typed("demo", done.stdout + done.stderr, done.returncode)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Terminal, str]:
    """A terminal in which the demonstration ran, and what it printed."""
    directory = tmp_path_factory.mktemp("told")
    terminal = Terminal(directory)
    shown = demo(terminal, plant(directory))
    assert shown.code == 0, shown.output
    return terminal, shown.output


def test_it_runs_a_job_and_shows_its_result_history_and_audit(told: tuple[Terminal, str]) -> None:
    _, output = told
    assert "4 files, 5 lines, 24 bytes" in output
    assert re.search(r"\.txt +2 +4 +16\n", output)
    rows = re.findall(r"^ +(\d+) +[\d:.]{12} +(\w+) +(\w+) +(\w+) +\w+:", output, re.MULTILINE)
    assert [row[1:] for row in rows] == [
        ("new", "create", "queued"),
        ("queued", "claim", "running"),
        ("running", "succeed", "succeeded"),
    ]
    numbers = [int(seq) for seq in re.findall(r"^ +(\d+)  \d\d:\d\d:\d\d  ", output, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert f"verified: 3 transitions and {len(numbers) - 3} lines" in output
    assert "\x1b" not in output


def test_the_index_is_in_a_table_of_its_own(told: tuple[Terminal, str]) -> None:
    with closing(sqlite3.connect(told[0].directory / "jobrunner-demo" / "index.db")) as connection:
        rows = list(connection.execute("SELECT path, line_count, bytes FROM indexed_file ORDER BY path"))
    assert rows == [("a.txt", 2, 8), ("below/b.txt", 2, 8), ("below/c.py", 1, 8), ("d\\xff", 0, 0)]


def test_every_command_that_it_prints_works(told: tuple[Terminal, str]) -> None:
    terminal, output = told
    commands = re.findall(r"^ {6}(\S.*)$", output.partition("Now you.")[2], re.MULTILINE)
    assert len(commands) > 8
    typed = {done.line.partition("jobrunner ")[2] or done.line: done for done in terminal.type(commands)}
    assert {line: done.output for line, done in typed.items() if done.code != 0} == {}
    assert "succeeded" in typed["status 1"].output
    assert "seen enough" in typed["history $id"].output
    assert "cancelled" in typed["list"].output


def test_a_second_time_goes_on_in_the_same_store(terminal: Terminal, tree: Path) -> None:
    assert [demo(terminal, tree).code, demo(terminal, tree).code] == [0, 0]
    done = terminal.type(["cd jobrunner-demo", "jobrunner list -q"])
    assert done[1].output.split() == ["2", "1"]


def test_a_path_that_is_no_directory_is_named(terminal: Terminal) -> None:
    shown = demo(terminal, "nowhere")
    assert shown.code == 2
    assert "nowhere is no directory" in shown.output
    assert list(terminal.directory.iterdir()) == []


def test_another_stores_settings_do_not_reach_it(terminal: Terminal, tree: Path) -> None:
    terminal.environment |= {"JOBRUNNER_DATABASE_URL": "sqlite:///other.db", "JOBRUNNER_LAUNCHER": "pool"}
    shown = demo(terminal, tree)
    assert shown.code == 0, shown.output
    assert [file.name for file in terminal.directory.iterdir()] == ["jobrunner-demo"]
    assert "unset JOBRUNNER_DATABASE_URL JOBRUNNER_LAUNCHER" in shown.output


def test_ctrl_c_leaves_the_job_alone_and_says_how_to_come_back(terminal: Terminal, tree: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "jobrunner", "demo", str(tree)], cwd=terminal.directory,
        env=terminal.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            if "running" in line:
                break
        process.send_signal(signal.SIGINT)
        told = process.stdout.read()
        assert process.wait(20) == -signal.SIGINT
    assert "Detached. Job 1 goes on." in told
    assert "Traceback" not in told
    back = re.findall(r"^ {6}(\S.*)$", told, re.MULTILINE)
    assert poll(lambda: "2/4" in terminal.type(back)[-1].output)
    assert terminal.type(["cd jobrunner-demo", "jobrunner wait 1"])[-1].code == 0
