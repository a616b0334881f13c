"""Help comes at once and teaches; nothing heavy is imported for it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import Any

import pytest

from jobrunner.cli.commands import COMMANDS
from jobrunner.cli.main import application
from tests.servers import ROOT

HEAVY = ("sqlalchemy", "sqlmodel", "rich", "pydantic", "pymysql", "psycopg", "psutil")


def commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, entry in COMMANDS.items():
        found += [(name, sub) for sub in entry.group] if entry.group else [(name,)]
    return found


def command(path: tuple[str, ...]) -> tuple[Any, Any]:
    app = application()
    with app.make_context("jobrunner", list(path), resilient_parsing=True) as context:
        built = app.get_command(context, path[0])
        return (built.get_command(context, path[1]) if len(path) > 1 else built), context


def modules_after(*arguments: str) -> tuple[list[str], str]:
    code = (
        f"import json, sys; sys.argv = ['jobrunner', *{list(arguments)!r}]\nfrom jobrunner.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "sys.stderr.write(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return json.loads(done.stderr), done.stdout


def test_the_first_help_imports_no_database_no_models_and_no_rich() -> None:
    loaded, told = modules_after("--help")
    assert [name for name in HEAVY if name in loaded] == []
    assert [name for name in COMMANDS if f"\n  {name} " not in told] == []


def test_the_help_of_a_command_imports_no_database_and_no_rich() -> None:
    loaded, told = modules_after("start", "--help")
    assert [name for name in HEAVY if name != "pydantic" and name in loaded] == []
    assert "Examples:" in told
    assert "--idempotency-key" in told


def test_a_json_answer_imports_no_rich(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", f"sqlite:///{tmp_path}/no.db")
    loaded, told = modules_after("list", "--json")
    assert json.loads(told) == {"jobs": [], "next": None}
    assert "rich" not in loaded


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_says_what_it_does_with_an_example_that_parses(path: tuple[str, ...]) -> None:
    built, context = command(path)
    entry = COMMANDS[path[0]]
    entry = entry.group[path[1]] if entry.group else entry
    assert built.help.split()[0] == entry.summary.split()[0]
    examples = [line.strip() for line in built.epilog.splitlines() if line.strip().startswith("jobrunner ")]
    assert examples
    own = [
        part
        for example in examples
        for part in example.split(" > ")[0].split(" | ")
        if path[-1] in shlex.split(part)
    ]
    assert own
    for part in own:
        words = shlex.split(part)
        given = ["7"] if words[0] == "xargs" else []
        built.make_context(path[-1], words[words.index(path[-1]) + 1 :] + given, parent=context)
    for option in built.params:
        assert option.help or option.name == "help", option.name
