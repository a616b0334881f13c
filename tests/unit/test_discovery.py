"""Handlers are found, and one module that fails does not take the others down."""

from __future__ import annotations

import sys

import pytest

from jobrunner.errors import HandlerNotRegistered
from jobrunner.handlers import registry
from jobrunner.handlers.discovery import ImportFailure, discover


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    written: list[str] = []

    def write_module(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        written.append(name)
        return name

    before = set(sys.modules)
    yield write_module
    for name in set(sys.modules) - before:
        if name in written or name.startswith("__mp_main__"):
            del sys.modules[name]


HANDLER = "from jobrunner.handlers.decorator import job\n@job('{0}')\ndef handler(): pass\n"


def failures(*modules: str) -> list[ImportFailure]:
    return discover(modules)


def test_a_module_that_fails_is_named_and_the_others_go_on(write):
    bad = write("discovery_bad", "def f():\n    raise ValueError('broken heart')\nf()\n")
    good = write("discovery_good", HANDLER.format("discovery.good"))
    (failure,) = failures(bad, "discovery_nowhere_at_all", good)[:1]
    assert (failure.module, failure.error_class, failure.message) == (bad, "ValueError", "broken heart")
    shown = [part in failure.traceback for part in ("discovery_bad.py", "in f", "importlib", "discovery.py")]
    assert shown == [True, True, False, False]
    assert registry.get("discovery.good").module == good


@pytest.mark.parametrize(
    ("text", "error_class"),
    [
        ("def (", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("import nothing_like_it", "ModuleNotFoundError"),
    ],
)
def test_every_way_to_fail_is_recorded(write, text, error_class):
    (failure,) = failures(write(f"discovery_{error_class.lower()}", text))
    assert failure.error_class == error_class
    assert failure.message


def test_a_module_that_is_not_there_is_a_failure():
    (failure,) = failures("discovery_not_there.at_all")
    assert (failure.module, failure.error_class) == ("discovery_not_there.at_all", "ModuleNotFoundError")


def test_an_interrupt_is_not_taken_for_a_failure(write):
    module = write("discovery_interrupt", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        failures(module)


def test_types_of_a_module_that_did_not_come_to_its_end_are_forgotten(write):
    module = write("discovery_half", HANDLER.format("discovery.half") + "raise OSError('disk')\n")
    assert failures(module)
    with pytest.raises(HandlerNotRegistered):
        registry.get("discovery.half")


def test_what_failed_once_is_tried_again(write):
    module = write("discovery_again", "raise OSError('disk')")
    assert failures(module)
    write("discovery_again", "# Now it is longer than before.\n" + HANDLER.format("discovery.again"))
    assert failures(module) == []
    assert registry.get("discovery.again").module == module


def test_a_script_is_imported_by_its_path_without_running_its_main_part(write, tmp_path):
    for name in ("first", "second"):
        text = HANDLER.format(f"discovery.script.{name}") + "if __name__ == '__main__': raise SystemExit\n"
        write(f"discovery_script_{name}", text)
    paths = [str(tmp_path / f"discovery_script_{name}.py") for name in ("first", "second")]
    assert failures(*paths) == []
    assert failures(*paths) == []
    for name, path in zip(("first", "second"), paths, strict=True):
        assert registry.get(f"discovery.script.{name}").import_name == path


def test_a_script_that_fails_is_named_by_its_path(tmp_path):
    (failure,) = failures(str(tmp_path / "none.py"))
    assert failure.module.endswith("none.py")
    assert failure.error_class == "FileNotFoundError"


def test_installed_packages_offer_handlers_by_an_entry_point(write, tmp_path):
    write("discovery_plugin", HANDLER.format("discovery.plugin"))
    info = tmp_path / "plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[jobrunner.handlers]\na = discovery_plugin\nb = discovery_missing\n"
    )
    assert [failure.module for failure in failures()] == ["discovery_missing"]
    assert registry.get("discovery.plugin").module == "discovery_plugin"


def test_the_same_handlers_can_be_discovered_any_number_of_times(write):
    module = write("discovery_often", HANDLER.format("discovery.often"))
    assert [failures(module, module) for _ in range(3)] == [[], [], []]
