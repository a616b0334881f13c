"""Job types are declared once, declared right, and found by name."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import jobrunner.errors
from jobrunner.durations import Backoff
from jobrunner.errors import DuplicateJobType, HandlerNotRegistered, InvalidJobType, InvalidParams
from jobrunner.handlers import registry
from jobrunner.handlers.decorator import job, register
from jobrunner.models import TypeModel


def untyped(thing: Any) -> Any:
    return thing


def python(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(jobrunner.errors.__file__).parent.parent)}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)


def declared(name: Any, **options: Any) -> registry.JobType:
    def handler(shop_id: int = 1) -> None:
        """Does it.

        At length.
        """

    return job(name, **options)(handler).job_type


def faults(name: Any, **options: Any) -> list[str]:
    with pytest.raises(InvalidJobType) as caught:
        declared(name, **options)
    return list(caught.value.fields)


def test_a_handler_stays_the_plain_function_that_it_was():
    def handler(shop_id: int) -> int:
        return shop_id + 1

    same = job("registry.plain")(handler)
    assert same is handler
    assert same(4) == 5
    assert same.job_type is registry.get("registry.plain")
    assert callable(same.start)
    assert callable(same.options(queue="q").start)


def test_options_that_do_not_exist_are_refused_when_they_are_given():
    def handler() -> None: ...

    with pytest.raises(TypeError, match="ques"):
        untyped(job("registry.options")(handler)).options(ques="q")


def test_a_type_says_what_it_is():
    found = declared("registry.says", title="T", timeout="2h", backoff="10m", max_attempts=2, idempotent=True)
    assert (found.timeout, found.backoff, found.description) == (
        7200.0,
        Backoff(600.0, cap=600.0),
        "Does it.",
    )
    model = TypeModel(**found.describe())
    assert model.backoff == {"base": 600.0, "factor": 2.0, "cap": 600.0, "jitter": 0.1}
    assert list(model.parameters["properties"]) == ["shop_id"]
    assert found in registry.all_types()


def test_a_decorator_without_its_name_is_refused_at_once():
    with pytest.raises(InvalidJobType, match="takes the name of the type") as refused:

        @job  # type: ignore[arg-type]
        def forgotten() -> None: ...

    assert "@job(" in (refused.value.hint or "")


@pytest.mark.parametrize("name", ["", " ", "a ", "a\n", "a\x00b", "\ud800", "x" * 129, "ü" * 65, None, 7])
def test_a_type_name_is_clean_text_of_at_most_128_bytes(name):
    assert faults(name) == ["type"]


@pytest.mark.parametrize(
    "options",
    [
        {"queue": ""},
        {"queue": "q" * 65},
        {"queue": None},
        {"priority": 2**31},
        {"priority": True},
        {"priority": 1.5},
        {"idempotent": "yes"},
        {"resumable": "yes"},
        {"max_attempts": 0},
        {"max_attempts": 1001},
        {"max_attempts": 2},
        {"timeout": "soon"},
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"stall_timeout": True},
        {"backoff": []},
        {"title": "t" * 256},
    ],
)
def test_an_option_out_of_its_range_is_refused_by_name(options):
    assert faults("registry.range", **options) == list(options)


@pytest.mark.parametrize(
    "template",
    ["{nobody}", "{shop_id.real}", "{shop_id[0]}", "{shop_id!r}", "{shop_id:>9}", "{}", "{0}", "{", "}", " "],
)
def test_a_lock_key_holds_plain_fields_of_known_parameters_only(template):
    assert faults("registry.lock", lock_key=template) == ["lock_key"]


def test_a_lock_key_is_filled_from_parameters_and_their_defaults():
    @job("registry.fill", lock_key="{{x}}:{a}:{b}:{c}:{d}:{e}")
    def handler(a: int, b: str, c: UUID, d: date = date(2026, 1, 2), e: bool = True) -> None: ...

    stored = handler.job_type.parameters.validate({"a": 7, "b": "é", "c": UUID(int=1)})
    key = handler.job_type.lock_key_for(stored)
    assert key == "{x}:7:é:00000000-0000-0000-0000-000000000001:2026-01-02:True"
    assert declared("registry.nolock").lock_key_for({}) is None


@pytest.mark.parametrize("value", [None, [1], {"a": 1}])
def test_a_value_that_makes_no_key_is_refused_by_name(value):
    @job(f"registry.nokey.{value}", lock_key="k:{thing}")
    def handler(thing: Any) -> None: ...

    with pytest.raises(InvalidParams) as caught:
        handler.job_type.lock_key_for({"thing": value})
    assert list(caught.value.fields) == ["thing"]


def test_a_second_handler_for_a_type_is_refused_and_the_first_stays():
    first = declared("registry.twice")
    with pytest.raises(DuplicateJobType, match=r"registry\.twice"):
        declared("registry.twice")
    assert registry.get("registry.twice") is first


def test_an_unknown_type_names_the_nearest_one():
    declared("registry.near_enough")
    with pytest.raises(HandlerNotRegistered) as caught:
        registry.get("registry.near_enuogh")
    assert "registry.near_enough" in (caught.value.hint or "")


MODULE = """
from jobrunner.handlers.decorator import job
@job("{name}")
def handler(): pass
"""


def test_a_reload_and_an_import_under_another_name_replace_the_handler(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "registry_reloaded.py").write_text(MODULE.format(name="registry.reloaded"))
    module = importlib.import_module("registry_reloaded")
    first = registry.get("registry.reloaded")
    importlib.reload(module)
    second = registry.get("registry.reloaded")
    assert first is not second

    spec = importlib.util.spec_from_file_location("other_name", tmp_path / "registry_reloaded.py")
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert registry.get("registry.reloaded").module == "other_name"


def test_the_same_name_twice_in_one_file_is_a_duplicate(tmp_path):
    script = tmp_path / "twice.py"
    script.write_text(MODULE.format(name="a") + MODULE.format(name="a"))
    assert "DuplicateJobType" in python(script, cwd=tmp_path).stderr


def test_generators_classes_and_other_things_are_no_handler_functions():
    def generator():
        yield 1

    class Handler:
        def run(self, ctx): ...

    for thing in (generator, Handler, 7):
        with pytest.raises(InvalidJobType):
            job("registry.nohandler")(untyped(thing))


def test_a_class_or_a_factory_is_registered_with_the_options_of_job():
    class Handler:
        """Handles."""

        def run(self, ctx, shop_id: int): ...

    found = register("registry.class", Handler, queue="q", lock_key="k:{shop_id}")
    assert (found.takes_instance, found.queue, found.description) == (True, "q", "Handles.")
    assert register("registry.factory", partial(Handler)).takes_instance
    with pytest.raises(InvalidJobType, match="without arguments"):
        register("registry.wants", untyped(lambda ctx: None))
    with pytest.raises(TypeError, match="ques"):
        untyped(register)("registry.typo", Handler, ques="q")


def test_pydantic_is_not_imported_before_a_handler_is_declared(tmp_path):
    code = "import sys, jobrunner.handlers.decorator; sys.exit('pydantic' in sys.modules)"
    assert python("-c", code, cwd=tmp_path).returncode == 0


def test_a_type_tells_other_processes_what_to_import(tmp_path):
    script = tmp_path / "script.py"
    show = "print(handler.job_type.import_name)"
    script.write_text(MODULE.format(name="a") + show)
    runs: list[list[object]] = [[script], ["-m", "script"], ["-c", MODULE.format(name="a") + show]]
    shown = [python(*run, cwd=tmp_path).stdout.strip() for run in runs]
    assert shown == [str(script), "script", "None"]
    assert declared("registry.import_name").import_name == __name__
