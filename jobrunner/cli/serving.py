"""The command ``serve``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from jobrunner.cli import output, session
from jobrunner.cli.options import examples
from jobrunner.errors import JobRunnerError

NEEDED = ("fastapi", "uvicorn", "jinja2", "itsdangerous", "python_multipart")


class ExtraMissing(JobRunnerError):
    """The packages for the web are not installed."""

    code = "extra_missing"
    default_hint = "Install them with: pip install 'jobrunner-db[web]'"


@examples(
    "jobrunner serve", "jobrunner --handlers shop.jobs serve --port 9000",
    "jobrunner serve --behind-proxy 127.0.0.1 --allow-host jobs.example.com --root-path /ops/jobs",
)  # fmt: skip
def serve(
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Where to listen (setting host, 127.0.0.1).")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", min=0, max=65_535, help="On which port (setting port, 8080)."),
    ] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Ask nobody who they are; only on an address of this machine.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A host name under which it is reached; repeatable."),
    ] = None,
    behind_proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--behind-proxy", metavar="ADDRESS",
            help="A proxy, or a network of them, whose X-Forwarded headers count; repeatable.",
        ),
    ] = None,
    root_path: Annotated[
        str, typer.Option("--root-path", metavar="PATH", help="The path below which a proxy shows it.")
    ] = "",
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="DIR", help="Where the key of sessions and the first token are kept."),
    ] = None,
) -> None:  # fmt: skip
    """Serves the HTTP API, the stream and the pages until SIGTERM or Ctrl-C.

    On its first start it makes an admin token: shown once on a terminal, else left in a file that it names.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ExtraMissing(f"The packages for the web are not installed: {', '.join(missing)}.")
    from jobrunner.web.serving import serve as listen

    runner = session.local("serve", handlers=True)
    for failure in runner.import_failures():
        output.say(f"warning: {failure.module} failed to import: {failure.error_class}: {failure.message}")
    settings = runner.settings
    listen(
        runner, host=settings.host if host is None else host, port=settings.port if port is None else port,
        auth=not no_auth, allowed_hosts=allow_host or (), root_path=root_path, trusted_proxies=behind_proxy or (),
        state=state, tell=output.say,
    )  # fmt: skip
