"""The tree says nothing of the machine that it was written on, and the seeds load everywhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.servers import ROOT

READ = {".py", ".md", ".toml", ".txt", ".sql", ".html", ".css", ".js", ".cfg", ".yml", ""}
# Written in two halves, so that this file does not find itself.
MACHINE = re.compile("/" + r"(?:home|Users|root|work|opt|workspace)/\w")
REGISTRY = re.compile(r"(?:py" + r"pi\.org|file" + r"s\.pythonhosted|--index" + r"-url|--find" + r"-links)")


def files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.splitlines()]
    else:
        tops = [top for top in ROOT.iterdir() if top.name == ".ci" or not top.name.startswith(".")]
        found = [file for top in tops for file in [top, *top.rglob("*")] if "__pycache__" not in file.parts]
    return [file for file in found if file.is_file() and file.suffix in READ]


def holding(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for file in files()
        for line in file.read_text("utf-8", "replace").splitlines()
        if pattern.search(line)
    ]


def test_no_file_names_a_path_of_one_machine() -> None:
    assert holding(MACHINE) == []


def test_no_file_names_a_package_registry() -> None:
    assert holding(REGISTRY) == []


def test_constraints_are_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text("ascii").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*==[0-9][0-9a-z.]*", line)] == []


def test_the_database_files_are_plain_ascii() -> None:
    scripts = sorted((ROOT / "db").rglob("*.sql"))
    assert scripts
    assert [script.name for script in scripts if not script.read_bytes().isascii()] == []


def test_commands_can_be_executed() -> None:
    commands = [ROOT / "scripts" / name for name in ("check", "demo", "generate", "mutate", "test")] + [
        ROOT / ".ci" / "run"
    ]
    assert [command.name for command in commands if not command.stat().st_mode & 0o111] == []
