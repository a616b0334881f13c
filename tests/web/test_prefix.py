"""The application stands below any path: mounted, by a setting, or because a trusted proxy says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.testclient import TestClient

from jobrunner import JobRunner
from jobrunner.web import create_app
from jobrunner.web.proxies import OURS

pytestmark = pytest.mark.databases("sqlite")
Visitor = Callable[..., TestClient]
PAGE = {"Accept": "text/html"}
LINK = re.compile(r"""(?:href|src|action)="(/[^"]*)\"""")


def mounted(runner: JobRunner, outer: Any, at: str) -> Any:
    outer.mount(at, create_app(runner))
    return outer


def below(client: TestClient, prefix: str, tokens: dict[str, str], strips: str = "") -> None:
    """Walks from a page to the login and on, as a browser does: every link stays below ``prefix``."""

    def asked(path: str) -> str:
        assert path.startswith(f"{prefix}/"), path
        return path.removeprefix(strips)

    answer = client.get(asked(f"{prefix}/openapi.json?x=1"), headers=PAGE)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, f"{prefix}/login")
    form = client.get(asked(answer.headers["location"]), headers=PAGE)
    assert form.status_code == 200
    links = LINK.findall(form.text)
    assert links and [link for link in links if not link.startswith(f"{prefix}/")] == []
    for link in links:
        if "/static/" in link:
            assert client.get(asked(link)).status_code == 200
    back = re.search(r'name="next" value="([^"]*)"', form.text)
    assert back
    ours = {"Sec-Fetch-Site": "same-origin"}
    data = {"token": tokens["read"], "next": back[1]}
    entered = client.post(asked(f"{prefix}/login"), data=data, headers=ours)
    assert (entered.status_code, entered.headers["location"]) == (303, f"{prefix}/openapi.json?x=1")
    cookie, path = (
        entered.headers["set-cookie"].partition(";")[0],
        re.search(r"Path=([^;]*)", entered.headers["set-cookie"]),
    )
    assert path and path[1] == prefix
    client.cookies.clear()
    document = client.get(asked(f"{prefix}/openapi.json"), headers={"Cookie": cookie})
    assert document.status_code == 200 and document.json()["servers"] == [{"url": prefix}]
    assert client.get(asked(f"{prefix}/"), headers=PAGE | {"Cookie": cookie}).status_code == 200
    elsewhere = client.post(asked(f"{prefix}/login"), data=data | {"next": "/admin"}, headers=ours)
    assert elsewhere.headers["location"] == f"{prefix}/"


def test_it_is_mounted_into_fastapi_and_starlette(runner: JobRunner, tokens, visitor: Visitor):
    below(visitor(mounted(runner, FastAPI(), "/ops/jobs")), "/ops/jobs", tokens)
    below(visitor(mounted(runner, Starlette(), "/jobs")), "/jobs", tokens)
    inner = mounted(runner, Starlette(), "/b")
    outer = FastAPI()
    outer.mount("/a", inner)
    below(visitor(outer), "/a/b", tokens)
    below(visitor(mounted(runner, FastAPI(), "/jobs"), root_path="/outer"), "/outer/jobs", tokens, strips="")


def test_the_mounted_application_leaves_the_rest_alone(runner: JobRunner, visitor: Visitor):
    outer = FastAPI()

    @outer.get("/")
    def home() -> str:
        return "home"

    answer = visitor(mounted(runner, outer, "/jobs"), base_url="http://shop.example").get("/")
    assert answer.json() == "home" and "content-security-policy" not in answer.headers


def test_a_root_path_holds_whether_the_proxy_strips_it_or_not(runner: JobRunner, tokens, visitor: Visitor):
    app = create_app(runner, root_path="/a/b/")
    below(visitor(app), "/a/b", tokens)
    below(visitor(app), "/a/b", tokens, strips="/a/b")


def test_what_a_trusted_proxy_says_counts(runner: JobRunner, tokens, visitor: Visitor):
    app = create_app(runner, trusted_proxies=["10.0.0.0/8"], allowed_hosts=["jobs.example.com"])
    said = {
        "X-Forwarded-Prefix": "/ops/jobs/",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "jobs.example.com",
    }
    client = visitor(app, client=("10.1.2.3", 1), headers=said)
    below(client, "/ops/jobs", tokens, strips="/ops/jobs")
    sent = client.post(
        "/login", data={"token": tokens["read"]}, headers={"Origin": "https://jobs.example.com"}
    )
    assert sent.status_code == 303 and "Secure" in sent.headers["set-cookie"]
    assert client.get("/login", headers={"X-Forwarded-Host": "evil.example"}).status_code == 421


def test_a_proxy_that_names_its_prefix_may_also_leave_it_on(runner: JobRunner, tokens, visitor: Visitor):
    at = {"client": ("10.1.2.3", 1), "headers": {"X-Forwarded-Prefix": "/ops/jobs"}}
    for root in ("", "/ops/jobs"):
        app = create_app(runner, trusted_proxies=["10.0.0.0/8"], root_path=root)
        below(visitor(app, **at), "/ops/jobs", tokens)
        below(visitor(app, **at), "/ops/jobs", tokens, strips="/ops/jobs")
    inner = create_app(runner, trusted_proxies=["10.0.0.0/8"])
    outer = FastAPI()
    outer.mount("/ops/jobs", inner)
    below(visitor(outer, **at), "/ops/jobs", tokens)


def test_a_prefix_that_is_a_page_of_ours_too_was_stripped_by_who_names_it(
    runner: JobRunner, tokens, visitor: Visitor
):
    app = create_app(runner, trusted_proxies=["10.0.0.0/8"])
    client = visitor(app, client=("10.1.2.3", 1), headers={"X-Forwarded-Prefix": "/jobs"})
    below(client, "/jobs", tokens, strips="/jobs")
    ours = {"Authorization": f"Bearer {tokens['read']}", "Accept": "text/html"}
    assert client.get("/jobs", headers=ours).status_code == 200
    own = {str(getattr(route, "path", "/")).split("/")[1] for route in app.routes}
    assert own - {""} == OURS


def test_what_anybody_else_says_does_not_count(runner: JobRunner, tokens, visitor: Visitor):
    said = {"X-Forwarded-Prefix": "/ops", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    for proxies in ((), ("10.0.0.0/8",)):
        app = create_app(runner, trusted_proxies=proxies)
        client = visitor(app, client=("192.0.2.1", 1), headers=said)
        answer = client.post("/login", data={"token": tokens["read"]})
        assert answer.headers["location"] == "/" and "Secure" not in answer.headers["set-cookie"]


def test_an_address_behind_a_proxy_is_the_clients_own(runner: JobRunner, tokens, visitor: Visitor):
    client = visitor(create_app(runner, trusted_proxies=["10.0.0.1"]), client=("10.0.0.1", 1))

    def tries(forwarded: str, token: str = "x") -> int:
        return client.post(
            "/login", data={"token": token}, headers={"X-Forwarded-For": forwarded}
        ).status_code

    assert [tries(f"198.51.100.{n}, 192.0.2.1, 10.0.0.1") for n in range(6)] == [401] * 5 + [429]
    assert tries("192.0.2.2", tokens["read"]) == 303


@pytest.mark.parametrize(
    "prefix",
    ["//evil.example", "/a b", '/a"><script>', "https://evil.example", "/a//b", "a", "/..", "/a/./b"],
)
def test_a_prefix_that_is_no_path_is_not_believed(runner: JobRunner, tokens, visitor: Visitor, prefix: str):
    client = visitor(create_app(runner, trusted_proxies=["*"]), headers={"X-Forwarded-Prefix": prefix})
    assert client.post("/login", data={"token": tokens["read"]}).headers["location"] == "/"
