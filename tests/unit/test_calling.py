"""A call ends in a done frame, whoever makes it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jobrunner.child.calling import perform
from jobrunner.child.context import CancelFlag, JobContext
from jobrunner.handlers.decorator import job


class Nowhere:
    def send(self, frame: dict[str, Any]) -> None:
        pass


def context(type: str, cancel: CancelFlag | None = None, **params: Any) -> JobContext:
    return JobContext(
        Nowhere(), job_id=1, uuid="u", type=type, attempt=1, fence=1, params=params, cancel=cancel
    )


@job("calling.slow")
async def slow(ctx: JobContext, end: str = "return") -> dict[str, Any]:
    await asyncio.sleep(0)
    if end == "raise":
        raise ValueError("late")
    if end == "cancel":
        raise asyncio.CancelledError
    return {"ended": end}


@job("calling.interrupted")
def interrupted() -> None:
    raise BaseExceptionGroup("all", [KeyboardInterrupt(), ValueError("x")])


def test_an_async_handler_runs_also_for_a_caller_within_an_event_loop():
    async def caller() -> dict[str, Any]:
        return perform(context("calling.slow"))

    assert asyncio.run(caller()) == perform(context("calling.slow"))
    assert perform(context("calling.slow"))["result"] == '{"ended":"return"}'


def test_the_traceback_of_an_async_handler_begins_in_the_handler():
    done = perform(context("calling.slow", end="raise"))
    assert done["traceback"].splitlines()[1].endswith("in slow")


def test_a_cancelled_error_that_nobody_asked_for_is_a_failure():
    done = perform(context("calling.slow", end="cancel"))
    assert (done["outcome"], done["reason_code"]) == ("raised", "handler_error")


@pytest.mark.parametrize("mode", ["cancel", "stop", "kill"])
def test_a_job_that_was_asked_to_end_already_is_not_called(mode: str):
    flag = CancelFlag()
    flag.request(mode)
    assert perform(context("calling.interrupted", flag)) == {"kind": "done", "outcome": "cancelled"}


def test_whatever_a_handler_raises_a_frame_comes_back():
    done = perform(context("calling.interrupted"))
    assert done["error_class"] == "BaseExceptionGroup"
    assert "KeyboardInterrupt" in done["traceback"]


def test_a_stored_parameter_that_no_longer_fits_is_named():
    done = perform(context("calling.slow", gone=1))
    assert (done["error_class"], done["reason_code"]) == ("InvalidParams", "invalid_params")
    assert "gone" in done["message"]
