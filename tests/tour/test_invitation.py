"""The commands that the demonstration prints fit the shell that they are pasted into."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jobrunner.demo import invitation

ECHO = "#!/bin/sh\necho called with $*\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment whose path needs quotes, with the command beside its Python, and off the search path."""
    programs = tmp_path / "its bin"
    programs.mkdir()
    (programs / "jobrunner").write_text(ECHO, "utf-8")
    (programs / "jobrunner").chmod(0o755)
    monkeypatch.setattr("sys.executable", str(programs / "python"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for name in invitation.OURS:
        monkeypatch.delenv(name, raising=False)
    return programs


def test_a_command_off_the_path_is_put_on_it(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "it's here").mkdir()
    monkeypatch.chdir(tmp_path)
    lines = [*invitation.preamble("it's here"), f"{invitation.program()} status 1"]
    done = subprocess.run(["sh", "-e"], input="\n".join(lines), capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("called with status 1\n", "")


def test_a_command_on_the_path_is_called_by_its_name(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{installed}:/usr/bin:/bin")
    assert invitation.preamble("here") == ["cd here"]
    assert invitation.program() == "jobrunner"


def test_without_the_command_python_is_asked(installed: Path) -> None:
    (installed / "jobrunner").unlink()
    assert invitation.program() == f"'{installed}/python' -m jobrunner"
