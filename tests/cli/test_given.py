"""Parameters as they are typed."""

from __future__ import annotations

import io
import json
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobrunner.cli import given
from jobrunner.errors import InvalidParams

REFUSED = [
    b"", b" ", b"[1]", b"1", b'"x"', b"null", b"{", b'{"a"}', b'{"a":1,}', b"{'a':1}", b'{"a":NaN}', b'{"a":-Infinity}',
    b'{"a":01}', b'{"a":"\x01"}', b'{"a":1} x', b'\xef\xbb\xbf{"a":1}', b'{"a":"\xff"}', b"\xff\xfe{\x00}\x00",
    b'{"a":\x00}', b"[" * 100_000, b'{"a":' * 100_000, b'{"a":' + b"9" * 5000 + b"}", b"{/**/}", b'{"a":tru}',
]  # fmt: skip


def typed(*arguments: str) -> dict[str, object]:
    singles = [b for a, b in pairwise(arguments) if a == "-p"]
    objects = [b for a, b in pairwise(arguments) if a == "--params"]
    return given.parameters(singles, objects, ["start", "x", *arguments])


def test_text_json_and_objects_mix_and_the_later_wins() -> None:
    assert typed("-p", "a=1", "-p", "b:=[1, 2]", "-p", "c=x=y:=z") == {"a": "1", "b": [1, 2], "c": "x=y:=z"}
    assert typed("-p", "a=1", "-p", "a:=2") == {"a": 2}
    assert typed("--params", '{"a": 1, "b": 1}', "-p", "a=2") == {"a": "2", "b": 1}
    assert typed("-p", "a=2", "--params", '{"a": 1}') == {"a": 1}
    assert typed("--params", '{"a": 1}', "--params", '{"b": 2}') == {"a": 1, "b": 2}
    assert typed("-p", "a=") == {"a": ""}
    assert typed() == {}


@pytest.mark.parametrize("option", ["-pa=2", "--param=a=2"])
def test_the_order_is_seen_in_every_spelling(option: str) -> None:
    found = given.parameters(["a=2"], ['{"a": 1}'], ["start", "x", option, '--params={"a": 1}'])
    assert found == {"a": 1}


def test_a_value_that_looks_like_an_option_leaves_the_single_ones_last() -> None:
    found = given.parameters(
        ["a=2"], ['{"a": 1}'], ["start", "x", "--title", "--params", "-p", "a=2", "--params", '{"a": 1}']
    )
    assert found == {"a": "2"}


@pytest.mark.parametrize("body", REFUSED, ids=[repr(body[:12]) for body in REFUSED])
def test_what_is_no_json_object_is_refused_from_a_file_and_from_standard_input(
    body: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "params"
    file.write_bytes(body)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(body)))
    for text in (f"@{file}", "-"):
        with pytest.raises(InvalidParams) as caught:
            typed("--params", text)
        assert "params" in caught.value.fields
        assert len(caught.value.message) < 400


def test_a_file_and_standard_input_give_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps({"ключ": "☃ é", "n": 1.5, "deep": [[{}]]}, ensure_ascii=False).encode()
    (tmp_path / "params").write_bytes(body)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(body)))
    assert typed("--params", f"@{tmp_path}/params") == typed("--params", "-") == json.loads(body)


@pytest.mark.parametrize("text", ["a", "=1", ":=1", "", "\udcff"])
def test_a_single_parameter_without_a_key_or_sign_is_refused(text: str) -> None:
    with pytest.raises(InvalidParams):
        typed("-p", text)


@pytest.mark.parametrize("text", ["@/nonexistent/file", "@", "@\0"])
def test_a_file_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidParams):
        typed("--params", text)
