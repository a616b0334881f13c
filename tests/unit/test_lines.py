"""What becomes of the bytes that a program prints."""

from __future__ import annotations

import tracemalloc

from hypothesis import example, given
from hypothesis import strategies as st

from jobrunner.worker.lines import LIMIT, LineAssembler, clean, cut, settled

# Bytes that matter, so that short examples meet each other.
telling = st.lists(
    st.sampled_from(
        [b"a", b"bc", b"\n", b"\r", b"\r\n", b"\0", b"\xff", "é".encode(), "😀".encode(), b"\xf0\x9f"]
    )
).map(b"".join)


def assembled(*chunks: bytes) -> list[str]:
    """Returns the messages of a stream that arrives in these chunks."""
    assembler = LineAssembler()
    found = [message for chunk in chunks for message in assembler.feed(chunk)]
    return found + assembler.finish()


def expected(data: bytes) -> list[str]:
    """Returns the messages of a stream without long lines, by the words of the contract."""
    text = data.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    *whole, rest = [_last_state(line) for line in text.split("\n")]
    return [*whole, rest] if rest else whole


def _last_state(line: str) -> str:
    states = [state for state in line.split("\r") if state]
    return states[-1] if states else ""


@given(telling | st.binary(max_size=200))
@example(b"10%\r20%\r\n")
@example(b"windows\r\n")
def test_every_stream_becomes_the_lines_that_the_contract_says(data):
    assert assembled(data) == expected(data)


@given(telling | st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_it_does_not_matter_how_the_bytes_were_split(data, cuts):
    places = sorted(min(place, len(data)) for place in cuts)
    chunks = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    assert assembled(*chunks) == expected(data)


@given(st.integers(1, 300), st.sampled_from(["x", "é", "😀", "aé😀"]), st.integers(1, 40_000))
def test_a_long_line_becomes_pieces_that_concatenate_to_it(repeats, unit, chunk):
    text = unit * (repeats * 300)
    data = text.encode() + b"\nnext\n"
    pieces = assembled(*(data[start : start + chunk] for start in range(0, len(data), chunk)))
    assert pieces.pop() == "next"
    assert "".join(pieces) == text
    assert pieces == assembled(data)[:-1]
    assert all(len(piece.encode()) <= LIMIT for piece in pieces)


@given(st.text(max_size=50), st.integers(4, 20))
def test_cut_breaks_no_code_point(text, most):
    pieces = cut(text, most)
    assert "".join(pieces) == text
    assert all(len(piece.encode("utf-8", "surrogatepass")) <= most for piece in pieces)


def test_pieces_are_numbered_within_their_line():
    assembler = LineAssembler()
    found = assembler.feed(b"short\n" + b"x" * (LIMIT + 1) + b"\n" + b"y" * (LIMIT + 1) + b"\n")
    assert [len(message) for message in found] == [5, LIMIT, 1, LIMIT, 1]
    assert assembler.parts == {1: 1, 2: 2, 3: 1, 4: 2}


def test_a_line_of_exactly_the_limit_is_one_row():
    assert assembled(b"x" * LIMIT + b"\n", b"\n") == ["x" * LIMIT, ""]


def test_a_line_without_an_end_comes_out_at_the_end_of_the_stream():
    assert assembled(b"one\ntw", b"o") == ["one", "two"]


def test_fifty_megabytes_in_one_line_take_little_memory():
    assembler = LineAssembler()
    chunk = b"x" * (256 * 1024)
    tracemalloc.start()
    try:
        count = sum(len(assembler.feed(chunk)) for _ in range(200))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 200 * 16 - 1
    assert peak < 8 * 1024 * 1024


def test_a_secret_is_masked_also_where_chunks_and_pieces_meet():
    secret = "opensesame"

    def mask(text: str) -> str:
        return text.replace(secret, "***")

    data = b"x" * (LIMIT - 4) + secret.encode() + b"y" * 40 + b"\n" + b"say " + secret.encode() + b"\n"
    for size in (1, 7, 1000, len(data)):
        assembler = LineAssembler(mask, len(secret))
        found = [m for start in range(0, len(data), size) for m in assembler.feed(data[start : start + size])]
        assert secret not in "".join(found)
        assert found[-1] == "say ***"


@given(st.text(alphabet=st.sampled_from(["a", "\0", "\ud800", "\r", "\n", "é"])))
def test_clean_text_is_utf8_without_nul_or_crlf(text):
    made = clean(text)
    made.encode("utf-8")
    assert "\0" not in made
    assert "\r\n" not in made


@given(st.text(alphabet=st.sampled_from(["a", "b", "\0", "\r", "\n", "é"])))
@example("10%\r20%\r\ndone\r")
def test_a_message_is_kept_as_it_would_be_if_it_were_printed(text):
    assert settled(text).split("\n") == assembled(text.encode() + b"\n")


def test_a_secret_that_begins_like_another_is_hidden_whole_however_it_arrives():
    def mask(text: str) -> str:
        return text.replace("opensesame-two", "***").replace("opensesame", "***")

    data = b"say opensesame-two\n"
    for place in range(1, len(data)):
        assembler = LineAssembler(mask, 14)
        assert assembler.feed(data[:place]) + assembler.feed(data[place:]) == ["say ***"]


def test_a_longer_secret_may_be_told_while_a_line_arrives():
    secret = "opensesame" * 100
    assembler = LineAssembler(lambda text: text.replace(secret, "***"))
    found = assembler.feed(b"x" * 10_000)
    assembler.longest_secret = len(secret)
    data = b"y" * (LIMIT - 10_000 - 500) + secret.encode() + b"z" * 40_000 + b"\n"
    found += [m for start in range(0, len(data), 700) for m in assembler.feed(data[start : start + 700])]
    assert "opensesame" not in "".join(found)
    assert "y***z" in "".join(found)
