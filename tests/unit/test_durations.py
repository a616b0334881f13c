"""Durations mean what people write, and waits grow, but not for ever."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.durations import LONGEST, Backoff, seconds, text
from jobrunner.errors import InvalidTime


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (0, 0.0),
        (1.5, 1.5),
        ("90", 90.0),
        ("2.5", 2.5),
        ("90s", 90.0),
        ("15m", 900.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
        ("1w", 604800.0),
        ("250ms", 0.25),
        ("1h30m", 5400.0),
        (" 2H ", 7200.0),
    ],
)
def test_a_duration_is_a_number_of_seconds_or_text_with_units(written, meant):
    assert seconds(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "soon",
        "-1",
        -1,
        "1y",
        "1h 30m",
        "h",
        "1e3",
        "nan",
        "٣s",
        True,
        None,
        [],
        math.nan,
        math.inf,
        LONGEST * 2,
        10**400,
    ],
)
def test_anything_else_is_refused_and_names_the_field(written):
    with pytest.raises(InvalidTime) as caught:
        seconds(written, "timeout")
    assert list(caught.value.fields) == ["timeout"]


@given(st.text())
def test_no_text_does_worse_than_being_refused(text):
    try:
        assert 0 <= seconds(text) <= LONGEST
    except InvalidTime:
        return


@given(
    st.floats(0, 1000),
    st.floats(1, 100),
    st.floats(0, 10_000),
    st.floats(0, 1),
    st.integers(1, 10**6),
    st.floats(0, 1),
)
def test_a_wait_lies_between_nothing_and_the_cap(base, factor, cap, jitter, failures, chance):
    assert 0 <= Backoff(base, factor, cap, jitter).wait(failures, chance) <= cap


@given(st.floats(0, 1000), st.floats(1, 100), st.integers(1, 1000))
def test_a_wait_never_shrinks_from_one_failure_to_the_next(base, factor, failures):
    backoff = Backoff(base, factor, jitter=0)
    assert backoff.wait(failures, 0) <= backoff.wait(failures + 1, 0)


def test_a_wait_doubles_up_to_its_cap_less_jitter():
    backoff = Backoff(5, cap=30, jitter=0.5)
    assert [backoff.wait(failures, 0) for failures in (1, 2, 3, 4, 5)] == [5, 10, 20, 30, 30]
    assert backoff.wait(1, 1) == 2.5


@pytest.mark.parametrize("numbers", [(-1,), (1, 0.5), (1, 2, -1), (1, 2, 3, 1.5), (math.nan,), (1, math.inf)])
def test_a_backoff_out_of_range_is_refused(numbers):
    with pytest.raises(InvalidTime):
        Backoff(*numbers)


@pytest.mark.parametrize(("numbers", "field"), [(("1s",), "base"), ((1, 2, None), "cap"), ((True,), "base")])
def test_a_backoff_that_is_no_number_is_refused_by_its_name(numbers, field):
    with pytest.raises(InvalidTime) as refused:
        Backoff(*numbers)
    assert refused.value.fields == {field: "is not a number"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (0, "0 ms"), (6.5e-05, "0 ms"), (0.24, "240 ms"), (0.9996, "1.0 s"), (12.34, "12.3 s"), (59.96, "1 min 00 s"),
        (245, "4 min 05 s"), (3599.7, "1 h 00 min"), (7380, "2 h 03 min"), (93600, "1 d 2 h"), (-1, "0 ms"),
    ],
)  # fmt: skip
def test_a_duration_is_told_in_at_most_two_units(given, told):
    assert text(given) == told
