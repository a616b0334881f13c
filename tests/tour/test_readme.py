"""The README is true: its blocks run as they stand, in order, and its tables say what the code says.

A ``console`` block holds commands after ``$ `` and what they print; ``…`` stands for any text, white space
for any other, and a command without expected output prints nothing. A ``python`` or ``toml`` block that
begins with ``# name`` is that file. Blocks of ``sh`` and ``text`` are for reading.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import fields

import pytest

from jobrunner import entities, errors, states
from jobrunner.cli.commands import COMMANDS
from jobrunner.settings import Settings
from tests.servers import ROOT
from tests.tour.terminal import Terminal

README = (ROOT / "README.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# ([\w.]+)\n")


def commands_of(block: str) -> list[tuple[str, str]]:
    """Returns each command of a console block with the output that it is to have."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [(line, expected.strip()) for line, _, expected in (part.partition("\n") for part in parts)]


def fits(expected: str, output: str) -> bool:
    """True when the output is what was expected; runs of white space count as one blank."""
    pieces = [re.escape(" ".join(piece.split())) for piece in expected.split("…")]
    return re.fullmatch(r" ?" + ".*".join(pieces) + r" ?", " ".join(output.split())) is not None


@pytest.mark.timeout(300)
def test_every_block_runs_as_it_stands(terminal: Terminal) -> None:
    wrong = []
    for language, block in BLOCK.findall(README):
        named = NAMED.match(block)
        if language in ("python", "toml"):
            assert named is not None, block
            (terminal.directory / named[1]).write_text(block, "utf-8")
        if language == "console":
            expected = commands_of(block)
            for (line, output), done in zip(
                expected, terminal.type([line for line, _ in expected]), strict=True
            ):
                if done.code != 0 or not fits(output, done.output):
                    wrong.append(f"$ {line}\n{done.output}(exit {done.code}, expected {output!r})")
    assert not wrong, "\n".join(wrong)


def test_expected_output_is_compared() -> None:
    assert fits("…b…", "a\nb\nc\n") and fits("", "\n") and fits("a\n…", "a\nb") and fits("a  b", "a\tb")
    assert not fits("…d…", "a\nb\nc\n") and not fits("", "a") and not fits("b", "ab")


def marked(name: str) -> str:
    return README.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]


def rows_of(name: str) -> list[list[str]]:
    """Returns the cells of a marked table, without its head."""
    lines = [line for line in marked(name).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def shown(name: str, value: object) -> str:
    """Returns a default as the table writes it."""
    if name.endswith("_bytes"):
        size = int(str(value))
        return f"{size // 1024**3} GiB" if size >= 1024**3 else f"{size // 1024**2} MiB"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"`{value}`"
    if isinstance(value, float):
        return f"{value:g}" if name.endswith("_hours") else f"{value:g} s"
    return str(value) if value != () else {"queues": "all"}.get(name, "none")


def test_the_settings_are_those_of_the_code() -> None:
    written = [(row[0], row[1]) for row in rows_of("settings")]
    assert written == [(f"`{item.name}`", shown(item.name, item.default)) for item in fields(Settings)]


def test_the_commands_are_those_of_the_command_line() -> None:
    named = {code.split()[0] for row in rows_of("commands") for code in re.findall(r"`([a-z].*?)`", row[0])}
    assert named == set(COMMANDS)
    for group, entry in COMMANDS.items():
        for command in entry.group or {}:
            assert f"`{group} {command}" in marked("commands")


def test_the_statuses_are_those_of_the_machine() -> None:
    written = [tuple(row) for row in rows_of("statuses")]
    assert written == [
        (f"`{status}`", "terminal" if status.is_terminal else "active", states.DESCRIPTIONS[status])
        for status in states.Status
        if status is not states.Status.NEW
    ]


def test_the_diagram_is_the_machine() -> None:
    assert marked("machine") == f"```mermaid\n{states.mermaid()}```\n"


def test_the_errors_are_those_of_the_library() -> None:
    known = [error for _, error in inspect.getmembers(errors, inspect.isclass)]
    expected = [
        (f"`{error.code}`", (error.__doc__ or "").strip().splitlines()[0])
        for error in known
        if issubclass(error, errors.JobRunnerError)
    ]
    assert sorted(tuple(row) for row in rows_of("errors")) == sorted(expected)


def test_the_tables_are_those_of_the_schema() -> None:
    classes = [item for _, item in inspect.getmembers(entities, inspect.isclass)]
    names = {
        str(item.__tablename__)
        for item in classes
        if item.__module__ == entities.__name__ and hasattr(item, "__tablename__")
    }
    assert {row[0].strip("`") for row in rows_of("tables")} == {
        name for name in names if name.startswith("jobrunner_")
    }
