"""What is declared secret is found as it is written, and names are secret by their pattern."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.hiding import SHORTEST, SecretNames, hide, longest_first, spellings


def hidden(text: str, *values: str) -> str:
    return hide(text, longest_first(spelling for value in values for spelling in spellings(value)))


@given(st.text(alphabet='ab"\\/+=é😀\0\t%', min_size=4).filter(lambda text: len(text.strip()) >= SHORTEST))
def test_a_value_is_found_as_it_is_and_as_json_repr_and_urls_write_it(value):
    value = value.strip()
    for written in (
        value,
        json.dumps(value),
        json.dumps(value, ensure_ascii=False),
        repr(value),
        quote(value),
        quote(value, ""),
    ):
        assert value not in hidden(f"<{written}>", value)
        assert hidden(f"<{written}>", value).strip("<>\"'") == "***"


def test_each_line_of_a_value_counts_without_its_edges_and_short_ones_do_not():
    assert spellings("  first line\r\n=\nlast\n") == ("first line", "first%20line", "last")
    assert hidden("first line, = and last", "  first line\r\n=\nlast\n") == "***, = and ***"


def test_of_two_values_of_which_one_begins_like_the_other_nothing_is_left():
    assert hidden("opensesame opensesame-two", "opensesame", "opensesame-two") == "*** ***"


@pytest.mark.parametrize(
    "value", ["", "abc", "  abc \n", "a\nb\nc\nd", "x" * 16_385, None, b"opensesame", 123456]
)
def test_what_cannot_be_hidden_is_refused_without_being_shown(value):
    with pytest.raises(ValueError, match="the value") as refused:
        spellings(value)
    assert str(value or "opensesame") not in str(refused.value)


def test_names_are_like_their_patterns_in_capitals_or_not():
    names = SecretNames(["*token*", "api_key", "pin[0-9]"])
    assert [name for name in ("AccessToken", "API_KEY", "my_api_key", "pin7", "pin") if name in names] == [
        "AccessToken",
        "API_KEY",
        "pin7",
    ]
    assert not SecretNames()
    assert "" not in SecretNames()


def test_it_is_told_where_secret_names_stand():
    value = {"auth": [{"token": {"token": 1}}, {"user": "me"}], "Token": None, "rest": "token"}
    assert list(SecretNames(["token"]).within(value)) == ["auth.0.token", "Token"]


def test_many_values_take_no_longer_than_the_text_is_long():
    values = [f"opensesame-{number}" for number in range(1_000)]
    secrets = longest_first(spelling for value in values for spelling in spellings(value))
    began = time.process_time()
    hide("opensesame" * 20_000, secrets)
    assert time.process_time() - began < 5
