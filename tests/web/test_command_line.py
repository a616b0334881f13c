"""``jobrunner --url``: the same output and the same exit code as with the database itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobrunner import JobRunner
from jobrunner.cli import main
from jobrunner.states import Trigger
from jobrunner.store.database import Database
from jobrunner.store.logs import Tail
from tests.commandline import CommandLine
from tests.store import driving
from tests.web.server import Server

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NUMBER = re.compile(r'\b(id|job_id|pid)": \d+|[Jj]ob \d+|^\d+\b|(status|logs|release|run) \d+', re.MULTILINE)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


Told = tuple[int, str, str]
Inside = Callable[..., Told]


@pytest.fixture
def inside(capsys: pytest.CaptureFixture[str]) -> Inside:
    """Gives a command in this process, which is much quicker; returns exit code, output and talk."""

    def call(*words: object) -> Told:
        capsys.readouterr()
        code = main.call([str(word) for word in words])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def twice(inside: Inside, web: Server, monkeypatch: pytest.MonkeyPatch) -> tuple[Inside, Inside]:
    """The command with the database, and the one with ``--url`` and an admin's token."""
    monkeypatch.setenv("JOBRUNNER_TOKEN", web.tokens["admin"])
    return inside, lambda *words: inside("--url", web.base, *words)


@pytest.mark.usefixtures("own_types")
@pytest.mark.databases("sqlite")
def test_every_look_reads_the_same(
    database: Database, runner: JobRunner, twice: tuple[Inside, Inside]
) -> None:
    cli, over_http = twice
    done = driving.create(database)
    tail = Tail(driving.claim(database, done))
    driving.append(database, tail, [f"line {number}" for number in range(12)])
    driving.move(database, done, Trigger.SUCCEED, result='{"made":7}')
    runner.start("t.add", {"a": 1}, title="Sum ü", tags={"k": "v"}, priority=3)
    runner.start("t.noop", hold=True)
    uuid = runner.status(done).job.uuid  # type: ignore[union-attr]
    commands = """
        status 1 / status 1 --json / status 1 --after 3 --limit 2 --json / status 1 --tail 2 / status 999 / status 999 --json
        history 1 / history 1 --json / history 999
        logs 1 / logs 1 --json / logs 1 --ndjson -n 3 / logs 1 --grep 7 --raw / logs 1 --after 5 --level info / logs 1 -f
        logs 999 / logs 1 --level loud / logs 1 --since 1h
        list / list --json / list --status queued,held / list --tag k=v -q / list --limit 1 / list --since 1h --search sum
        list --status dead --json / list --next x
        stats / stats --json / explain 2 --json / explain 3 / explain 999
        types / types --json / machine / machine --json
        wait 1 / wait 1 --json / wait 2 1 --any / wait 2 --timeout 0.2 / wait 999 / watch 1 / watch 1 --json
        audit verify / audit verify 1 --json / audit verify 999
        cancel 1 / cancel 999 --json / resolve 1 --as maybe / retry 2 --json / delete 2 --json
        start t.nope / start t.nope --json / start t.add --json / start t.noop --delay soon / start t.noop -p x=1
    """
    for command in [*filter(None, map(str.strip, re.split(r" / |\n", commands))), f"status {uuid}"]:
        words = command.split()
        assert over_http(*words) == cli(*words), command


@pytest.mark.databases("sqlite")
def test_what_is_done_reads_the_same(twice: tuple[Inside, Inside]) -> None:
    """Each command is given on jobs of its own; what cannot be the same (names, moments) is taken out."""

    def blank(told: Told) -> Told:
        texts = [MOMENT.sub("MOMENT", UUID.sub("UUID", text)) for text in told[1:]]
        out, talk = (NUMBER.sub("NUMBER", text) for text in texts)
        return told[0], out, talk

    cli, over_http = twice
    for command in (
        "start t.add -p a:=1 --wait", "start t.lines -p n:=3 --follow", "start t.fail --wait", "start t.noop --hold",
        "start t.noop --launcher pool --json", "start t.noop --delay 2h",
    ):  # fmt: skip
        assert blank(over_http(*command.split())) == blank(cli(*command.split())), command
    for verbs in (
        ("hold {}", "release {}", "cancel {} --wait"), ("stop {} --json", "retry {} --force", "kill {}", "abandon {}"),
        ("cancel {} --reason why", "delete {}", "delete {}"),
    ):  # fmt: skip
        answers = []
        for call in (over_http, cli):
            job = cli("start", "t.noop", "--launcher", "pool")[1].strip()
            answers.append([blank(call(*verb.format(job).split())) for verb in verbs])
        assert answers[0] == answers[1], verbs


@pytest.mark.databases("sqlite")
def test_the_ledger_names_whoever_the_token_belongs_to(
    twice: tuple[Inside, Inside], runner: JobRunner
) -> None:
    _, over_http = twice
    job = over_http("start", "t.noop", "--hold")[1].strip()
    over_http("cancel", job)
    actors = [move.actor for move in runner.history(job).transitions]
    assert actors == ["starter:test-admin", "operator:test-admin"]


@pytest.mark.databases("sqlite")
def test_what_needs_the_database_is_refused(twice: tuple[Inside, Inside], tmp_path: Path) -> None:
    _, over_http = twice
    for command in (
        "db init", "db check", "db schema", "work --once", "reap --once", "run 1", "prune --dry-run", "doctor", "demo",
        "audit head", "audit verify --against /dev/null", "exec -- true", "start t.noop --dry-run", "serve", "token list",
    ):  # fmt: skip
        code, _, talk = over_http(*command.split())
        assert (code, "HTTP" in talk) == (2, True), command
    exported = tmp_path / "ledger.ndjson"
    exported.write_text(over_http("audit", "export")[1])
    assert over_http("audit", "verify", "--file", exported)[0] == 0
    assert over_http("db", "schema", "--dialect", "sqlite")[0] == 0


@pytest.mark.databases("sqlite")
def test_what_is_not_allowed_over_http_keeps_the_verb_from_no_other(twice: tuple[Inside, Inside]) -> None:
    cli, over_http = twice
    program = cli("exec", "--hold", "--launcher", "pool", "--", "true")[1].strip()
    other = cli("start", "t.noop", "--hold", "--launcher", "pool")[1].strip()
    code, _, talk = over_http("release", program, "--json")
    assert (code, json.loads(talk)["code"]) == (4, "command_line_only")
    code, out, _ = over_http("release", program, other, "--json")
    answers = [item.get("outcome", item.get("code")) for item in json.loads(out)["results"]]
    assert (code, answers) == (4, ["command_line_only", "done"])


@pytest.mark.databases("sqlite")
def test_the_server_and_the_token_come_from_the_environment(
    cli: CommandLine, web: Server, tmp_path: Path, runner: JobRunner
) -> None:
    kept = tmp_path / "token"
    kept.write_text(f"{web.tokens['read']}\n")
    env: dict[str, str | None] = {"JOBRUNNER_URL": web.base, "JOBRUNNER_TOKEN_FILE": str(kept)}
    assert cli("stats", "--json", env=env, check=0).stdout == '{"jobs": {}}\n'
    assert "test-read may read" in cli("start", "t.noop", env=env, check=4).stderr
    cli("start", "t.noop", env=env | {"JOBRUNNER_TOKEN": web.tokens["operate"]}, check=0)
    missing = cli("stats", env=env | {"JOBRUNNER_TOKEN_FILE": str(tmp_path / "none")}, check=125)
    assert "JOBRUNNER_TOKEN_FILE cannot be read" in missing.stderr
    cli("stats", env={"JOBRUNNER_URL": web.base}, check=4)
    # a database that was typed wins over an address of the environment, but not over one that was typed
    typed = ["--database-url", runner.settings.database_url]
    cli(*typed, "audit", "head", env=env, check=0)
    assert "--database-url" in cli("--url", web.base, *typed, "stats", check=2).stderr


@pytest.mark.databases("sqlite")
def test_no_database_library_is_loaded(cli: CommandLine, web: Server) -> None:
    code = (
        "import sys\nfrom jobrunner.cli.main import call\ncode = call(sys.argv[1:])\n"
        "print([m for m in ('sqlalchemy', 'sqlmodel', 'pymysql', 'psycopg') if m in sys.modules], code, file=sys.stderr)"
    )
    env = {"JOBRUNNER_TOKEN": web.tokens["admin"]}
    for command in (
        "start t.noop --wait",
        "list --since 1h",
        "logs 1 -f",
        "watch 1",
        "explain 1",
        "cancel 1",
        "audit verify",
        "types",
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, "--url", web.base, *command.split()], capture_output=True, text=True,
            env={**os.environ, **env},
        )  # fmt: skip
        assert done.stderr.splitlines()[-1].startswith("[] "), (command, done.stderr)


@pytest.mark.databases("sqlite")
def test_a_server_that_is_away_is_waited_for_by_followers(
    cli: CommandLine, web: Server, database: Database
) -> None:
    job = driving.create(database)
    tail = Tail(driving.claim(database, job))
    env: dict[str, str | None] = {"JOBRUNNER_TOKEN": web.tokens["read"]}
    follower = cli.spawn("--url", web.base, "logs", job, "-f", "--ndjson", env=env)
    driving.append(database, tail, ["before"])
    assert follower.stdout is not None
    assert json.loads(follower.stdout.readline())["message"] == "before"
    web.end()
    driving.append(database, tail, ["meanwhile"])
    driving.move(database, job, Trigger.SUCCEED)
    web.start()
    out, _ = follower.communicate(timeout=60)
    assert [json.loads(line)["message"] for line in out.splitlines()] == ["meanwhile"]
    assert follower.returncode == 0
