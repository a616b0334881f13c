"""``jobrunner serve``: where it listens, what it refuses, how it begins and how it ends."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobrunner import JobRunner
from jobrunner.operations import tokens as operation
from tests.commandline import CommandLine
from tests.servers import Server as DatabaseServer
from tests.stores import Store
from tests.web.server import Server, free_port

Serve = Callable[..., Server]
PATH = re.compile(r"The first admin token is in (.+); remove")


def test_it_serves_the_store_and_ends_in_order(web: Server):
    assert web.get("/healthz", token=None).status == 200
    assert web.get("/openapi.json", token="read").status == 200
    assert web.get("/openapi.json", token=None).status == 401
    assert f"Listening on http://127.0.0.1:{web.port} " in web.log
    assert web.end(signal.SIGTERM) == 0
    assert "Traceback" not in web.log and "admin token" not in web.log


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order_while_streams_are_open(web: Server, runner: JobRunner, number: signal.Signals):
    job = runner.start("t.add", {"a": 1, "b": 2}, hold=True).job_id
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stream = stack.enter_context(socket.create_connection(("127.0.0.1", web.port), timeout=30))
            stream.sendall(
                f"GET /api/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {web.tokens['read']}\r\n\r\n".encode()
            )
            assert b"200 OK" in stream.recv(4096)
        assert web.end(number) == 0
    assert "Traceback" not in web.log


def test_the_first_start_leaves_an_admin_token_in_a_file_of_its_user(serve: Serve, runner: JobRunner):
    server = serve()
    found = PATH.search(server.log)
    assert found
    path = Path(found[1])
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    token = path.read_text().strip()
    assert token not in server.log
    assert server.get("/openapi.json", token=token).status == 200
    [made] = operation.every(runner.database)
    assert (made.name, made.scope) == ("admin", "admin")
    server.end()
    again = Server(server.directory, {}, port=free_port()).start()
    try:
        assert "admin token" not in again.log and len(operation.every(runner.database)) == 1
    finally:
        again.end()


@pytest.mark.databases("sqlite")
def test_the_key_of_sessions_is_there_before_anybody_can_log_in(serve: Serve, cli: CommandLine):
    server = serve()
    path = server.directory / "jobs.db.web" / "session-key"
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    kept = path.read_text()
    server.end()
    server.start()
    assert path.read_text() == kept
    path.chmod(0o644)
    refused = cli("serve", "--port", free_port(), check=125)
    assert str(path) in refused.stderr and "Listening" not in refused.stderr


@pytest.mark.databases("sqlite")
def test_on_a_terminal_the_first_token_is_shown_once_and_kept_nowhere(store: Store):
    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "jobrunner", "serve", "--port", str(free_port())]
    with subprocess.Popen(line, cwd=store.directory, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = ""
        while "Listening on" not in seen:
            seen += os.read(ours, 4096).decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    os.close(ours)
    assert re.search(r"jobrunner_[0-9a-f]{64}", seen) and "once" in seen
    assert not list(store.directory.rglob("admin-token"))


@pytest.mark.databases("sqlite")
def test_others_are_never_served_without_authentication(cli: CommandLine):
    for host in ("0.0.0.0", "::", "192.0.2.1", "", "example.invalid"):
        done = cli("serve", "--host", host, "--no-auth", "--port", free_port(), check=2)
        assert "--no-auth" in done.stderr and "authentication" in done.stderr


@pytest.mark.databases("sqlite")
def test_without_authentication_everybody_here_may_do_everything_and_is_told_so(serve: Serve):
    server = serve("--no-auth")
    assert server.get("/openapi.json", token=None).status == 200
    assert "no authentication" in server.log and "admin token" not in server.log
    assert server.get("/openapi.json", token=None, headers={"Host": "evil.example"}).status == 421


@pytest.mark.databases("sqlite")
def test_an_address_that_others_reach_is_served_with_a_warning(serve: Serve):
    server = serve("--host", "0.0.0.0")
    assert "TLS" in server.log
    assert server.get("/login", token=None, headers={"Host": "10.9.8.7"}).status == 200
    assert server.get("/login", token=None, headers={"Host": "evil.example"}).status == 421


@pytest.mark.databases("sqlite")
def test_an_address_that_is_taken_or_not_ours_is_a_clear_error(cli: CommandLine):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = cli("serve", "--port", taken.getsockname()[1], check=125)
    assert "already in use" in done.stderr and "--port" in done.stderr and "Traceback" not in done.stderr
    assert "Cannot listen" in cli("serve", "--host", "192.0.2.1", "--port", free_port(), check=125).stderr
    assert "/ops" in cli("serve", "--root-path", "no path", "--port", free_port(), check=2).stderr
    assert "network" in cli("serve", "--behind-proxy", "proxy", "--port", free_port(), check=2).stderr


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("package", ["fastapi", "uvicorn", "python_multipart"])
def test_without_the_extra_it_says_what_to_install(store: Store, package: str):
    code = (
        "import importlib.util, sys\nfind = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name, *a: None if name == {package!r} else find(name, *a)\n"
        f"sys.modules[{package!r}] = None\nsys.argv = ['jobrunner', 'serve']\nfrom jobrunner.__main__ import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=store.directory)
    assert done.returncode == 125
    assert "pip install 'jobrunner-db[web]'" in done.stderr and package in done.stderr


def test_a_store_without_tables_is_told_and_served_once_it_has_them(
    empty_url: str, serve: Serve, kind: str, cli: CommandLine, eventually
):
    server = serve()
    if kind != "sqlite":
        assert "has no jobrunner tables" in server.log and "jobrunner db init" in server.log
        answer = server.get("/openapi.json", token="jobrunner_" + "0" * 64)
        assert answer.status == 503 and answer.headers["retry-after"] and "db init" in answer.json["hint"]
        cli("db", "init", check=0)
    token = eventually(lambda: PATH.search(server.log))
    assert server.get("/openapi.json", token=Path(token[1]).read_text().strip()).status == 200


def test_a_database_that_is_away_at_the_start_is_told_and_served_once_it_is_there(
    own_server: DatabaseServer, url: str, serve: Serve, eventually
):
    own_server.stop()
    server = serve()
    assert "does not answer" in server.log
    assert server.get("/healthz", token=None).status in (200, 503)
    answer = server.get("/openapi.json", token="jobrunner_" + "0" * 64)
    assert answer.status == 503 and answer.json["code"] == "database_unavailable" and url not in answer.text
    own_server.start()
    found = eventually(lambda: PATH.search(server.log), timeout=60)
    assert server.get("/openapi.json", token=Path(found[1]).read_text().strip()).status == 200


@pytest.mark.databases("mariadb", "postgres")
def test_a_wrong_password_is_told(own_server: DatabaseServer, store: Store, serve: Serve, monkeypatch):
    assert store.address is not None
    wrong = store.url.replace(f"{store.address.user}@", f"{store.address.user}:wrong-word@")
    wrong = re.sub(r"//([^:@]+)(:[^@]*)?@", r"//nobody_here:wrong-word@", wrong)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", wrong)
    server = serve()
    assert "does not answer" in server.log and "nobody_here" in server.log and "wrong-word" not in server.log


@pytest.mark.databases("sqlite")
def test_a_key_that_cannot_be_kept_is_told_and_sessions_work_until_the_end(
    store: Store, runner, serve: Serve, tokens
):
    blocked = store.directory / "blocked"
    blocked.write_text("a file where a directory should be")
    server = serve("--state", str(blocked), tokens=tokens)
    answer = server.request(
        "POST", "/login", f"token={tokens['read']}".encode(), token=None,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    assert answer.status == 303
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert server.get("/openapi.json", token=None, headers={"Cookie": cookie}).status == 200
    assert "cannot be kept" in server.log


@pytest.mark.databases("sqlite")
def test_telemetry_of_the_framework_is_off(app):
    assert not any(
        app._telemetry[name] for name in ("tracing", "metrics", "logs", "operation_spans", "auto_configure")
    )


@pytest.mark.databases("sqlite")
def test_the_package_is_imported_without_the_extra(store: Store):
    code = (
        "import sys\nfor name in ('fastapi', 'starlette', 'uvicorn', 'jinja2', 'itsdangerous'): sys.modules[name] = None\n"
        "import jobrunner, jobrunner.web, jobrunner.runner\nfrom jobrunner.cli.main import call\nsys.exit(call(['list']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=store.directory, env=os.environ
    )
    assert done.returncode == 0, done.stderr
