"""The plain page of lines: the whole log by links, without any script."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qsl

import pytest

from jobrunner.web.log import page
from tests.web.ansi_corpus import HOSTILE
from tests.web.lines import line, write_log


@pytest.fixture
def job(runner):
    return write_log(
        runner, [line(f"line {n}", level="error" if n % 90 == 0 else "info") for n in range(1, 900)]
    )


def seqs(text: str) -> list[int]:
    return [int(found) for found in re.findall(r'id="L(\d+)"', text)]


def link(text: str, label: str) -> str | None:
    found = re.search(rf'<a href="([^"]+)">{label}</a>', text)
    return html.unescape(found[1]) if found else None


@pytest.mark.parametrize("query", ["", "level=error", "level=error&limit=3", "grep=LINE+1&icase=1&limit=50"])
@pytest.mark.parametrize(
    ("first", "onward"), [("First lines", "Later lines"), ("Last lines", "Earlier lines")]
)
def test_every_line_is_reached_once_by_links_in_either_direction(
    client, job, monkeypatch, query, first, onward
):
    monkeypatch.setattr(page, "SPAN", 100)
    monkeypatch.setattr(page, "READ", 300)
    expected = [1, *range(2, 901)] if not query else None
    text = client.get(f"/jobs/{job}/log?{query}").text
    where, found = link(text, first), []
    while where:
        text = client.get(where).text
        assert set(dict(parse_qsl(where.partition("?")[2]))) >= set(dict(parse_qsl(query)))
        found += [seqs(text)]
        where = link(text, onward)
    if first.startswith("Last"):
        found.reverse()
    told = [seq for part in found for seq in part]
    assert told == sorted(set(told))
    assert told == (expected or told) and len(told) == {"": 900, "l": 9, "g": 111}[query[:1]]


def test_the_form_keeps_what_was_asked_and_the_downloads_take_it_along(client, job):
    text = client.get(f"/jobs/{job}/log?level=warning&grep=%22line%22&icase=1").text
    assert '<option value="warning" selected>' in text
    assert 'value="&#34;line&#34;"' in text
    assert f"/api/jobs/{job}/logs.txt?level=warning&amp;grep=%22line%22&amp;icase=1" in text
    assert "No line here passes the filter" in text


def test_hostile_lines_make_no_element_of_their_own(client, runner):
    stored = [text.replace("\0", "\\x00") for text in HOSTILE if "\ud800" not in text]
    job = write_log(runner, [line(text, logger="<b>", step_key="<i>") for text in stored])
    text = client.get(f"/jobs/{job}/log").text
    rows = text[text.index('class="log-plain"') : text.rindex("</nav>")]
    assert set(re.findall(r"<(\w+)", rows)) <= {"div", "a", "time", "span", "nav"}
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", rows)
    assert "style=" not in rows and "&lt;script&gt;" in rows


def test_a_page_of_a_job_that_is_not_there_is_not_found(client):
    assert client.get("/jobs/4711/log").status_code == 404
