"""Whatever stands in a body, it is JSON that means one thing to every reader, or it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from jobrunner import Client, JobRunner, errors, jsontext
from jobrunner.web import create_app
from jobrunner.web.api import document
from jobrunner.web.faults import TooLarge

pytestmark = pytest.mark.databases("sqlite")
START = '{"type": "t.echo", "params": {"value": %s}}'
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"{" * 200_000, b"[" * 200_000, b'{"a":' * 100_000, b"[" * 40 + b"]" * 40, b"", b"null", b"7", b'"x"', b"[]",
        b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b"\xff", b"\x00", b"{'a': 1}", b'{"type": "t.noop",}',
        b'{"type": "t.noop"} {}', b'{"type": "t.noop", "type": "t.noop"}', b'{"type": "t.noop" // x\n}',
        (START % "NaN").encode(), (START % "Infinity").encode(), (START % "-Infinity").encode(), (START % "1e400").encode(),
        (START % ("9" * 100_000)).encode(), (START % ("9" * 4000)).encode(), (START % '"\\ud800"').encode(),
        (START % '{"\\udfff": 1}').encode(), (START % '{"a": 1, "a": 2}').encode(), (START % '"a\tb"').encode(),
        (START % ("[" * 200 + "]" * 200)).encode(), (START % ('"' + "x" * 1_100_000 + '"')).encode(),
        json.dumps({str(n): n for n in range(9000)}).encode(), b'{"type": "' + b"x" * 1_000_000 + b'"}',
    ],
)  # fmt: skip
def test_a_bad_body_is_refused_in_the_one_shape(client: TestClient, runner: JobRunner, body: bytes) -> None:
    answer = client.post("/api/jobs", content=body, headers=JSON)
    assert answer.status_code in (400, 413, 422)
    assert set(answer.json()) == {"code", "message", "hint", "fields"}
    assert len(answer.content) < 1_100_000
    assert runner.jobs().jobs == []


@pytest.mark.parametrize(
    "value",
    ["1e308", "-0.0", "123456789012345678901234567890", '"\\u0000"', '"\\ud83d\\ude00"', '"\u202e\u0301"', "[" * 199 + "]" * 199,
     json.dumps({str(n): n for n in range(60_000)})],
)  # fmt: skip
def test_an_odd_value_comes_back_as_it_was(client: TestClient, value: str) -> None:
    answer = client.post("/api/jobs", content=(START % value).encode(), headers=JSON)
    assert answer.status_code == 201
    seen = client.get(answer.headers["location"]).json()
    assert seen["job"]["params"] == {"value": json.loads(value)}


def test_text_of_every_kind_comes_back_or_is_refused(client: TestClient) -> None:
    texts = [
        chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x202E, 0xFEFF, 0xFFFF, 0x10FFFF)
    ]
    texts += ["' OR 1=1 --", "<script>", "%s%n", "${x}", "../../etc/passwd", "Ω≈ç√", "👩‍👩‍👧", "a" * 10_000]
    for text in texts:
        for sent in ({"title": text}, {"queue": text}, {"lock_key": text}, {"tags": {text: "x"}}, {"tags": {"x": text}},
                     {"created_by": text}, {"idempotency_key": text}, {"params": {"value": text}}):  # fmt: skip
            answer = client.post("/api/jobs", json={"type": "t.echo", "hold": True, **sent})
            assert answer.status_code in (200, 201, 422), (text, sent)
            if answer.status_code == 201:
                job = client.get(answer.headers["location"]).json()["job"]
                reason = client.post(f"/api/jobs/{job['id']}/cancel", json={"reason": text})
                assert reason.status_code in (200, 422)


def test_only_json_is_taken(client: TestClient) -> None:
    body = b'{"type": "t.noop"}'
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
    ):
        answer = client.post("/api/jobs", content=body, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    kind = "Application/JSON; charset=utf-8"
    assert client.post("/api/jobs", content=body, headers={"Content-Type": kind}).status_code == 201


def test_as_many_bytes_of_parameters_as_the_setting_says_are_taken_however_they_are_written(
    visitor: Any, store: Any
) -> None:
    runner = JobRunner(database_url=store.url, launcher="pool", params_max_bytes=4096)
    client = visitor(create_app(runner, auth=False))
    most = 4096 - len('{"value":""}')
    for escape in ("\\u0041", "\\u00e4", "\\ud83d\\ude00"):
        text = escape * (most // len(json.loads(f'"{escape}"').encode()))
        for start in (START, f'{{"items": [{START}]}}'):
            path = "/api/jobs" if start is START else "/api/jobs/many"
            assert client.post(path, content=start % f'"{text}"', headers=JSON).status_code == 201
            answer = client.post(path, content=start % f'"{text}{escape}xxxx"', headers=JSON)
            assert (answer.status_code, answer.json()["code"]) == (422, "params_too_large")
    answer = client.post("/api/jobs", content=START % f'"{"x" * 3_000_000}"', headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_parameters_are_as_deep_over_http_as_in_the_library(client: TestClient, web: Any) -> None:
    value: Any = 7
    for _ in range(jsontext.DEEPEST - 1):
        value = [value]
    jobs = Client(web.base, web.tokens["operate"])
    for made in (jobs.start("t.echo", {"value": value}), *jobs.start_many([("t.echo", {"value": value})])):
        seen = jobs.status(made.job_id).job
        assert seen is not None and seen.params == {"value": value}
        assert client.get(f"/jobs/{made.job_id}").status_code == 200
    with pytest.raises(errors.PayloadNotEncodable):
        jobs.start("t.echo", {"value": [value]})
    refused = client.post("/api/jobs", json={"type": "t.echo", "params": {"value": [value]}})
    assert (refused.status_code, refused.json()["code"]) == (422, "payload_not_encodable")


def test_depth_is_counted_in_every_shape() -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")):
        levels = document.DEEPEST // len(closing)
        fits = opening * levels + "1" + closing * levels
        assert document.read(fits.encode()) is not None
        for core in ("1", "[]"):
            with pytest.raises(TooLarge):
                document.read((opening * (levels + 1) + core + closing * (levels + 1)).encode())


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/jobs", {"type": "t.noop", "tags": {"a": None}}, "tags.a"),
        ("/api/jobs", {"type": "t.nope"}, "type"),
        ("/api/jobs/bulk", {"verb": "hold", "ids": [None], "expect": 1}, "ids.0"),
    ],
)
def test_what_is_wrong_with_one_field_is_told_of_that_field(
    client: TestClient, path: str, body: dict[str, Any], field: str
) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])
