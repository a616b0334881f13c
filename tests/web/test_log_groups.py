"""Groups of lines: kept like steps, without being one, and folded on every page."""

from __future__ import annotations

import re

import pytest

from tests.web.lines import line, write_log


@pytest.fixture(params=["detached", "inline"])
def job(request, runner, monkeypatch):
    """A job that said lines in groups."""
    monkeypatch.setenv("JOBRUNNER_HANDLERS", "tests.handlers.basic")
    job_id = runner.start("t.groups", launcher=request.param).job_id
    runner.wait(job_id, timeout=60)
    return job_id


def test_a_group_is_kept_as_system_lines_and_changes_neither_progress_nor_the_step_of_lines(runner, job):
    lines = runner.logs(job).lines
    groups = [one for one in lines if (one.context or {}).get("event", "").startswith("group_")]
    assert [(one.message.partition(" after")[0], one.step, one.stream) for one in groups] == [
        ("chunk 1", "load", "system"),
        ("file a", "load", "system"),
        ("file a: done", "load", "system"),
        ("chunk 1: done", "load", "system"),
        ("after", None, "system"),
        ("after: done", None, "system"),
    ]
    contexts = [one.context for one in groups]
    assert set(contexts[0]) == {"event", "group", "parent", "label", "outcome", "seconds"}
    assert contexts[1]["parent"] == contexts[0]["group"] and contexts[0]["parent"] is None
    assert (
        contexts[3]["group"] == contexts[0]["group"] and contexts[3]["seconds"] >= contexts[2]["seconds"] >= 0
    )
    said = {one.message: one.step for one in lines}
    assert said["in the chunk"] == said["in the file"] == "load" and said["outside of the step"] is None
    place = [one.message for one in lines].index
    assert place("file a") < place("in the file") < place(groups[2].message)
    progress = runner.status(job).job.progress
    assert progress.step is not None and progress.step.key == "load"


def test_the_census_and_the_plain_page_know_groups_within_steps(client, runner, job):
    told = client.get(f"/api/jobs/{job}/log/census").json()["steps"]
    assert [one["event"] for one in told].count("group_started") == 3 and len(told) == 8
    text = client.get(f"/jobs/{job}/log").text
    shape = re.findall(
        r"<details|</details>|in the file|in the chunk|outside of the step", text[text.index("log-plain") :]
    )
    into, out = "<details", "</details>"
    assert shape == [
        into,
        into,
        "in the chunk",
        into,
        "in the file",
        out,
        out,
        out,
        into,
        "outside of the step",
        out,
    ]
    assert re.search(r"done · \d+ ms · 1 line<", text)
    # under a filter rows stand by themselves
    assert '<details class="log-part' not in client.get(f"/jobs/{job}/log?stream=system").text
    # and the course of the job knows steps alone
    assert "chunk 1" not in client.get(f"/jobs/{job}").text.partition('id="log"')[0]


def test_a_group_without_an_end_takes_the_rest_of_the_page(client, runner):
    begun = (
        '{"event":"group_started","group":"1.1","parent":null,"label":"lost","outcome":null,"seconds":null}'
    )
    ended = begun.replace("started", "finished").replace("1.1", "other")
    lines = [
        line("lost", stream="system", context=begun),
        line("in it"),
        line("other", stream="system", context=ended),
    ]
    job = write_log(runner, lines)
    text = client.get(f"/jobs/{job}/log").text
    part = text[text.index('<details class="log-part') :]
    assert part.index("in it") < part.index("other") < part.index("</details>")
    assert client.get(f"/api/jobs/{job}/log/rows").json()["rows"][1]["kind"] == "k-group"
