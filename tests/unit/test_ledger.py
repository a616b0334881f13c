"""Digests tell every two histories apart, and a job row is the fold of its own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner import ledger
from jobrunner.errors import IllegalTransition
from jobrunner.ledger import Fold, LineChain
from jobrunner.states import EDGES, TERMINAL, Status, Trigger

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "~", "1:a", "1", "~~", "é"]
)
VALUES = st.lists(TEXT | st.none(), max_size=6)
COLUMNS = ("seq", "attempt", "at", "level", "stream", "step_key", "logger", "message", "context")
LINES = st.tuples(
    st.integers(0, 10**12), st.integers(0, 10**6), TEXT, TEXT, TEXT, TEXT | st.none(), TEXT | st.none(), TEXT,
    TEXT | st.none(),
)  # fmt: skip
START = ledger.log_genesis("u")


def chained(*lines: tuple[Any, ...], start: str = START) -> str:
    chain = LineChain(start)
    for line in lines:
        chain.add(*line)
    return chain.digest


@given(VALUES, VALUES)
def test_no_two_rows_share_a_canonical_form(one: list[str | None], other: list[str | None]) -> None:
    assert (ledger.canonical(one) == ledger.canonical(other)) == (one == other)


@given(TEXT, TEXT, TEXT)
def test_text_cannot_pass_from_one_column_into_the_next(a: str, b: str, c: str) -> None:
    assert (ledger.canonical([a + b, c]) == ledger.canonical([a, b + c])) == (b == "")


def test_numbers_and_booleans_have_one_form() -> None:
    assert ledger.canonical([1, True, 0]) == ledger.canonical([1, 1, False]) == b"1:11:11:0"


@given(LINES, LINES)
def test_no_two_lines_share_a_digest(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    assert (chained(one) == chained(other)) == (one == other)


@given(LINES, st.integers(0, 8), TEXT | st.none())
def test_an_edit_of_any_column_of_a_line_shows(line: tuple[Any, ...], column: int, value: str | None) -> None:
    if column < 2:
        edited = (*line[:column], line[column] + 1, *line[column + 1 :])
    else:
        edited = (
            *line[:column],
            value if value is not None or column in (5, 6, 8) else "",
            *line[column + 1 :],
        )
    assert (chained(edited) == chained(line)) == (edited == line)


@given(TEXT, TEXT, TEXT)
def test_text_cannot_pass_from_time_to_level_to_stream(a: str, b: str, c: str) -> None:
    rest = (None, None, "m", None)
    assert (chained((1, 1, a + b, c, "", *rest)) == chained((1, 1, a, b + c, "", *rest))) == (b == "")
    assert (chained((1, 1, "", a + b, c, *rest)) == chained((1, 1, "", a, b + c, *rest))) == (b == "")


@given(st.lists(LINES, min_size=2, max_size=5, unique=True), st.data())
def test_a_chain_tells_order_and_number(lines: list[tuple[Any, ...]], data: st.DataObject) -> None:
    whole = chained(*lines)
    assert chained(*lines[1:], start=chained(lines[0])) == whole
    assert chained(*reversed(lines)) != whole
    removed = data.draw(st.integers(0, len(lines) - 1))
    assert chained(*lines[:removed], *lines[removed + 1 :]) != whole
    assert chained(*lines, lines[removed]) != whole


def test_chains_of_two_jobs_never_meet() -> None:
    line = (2, 1, "2026-11-21T23:25:01.123456Z", "info", "log", None, None, "m", None)
    assert chained(line, start=ledger.log_genesis("a")) != chained(line, start=ledger.log_genesis("b"))
    assert ledger.genesis("a") != ledger.log_genesis("a")


def a_move(**columns: Any) -> dict[str, Any]:
    return (
        dict.fromkeys(ledger.TRANSITION_FIELDS, "x")
        | {"seq": 2, "prev_seq": 1, "attempt": 1, "fence": 1}
        | columns
    )


@given(st.sampled_from(ledger.TRANSITION_FIELDS), TEXT | st.none())
def test_an_edit_of_any_column_of_a_transition_shows(name: str, value: str | None) -> None:
    row = a_move()
    edited = row | {name: row[name] + 1 if isinstance(row[name], int) else value}
    same = ledger.transition_digest(START, edited) == ledger.transition_digest(START, row)
    assert same == (edited == row)


@pytest.mark.parametrize(
    ("seal", "names"), [(ledger.birth_seal, ledger.BIRTH_FIELDS), (ledger.end_seal, ledger.END_FIELDS)]
)
def test_a_seal_minds_every_field(seal: Any, names: tuple[str, ...]) -> None:
    job = dict.fromkeys(names)
    assert len({seal(job), *(seal(job | {name: "1"}) for name in names)}) == len(names) + 1


@given(st.data())
def test_the_fold_walks_the_machine_and_nothing_else(data: st.DataObject) -> None:
    fold, status = Fold(), Status.NEW
    for seq in range(1, data.draw(st.integers(1, 12)) + 1):
        ways = [edge for edge in EDGES if edge.from_status is status]
        if not ways:
            break
        edge = data.draw(st.sampled_from(ways))
        fold.apply(moved(seq, edge.from_status, edge.trigger, edge.to_status))
        status = edge.to_status
        assert (fold.status, fold.last_seq, fold.digest) == (status, seq, f"d{seq}")
        assert fold.final_seq == (seq if status in TERMINAL else None)
        if status is Status.CANCEL_REQUESTED:
            assert fold.cancel_mode == edge.trigger
        if status in (Status.QUEUED, Status.SCHEDULED, Status.HELD, Status.RUNNING):
            assert fold.cancel_mode is None


def moved(seq: int, from_status: str, trigger: str, to_status: str) -> dict[str, Any]:
    return a_move(
        seq=seq, from_status=from_status, trigger_name=trigger, to_status=to_status, digest=f"d{seq}"
    )


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("new", "claim", "running"), "no edge"),
        (("new", "create", "running"), "no edge"),
        (("dreaming", "create", "queued"), "no edge"),
        (("new", "dream", "queued"), "no edge"),
        (("queued", "claim", "running"), "but the job was new"),
    ],
)
def test_the_fold_refuses_what_the_machine_does_not_have(row: tuple[str, str, str], told: str) -> None:
    fold = Fold()
    with pytest.raises(IllegalTransition, match=told):
        fold.apply(moved(1, *row))


def test_every_trigger_has_an_edge() -> None:
    assert {edge.trigger for edge in EDGES} == set(Trigger)


_WORDS = st.none() | st.text(max_size=3)
_LINES = st.lists(
    st.tuples(
        st.sampled_from(["2026-11-21T23:00:00.000000Z", "2026-11-21T23:00:00.000001Z"]),
        st.sampled_from(["info", "error"]), st.sampled_from(["log", "stdout"]), _WORDS, _WORDS, st.text(), _WORDS,
    ),
    max_size=8,
)  # fmt: skip


@given(_LINES, st.integers(1, 2**40))
def test_many_lines_at_once_advance_the_chain_as_one_by_one(lines, first_seq):
    one_by_one, at_once = LineChain("0" * 64), LineChain("0" * 64)
    for seq, (at, level, stream, step, logger, message, context) in enumerate(lines, first_seq):
        one_by_one.add(seq, 3, at, level, stream, step, logger, message, context)
    at_once.extend(first_seq, 3, lines)
    assert at_once.digest == one_by_one.digest
