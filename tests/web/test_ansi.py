"""Text of jobs becomes visible text under class names of a fixed list, and never anything else."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobrunner.web.ansi import CLASSES, MOST_SEGMENTS, is_plain, segments, visible
from tests.web.ansi_corpus import ESC, HOSTILE

fragments = st.one_of(
    st.text(max_size=20),
    st.binary(max_size=20).map(lambda data: data.decode("latin-1")),
    st.sampled_from(HOSTILE[2:8]),
    st.lists(st.integers(0, 300), max_size=6).map(lambda codes: f"{ESC}[{';'.join(map(str, codes))}m"),
    st.sampled_from(
        [f"{ESC}[38;2;1;2;3m", f"{ESC}[48:5:200m", f"{ESC}[38:2::9:8:7m", f"{ESC}[4:3m", f"{ESC}[", ESC]
    ),
)
texts = st.lists(fragments, max_size=12).map("".join)


def spelled(text: str) -> str:
    """Says by itself what is to be seen: no SGR, and an escape for each character that does something."""

    def seen(character: str) -> str:
        harmful = (
            (unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") and character not in "\t\n")
            or unicodedata.bidirectional(character)
            in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
            or character in "\u061c\u200b\u200e\u200f\ufeff\ufff9\ufffa\ufffb"
        )
        code = ord(character)
        return character if not harmful else f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"

    return "".join(map(seen, re.sub(r"\x1b\[[0-9;:]*m", "", text)))


@given(texts)
@example(HOSTILE[0])
@example(HOSTILE[8])
@example(HOSTILE[9])
@example(HOSTILE[10])
def test_no_text_becomes_more_than_visible_text_and_known_classes(text):
    found = segments(text)
    assert "".join(part for _, part in found) == visible(text) == spelled(text)
    assert {name for names, _ in found for name in names.split()} <= CLASSES
    assert len(found) <= MOST_SEGMENTS + 1
    assert is_plain(visible(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_visible_can_be_stored_and_encoded(text):
    assert visible(text).encode()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", visible(text))


@pytest.mark.parametrize(
    ("codes", "names"),
    [
        ("31", "f1"), ("91", "f9"), ("44", "b4"), ("104", "b12"), ("1;31", "bold f1"), ("38;5;9", "f9"),
        ("38;5;196", "f9"), ("38;5;232", "f0"), ("38;2;250;5;5", "f9"), ("48:2::0:0:250", "b4"), ("38:5:2", "f2"),
        ("7", "inv"), ("7;31", "b1"), ("7;31;44", "f4 b1"), ("3;4;9;2", "dim ital und strike"), ("1;22", ""),
        ("31;0", ""), ("", ""), ("31;39", ""), ("4:3", "und"), ("4:0", ""), ("5", ""), ("38;5", ""), ("999", ""),
        ("38;2;1;2", ""), ("38;8;31", "f1"),
    ],
)  # fmt: skip
def test_a_colour_or_a_weight_is_one_of_the_classes(codes, names):
    assert segments(f"{ESC}[{codes}mx") == [(names, "x")]


def test_a_text_goes_on_in_a_colour_until_it_is_told_otherwise():
    found = segments(f"a{ESC}[32mb\x07{ESC}[39mc")
    assert found == [("", "a"), ("f2", "b"), ("f2 esc", "\\x07"), ("", "c")]
