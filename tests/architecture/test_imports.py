"""Imports go down only, and what must start light does."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

from tests.servers import ROOT

DATABASE = {"sqlalchemy", "sqlmodel"}
SCHEMA = {"sqlmodel", "pydantic", "jobrunner.entities", "jobrunner.models"}
LIGHT = [
    ("jobrunner", DATABASE | {"typer", "psutil", "pydantic"}),
    ("jobrunner.cli", DATABASE),
    ("jobrunner.client", DATABASE | {"typer", "psutil", "fastapi", "starlette"}),
    ("jobrunner.child.main", DATABASE | {"psutil", "typer", "rich"}),
    ("jobrunner.worker.single", SCHEMA | {"typer", "rich", "jobrunner.handlers"}),
    ("jobrunner.worker.pool", SCHEMA | {"typer", "rich"}),
]


def loaded_by(module: str) -> set[str]:
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_imports_go_down_only() -> None:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("module", "heavy"), LIGHT, ids=[module for module, _ in LIGHT])
def test_what_starts_often_starts_light(module: str, heavy: set[str]) -> None:
    package, _, _ = module.rpartition(".")
    if package and importlib.util.find_spec(module) is None:
        pytest.skip(f"there is no {module}")
    assert loaded_by(module) & heavy == set()


def test_the_check_sees_what_is_heavy() -> None:
    assert loaded_by("jobrunner.entities") & DATABASE == DATABASE


def test_help_does_not_import_the_database_stack() -> None:
    code = (
        "import sys\nsys.argv = ['jobrunner', '--help']\nfrom jobrunner.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('sqlalchemy', 'sqlmodel', 'pymysql', 'psycopg') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stderr.splitlines()[-1:] == ["[]"], done.stderr
