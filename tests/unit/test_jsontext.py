"""Stored JSON means the same to every reader, or is not stored."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.errors import NotEncodable
from jobrunner.jsontext import DEEPEST, dumps, loads

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@given(JSON)
def test_what_is_written_reads_back_the_same(value):
    text = dumps(value)
    text.encode("utf-8")
    assert loads(text) == json.loads(text) == value


def test_the_text_is_compact_and_keeps_its_letters():
    assert dumps({"a": [1, None, "é\u2028"], "b": (True,)}) == '{"a":[1,null,"é\u2028"],"b":[true]}'


@pytest.mark.parametrize(
    "value",
    [math.nan, -math.inf, "\ud800", {"\udfff": 1}, {1: 2}, {None: 1}, {1, 2}, b"x", object(), 1 << 5000],
)
def test_what_json_does_not_have_is_refused(value):
    with pytest.raises(NotEncodable):
        dumps(value)
    with pytest.raises(NotEncodable):
        dumps({"deep": [value]})


def test_the_place_of_what_is_refused_is_named():
    with pytest.raises(NotEncodable, match=r"rows\[1\]\.price is nan"):
        dumps({"rows": [{}, {"price": math.nan}]})


def test_nesting_has_a_limit_and_a_cycle_meets_it():
    assert loads(dumps(nested(DEEPEST))) == nested(DEEPEST)
    with pytest.raises(NotEncodable, match="levels"):
        dumps(nested(DEEPEST + 1))
    cycle: dict[str, Any] = {}
    cycle["self"] = cycle
    with pytest.raises(NotEncodable, match="levels"):
        dumps(cycle)


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[Infinity]", "{'a':1}", "[" * 100_000, b"\xff", "1 2", "9" * 5000]
)
def test_text_that_is_not_strict_json_is_refused(text):
    with pytest.raises(NotEncodable):
        loads(text)
