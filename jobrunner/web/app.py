"""Puts the application together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse

from jobrunner.runner import JobRunner, default
from jobrunner.version import __version__
from jobrunner.web import assets, errors, login, stream
from jobrunner.web.api import openapi, shortcut
from jobrunner.web.api import routes as api
from jobrunner.web.assets import Assets
from jobrunner.web.caller import Reader
from jobrunner.web.gate import Gate
from jobrunner.web.guard import Guard
from jobrunner.web.heads import Heads
from jobrunner.web.house import Web
from jobrunner.web.hub import Hub
from jobrunner.web.log import routes as log
from jobrunner.web.pages import routes as pages
from jobrunner.web.proxies import Placed, Proxies, checked_root
from jobrunner.web.security import Authenticate, Authorize, Security

# FastAPI would send spans, and logs with what stands in exceptions, to whatever is configured in the process.
SILENT: Any = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def create_app(
    runner: JobRunner | None = None, *, auth: bool = True, authorize: Authorize | None = None,
    authenticate: Authenticate | None = None, allowed_hosts: Iterable[str] | None = None, root_path: str = "",
    trusted_proxies: Iterable[str] = (), state: str | Path | None = None,
) -> FastAPI:  # fmt: skip
    """Returns the API, the stream and the pages of a runner, to be served, or mounted below any path.

    ``authorize(user, action, job) -> bool`` is asked for each verb, start and read of a job, and each drain. ``authenticate(request)``
    gives a Caller for a user whom the surrounding application knows already, or None. ``allowed_hosts`` are
    the names under which it is reached, besides localhost and the setting host; ``trusted_proxies`` the
    addresses whose X-Forwarded-* headers count; ``state`` is where the key of sessions is kept.
    """
    runner, root = runner or default(), checked_root(root_path)
    security = Security(
        runner, auth=auth, authorize=authorize, authenticate=authenticate,
        allowed_hosts=[runner.settings.host, *(allowed_hosts or ())], state=None if state is None else Path(state),
    )  # fmt: skip
    web = Web(runner, security, Assets(), Hub(runner))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        web.hub.close()

    app = FastAPI(
        title="jobrunner", version=__version__, openapi_url=None, docs_url=None, redoc_url=None,
        redirect_slashes=False, lifespan=lifespan, telemetry=SILENT,
    )  # fmt: skip
    app.state.web = web
    errors.install(app)
    # the last one that is added is the first one that is asked
    app.add_middleware(
        Gate, security=security, params=runner.settings.params_max_bytes, at_once=shortcut.at_once
    )
    app.add_middleware(Guard)
    app.add_middleware(Heads)
    app.add_middleware(Placed, proxies=Proxies(trusted_proxies), root=root)
    app.add_api_route("/openapi.json", _openapi, include_in_schema=False)
    # beside each other: a router within a router is asked twice at every request
    for router in (api.open_router, *(part.router for part in (assets, login, api, stream, log, pages))):
        app.router.routes.extend(router.routes)
    return app


def _openapi(request: Request, _caller: Reader) -> JSONResponse:
    """Returns what the API takes and gives, as OpenAPI."""
    schema = openapi.document(request.app)
    return JSONResponse(schema | {"servers": [{"url": request.scope.get("root_path") or "/"}]})
