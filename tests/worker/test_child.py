"""A child does what its order says and tells its worker how it ended, whatever the handler does."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.worker.childbed import Start


def test_a_child_names_its_types_and_failed_imports_before_it_gets_an_order(bed: Start):
    child = bed(("tests.handlers.child_jobs", "tests.handlers.no_such_module"))
    ready = child.until(lambda: child.of("ready"))[0]
    assert {"c.echo", "c.class", "jobrunner.exec"} <= set(ready["types"])
    assert [one["module"] for one in ready["failures"]] == ["tests.handlers.no_such_module"]
    child.channel.send({"kind": "exit"})
    assert child.finish() == {}
    assert child.status == 0


def test_a_handler_gets_its_parameters_and_returns_its_result(bed: Start):
    child = bed().run("c.echo", value=3)
    done = child.finish()
    assert done["outcome"] == "returned"
    assert json.loads(done["result"]) == {
        "value": 3,
        "name": "x",
        "params": {"value": 3},
        "id": 7,
        "attempt": 2,
    }
    assert child.status == 0
    assert len(child.of("beat")) == 1


def test_lines_bear_the_step_that_they_were_written_in(bed: Start):
    child = bed().run("c.echo")
    child.finish()
    begun, ended = child.of("step")
    assert (begun["event"], begun["key"], begun["label"], begun["index"], begun["total"]) == (
        "step_started", "one", "Step one", 1, 2,
    )  # fmt: skip
    assert (begun["outcome"], begun["seconds"]) == (None, None)
    assert (ended["event"], ended["outcome"]) == ("step_finished", "ok")
    assert ended["seconds"] >= 0
    inside, outside, answer = child.said("inside"), child.said("outside"), child.said("for you")
    assert inside
    assert outside
    assert answer
    assert (inside["step"], inside["level"], inside["context"]) == ("one", "info", '{"value":1}')
    assert (outside["step"], outside["level"]) == (None, "warning")
    assert answer["stream"] == "response"


def test_what_is_printed_and_logged_while_importing_is_the_jobs_log(bed: Start):
    child = bed().run("c.plain")
    assert child.finish()["result"] is None
    assert b"printed while importing\n" in child.output[1]
    line = child.said("logged while importing")
    assert line
    assert line["logger"] == "child.jobs"


def test_an_async_handler_returns_its_result(bed: Start):
    assert bed().run("c.async").finish()["result"] == '{"slept":0.0}'


def test_a_class_and_a_factory_that_says_nothing_about_its_product_both_run(bed: Start):
    assert bed().run("c.class", name="Ada").finish()["result"] == '{"hello":"Ada"}'
    assert bed().run("c.factory", name="Bob").finish()["result"] == '{"hello":"Bob"}'


@pytest.mark.parametrize(
    ("type", "params", "reason"),
    [
        ("c.nobody", {}, "handler_not_registered"),
        ("c.echo", {"value": "many"}, "invalid_params"),
        ("c.echo", {"unknown": 1}, "invalid_params"),
        ("c.broken", {}, "handler_instantiation_failed"),
        ("c.norun", {}, "handler_contract_mismatch"),
        ("c.result", {"kind": "list"}, "result_not_encodable"),
        ("c.result", {"kind": "nan"}, "result_not_encodable"),
        ("c.result", {"kind": "object"}, "result_not_encodable"),
        ("c.result", {"kind": "surrogate"}, "result_not_encodable"),
        ("c.result", {"kind": "cyclic"}, "result_not_encodable"),
        ("c.result", {"kind": "large"}, "result_too_large"),
        ("c.raise", {"kind": "exit"}, "handler_error"),
        ("c.raise", {"kind": "interrupt"}, "handler_error"),
        ("c.raise", {"kind": "unprintable"}, "handler_error"),
    ],
)
def test_every_failure_has_its_reason_code(bed: Start, type: str, params: dict, reason: str):
    child = bed().run(type, **params)
    done = child.finish()
    ended = "returned" if reason.startswith("result_") else "raised"
    assert (done["outcome"], done["reason_code"]) == (ended, reason)
    assert done["message"]
    assert child.status == 0


def test_a_pydantic_model_is_a_result(bed: Start):
    assert bed().run("c.result", kind="model").finish()["result"] == '{"number":5}'


def test_a_type_that_no_import_gave_names_the_import_that_failed(bed: Start):
    done = bed(("tests.handlers.no_such_module",)).run("c.echo").finish()
    assert done["reason_code"] == "handler_import_failed"
    assert "no_such_module" in done["message"]
    assert "ModuleNotFoundError" in done["traceback"]


def test_a_traceback_holds_the_whole_chain_and_none_of_our_frames(bed: Start):
    done = bed().run("c.raise", kind="chain").finish()
    assert (done["error_class"], done["message"]) == ("RuntimeError", "second")
    assert "ValueError: first" in done["traceback"]
    assert "direct cause" in done["traceback"]
    assert "in _inner" in done["traceback"]
    assert "jobrunner/child" not in done["traceback"]
    group = bed().run("c.raise", kind="group").finish()
    assert "ValueError: a" in group["traceback"]
    assert "KeyError: 'b'" in group["traceback"]


def test_a_message_is_cut_between_characters(bed: Start):
    done = bed().run("c.raise", kind="long").finish()
    assert done["message"] == "é" * 30_000


def test_exit_codes_and_misuse_of_the_context_are_told_plainly(bed: Start):
    assert "sys.exit(3)" in bed().run("c.raise", kind="exit").finish()["message"]
    misuse = bed().run("c.raise", kind="context").finish()
    assert misuse["error_class"] == "ValueError"
    assert "ctx.progress(float" in misuse["traceback"]


def test_a_cancel_before_the_order_ends_the_job_without_a_call(bed: Start):
    child = bed()
    child.channel.send({"kind": "cancel", "mode": "cancel"})
    assert child.run("c.echo").finish()["outcome"] == "cancelled"
    assert child.said("inside") is None


def test_a_cancel_sets_the_flag_and_the_step_ends_cancelled(bed: Start):
    child = bed().run("c.wait")
    child.until(lambda: child.said("started"))
    child.channel.send({"kind": "cancel", "mode": "cancel"})
    assert child.finish()["outcome"] == "cancelled"
    assert child.said("saw the flag")
    assert child.said("cleaned up")
    assert child.of("step")[-1]["outcome"] == "cancelled"


def test_sigterm_raises_once_so_that_cleaning_up_is_not_interrupted(bed: Start):
    child = bed().run("c.term")
    child.until(lambda: child.said("started"))
    os.kill(child.pid, signal.SIGTERM)
    child.until(lambda: child.said("cleaning up"))
    os.kill(child.pid, signal.SIGTERM)
    assert child.finish()["outcome"] == "cancelled"
    assert child.said("cleaned up")


def test_a_handler_that_swallows_every_exception_is_still_cancelled(bed: Start):
    child = bed().run("c.wait")
    child.until(lambda: child.said("started"))
    os.kill(child.pid, signal.SIGTERM)
    assert child.finish()["outcome"] == "cancelled"
    assert child.said("swallowed") is None


@pytest.mark.parametrize("by_signal", [True, False])
def test_a_stop_cancels_the_task_of_an_async_handler(bed: Start, by_signal: bool):
    child = bed().run("c.async", seconds=60.0)
    child.until(lambda: child.said("started"))
    if by_signal:
        os.kill(child.pid, signal.SIGTERM)
    else:
        child.channel.send({"kind": "cancel", "mode": "stop"})
    assert child.finish()["outcome"] == "cancelled"
    assert child.said("cleaning up")


def test_a_cancel_that_comes_out_of_a_task_group_is_a_cancel(bed: Start):
    child = bed().run("c.group")
    child.until(lambda: child.said("started"))
    child.channel.send({"kind": "cancel", "mode": "cancel"})
    assert child.finish()["outcome"] == "cancelled"


def test_a_child_dies_within_a_second_when_its_worker_is_gone(bed: Start):
    child = bed().run("c.term")
    child.until(lambda: child.said("started"))
    child.channel.close()
    child.finish(1.0)
    assert child.status == -signal.SIGKILL


@pytest.mark.parametrize("how", ["return", "raise"])
def test_only_the_process_that_was_ordered_reports(bed: Start, how: str):
    child = bed().run("c.fork", how=how)
    assert child.finish()["result"] == '{"copy":false}'
    assert (b"in the copy" in child.output[2]) == (how == "raise")


def test_forked_processes_of_the_handler_may_log_and_print(bed: Start):
    child = bed().run("c.pool")
    assert child.finish()["result"] == '{"sum":90}'
    assert {f"part {number}" for number in range(10)} <= {line["message"] for line in child.of("line")}
    assert child.output[1].count(b"printed ") == 11
    assert child.channel.garbled == 0


def test_threads_send_whole_lines_and_do_not_hold_the_process(bed: Start):
    child = bed().run("c.threads")
    done = child.finish()
    assert done["outcome"] == "returned"
    lines = [json.loads(line["context"]) for line in child.of("line") if line["context"]]
    assert len(lines) == 200
    for number in range(4):
        assert [line["index"] for line in lines if line["number"] == number] == list(range(50))
    assert {line["step"] for line in child.of("line") if line["context"]} == {"busy"}


def test_a_handler_that_exits_by_itself_leaves_its_last_words_and_no_done(bed: Start):
    child = bed().run("c.die", how="exit")
    assert child.finish() == {}
    assert child.status == 9
    assert child.output[1].endswith(b"last words\n")


def test_a_segfault_tells_where_it_happened(bed: Start):
    child = bed().run("c.die", how="segfault")
    assert child.finish() == {}
    assert child.status == -signal.SIGSEGV
    assert b"Segmentation fault" in child.output[2]
