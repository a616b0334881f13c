"""Lines between the pipes and the ledger."""

from __future__ import annotations

from jobrunner.store.logs import Line
from jobrunner.worker.spool import PER_LINE, Spool

AT = "2026-01-01T00:00:00.000000Z"


def line(message: str) -> Line:
    return Line(AT, "info", "stdout", None, None, message, None)


def messages(spool: Spool) -> list[str]:
    return [one.message for one in spool.peek(1000)]


def test_lines_stay_until_they_are_stored():
    spool = Spool(10_000)
    spool.put([line("a"), line("b"), line("c")], 3)
    assert [one.message for one in spool.peek(2)] == ["a", "b"]
    assert len(spool) == 3
    spool.forget(2)
    assert messages(spool) == ["c"]
    spool.forget(1)
    assert (len(spool), spool.bytes) == (0, 0)


def test_what_does_not_fit_is_dropped_counted_and_told_where_it_is_missing():
    spool = Spool(2 * (PER_LINE + 1) + 400)
    spool.put([line("a")], 1)
    spool.put([line("x" * 500)], 500)
    spool.put([line("y" * 500)], 500)
    spool.put([line("b")], 1)
    first, told, last = spool.peek(10)
    assert (first.message, last.message) == ("a", "b")
    assert (told.level, told.stream) == ("warning", "system")
    assert "2 lines (1000 bytes)" in told.message


def test_essential_lines_always_fit():
    spool = Spool(10)
    spool.put([line("told")], 4, essential=True)
    assert messages(spool) == ["told"]


def test_drops_at_the_very_end_are_told_when_asked():
    spool = Spool(10)
    spool.put([line("x" * 100)], 100)
    spool.say_what_is_missing(AT)
    assert "1 lines (100 bytes)" in messages(spool)[0]
    spool.say_what_is_missing(AT)
    assert len(spool) == 1


def test_waiting_ends_at_once_for_urgent_lines():
    spool = Spool(10_000)
    spool.put([line("first")], 5, urgent=True)
    spool.wait(60, enough=500, hold=60)
