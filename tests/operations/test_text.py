"""Text that is accepted comes back byte for byte; what is refused is refused by the name of its field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobrunner.errors import InvalidField, PayloadNotEncodable
from jobrunner.jsontext import DEEPEST
from jobrunner.store import logs
from tests.operations.places import put, take

# What has broken somebody's program: quoting, escapes, placeholders, case, width, direction, joining, look-alikes.
HOSTILE = [
    "'; DROP TABLE jobrunner_job; --", '"', "`", "\\", "\\\\'", "\\0", "\\x00", "%", "%s", "%(id)s", "%%", "{}", "{0}", ":id",
    ":1", "?", "$1", "$$", "@@version", "/*", "*/", "--", "#", "&lt;", "<script>alert(1)</script>", "null", "NULL", "None",
    "undefined", "true", "NaN", "-1", "1e309", "0x10", "'\"`", "a''b", "''", "%00", "\\u0000", "\\ud800", "\u00a0inner\u00a0x",
    "İıſK", "ﬁ", "ß", "ẞ", "é", "e\u0301", "ñ", "Ω", "Ω", "Å", "Å", "中文字符", "日本語", "한국어", "한국어", "עברית", "العربية",
    "\u202eright to left\u202c", "\u200bzero\u200cwidth\u200djoiner\u2060", "\ufeffbom", "😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "𝕬𝖇𝖈",
    "\U0010ffff", "\ue000", "\ufffd", "\ufffe", "\uffff", "ᚠᛇᚻ", "Z\u0351\u036b\u0343\u032aA\u0334\u0335L\u0320\u0368G",
]  # fmt: skip
PROSE = [*HOSTILE, "a\nb", "a\r\nb", "a\tb", "\x01\x1f\x7f\x80\x9f", "a\u2028b\u2029c", "\x1b[31mred\x1b[0m"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NAME = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12).filter(
    lambda text: text.strip()
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**4000), 2**4000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
SOME = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def comes_back(runner: Any, name: str, prose: str, number: object) -> None:
    """Puts text everywhere a caller may, and finds it again in every read."""
    key = f"{name} {number}"
    job = runner.start(
        "t.echo", {"value": prose}, title=name, queue=name, lock_key=key, idempotency_key=key, created_by=name, tags={name: name},
    ).job_id  # fmt: skip
    runner.hold(job, reason=prose, actor=f"operator:{name}")
    seen, kept = runner.status(job).job, name.strip()
    assert (seen.title, seen.queue, seen.created_by, seen.tags, seen.lock_key) == (
        kept,
        kept,
        kept,
        {kept: kept},
        key.strip(),
    )
    assert seen.params == {"value": prose}
    birth, held = runner.history(job).transitions
    assert (birth.actor, held.reason) == (f"starter:{kept}", prose.strip() or None)
    assert (
        runner.start("t.noop", idempotency_key=key).job_id
        == runner.start("t.noop", lock_key=key).job_id
        == job
    )
    for wanted in ({"queue": kept}, {"created_by": kept}, {"tag": {kept: kept}}, {"search": kept}):
        assert job in [item.id for item in runner.jobs(limit=1000, **wanted).jobs], wanted
    runner.cancel(job)


def test_hostile_text_comes_back_from_every_field(runner) -> None:
    for number, text in enumerate(HOSTILE):
        comes_back(runner, text, text, number)
    assert list(runner.audit.verify()) == []


def test_any_text_comes_back_from_every_field(runner) -> None:
    numbers = iter(range(10**9))

    @SOME
    @given(NAME, TEXT)
    def check(name: str, prose: str) -> None:
        if "\0" not in prose:
            comes_back(runner, name, prose, next(numbers))

    check()
    assert list(runner.audit.verify()) == []


def test_prose_keeps_its_control_characters(runner) -> None:
    job = put(runner, "held")
    for text in PROSE:
        runner.release(job, reason=text)
        runner.hold(job, reason=text)
    reasons = [move.reason for move in runner.history(job).transitions]
    assert reasons == [None, *[text.strip() for text in PROSE for _ in range(2)]]
    assert list(runner.audit.verify(job)) == []


def test_lines_come_back_and_are_found_by_any_part(runner) -> None:
    job = put(runner, "queued")
    tail = logs.Tail(take(runner, job))
    at = "2026-01-01T00:00:00.000000Z"
    logs.append(
        runner.database, tail, [logs.Line(at, "info", "log", t[:30], t[:30], t, None) for t in PROSE], {}
    )
    seen = runner.logs(job, limit=1000).lines
    assert [(item.message, item.logger) for item in seen] == [(text, text[:30]) for text in PROSE]
    for number, text in enumerate(PROSE):
        assert number in [item.seq - 3 for item in runner.logs(job, grep=text, limit=1000).lines]
        assert number in [item.seq - 3 for item in runner.logs(job, step=text[:30], limit=1000).lines]
    assert list(runner.audit.verify(job)) == []


def test_any_json_comes_back_with_its_types(runner) -> None:
    @SOME
    @given(JSON)
    def check(value: Any) -> None:
        job = runner.start("t.echo", {"value": value}).job_id
        back = runner.status(job).model_dump(mode="json")["job"]["params"]
        assert json.dumps(back) == json.dumps({"value": value})

    check()


def nested(depth: int) -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = [value]
    return value


def test_json_at_the_edge_is_accepted_whole(runner) -> None:
    edge = {
        "nul": "a\0b",
        "big": 2**4095,
        "small": 5e-324,
        "": "empty",
        "\0": 1,
        "wide": list(range(5000)),
        "deep": nested(DEEPEST - 2),
    }
    job = runner.start("t.echo", {"value": edge}).job_id
    assert runner.status(job).job.params == {"value": edge}
    assert runner.status(job).model_dump(mode="json")["job"]["params"] == {"value": edge}


@pytest.mark.parametrize(
    "value",
    [float("nan"), [float("inf")], {"k": {"l": -float("inf")}}, "\ud800", {"\udfff": 1}, nested(300), nested(100_000), 2**5000, b"\xff", object()],
    ids=["nan", "inf", "deep inf", "surrogate", "surrogate key", "deep", "very deep", "big", "bytes", "object"],
)  # fmt: skip
def test_what_json_does_not_have_is_refused_before_any_row(sqlite_url, runner, sql, value) -> None:
    with pytest.raises(PayloadNotEncodable) as refused:
        runner.start("t.echo", {"value": value})
    assert refused.value.message.encode() and refused.value.hint
    assert list(refused.value.fields) == ["value"] and ": value " in refused.value.message
    assert sql("SELECT count(*) FROM jobrunner_job") == [(0,)]


@pytest.mark.parametrize("field", ["title", "queue", "lock_key", "idempotency_key", "created_by", "tags"])
@pytest.mark.parametrize("text", ["a\0b", "\ud800", "a\nb", "\x7f", "a\u2028b"])
def test_a_name_with_a_control_character_or_half_a_character_is_refused(
    sqlite_url, runner, field, text
) -> None:
    for value in [{text: "v"}, {"n": text}] if field == "tags" else [text]:
        with pytest.raises(InvalidField) as refused:
            runner.start("t.noop", **{field: value})
        assert list(refused.value.fields) == (["tags.n"] if value == {"n": text} else [field])
        refused.value.message.encode()
