"""Whatever the k-th database call answers, for every k: nothing is lost, nothing is done twice."""

from __future__ import annotations

import pytest

from tests.faults.amounts import step
from tests.faults.calls import FAULTS, Fault, KthCall, kill9
from tests.faults.play import LIVES
from tests.faults.rows import ERRORS
from tests.faults.stage import Stage

MOST = 200


def sweep(
    stage: Stage, life: str, fault: Fault, key: str, *, dies: bool, first: int = 1, step: int = 1
) -> int:
    """Plays a life with the fault at its first call, at its second, and so on, until it is not met any more."""
    database = stage.lab.runner.database
    for count, k in enumerate(range(first, MOST, step)):
        play = stage.play(f"{key}-{k}")

        def act(play=play, k=k) -> bool:
            with KthCall(database, k, fault) as call:
                getattr(play, life)()
                return call.has_struck

        struck = stage.apart(act) is not None if dies else act()
        play.settle()
        if not struck:
            return count
    raise AssertionError(f"{life} goes on for more than {MOST} calls")


@pytest.mark.fault("F12", "F13", "F15")
@pytest.mark.timeout(300)
@pytest.mark.databases("sqlite", "mariadb", "postgres")
@pytest.mark.parametrize("life", LIVES)
def test_an_error_at_any_call_is_borne(lab, stage, tally, scene, kind, life) -> None:
    # every error at every call of one life; of the others, each call gets every third error
    stride = 1 if life == "finish" else step(3)
    for number, (name, fault) in enumerate(FAULTS[kind].items()):
        count = sweep(
            stage, life, fault, f"{name}-{life}", dies=False, first=1 + number % stride, step=stride
        )
        assert count, f"{name} was never met"
        tally.injected(f"{name} at the k-th database call", count)
    if life == "finish":
        classified = {path.name.split()[1] for path in scene.glob("error *")}
        assert set(ERRORS[kind]) <= classified
    assert lab.sound(settled=True)


@pytest.mark.fault("F03", "F04")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("life", LIVES)
def test_a_death_before_any_call_and_so_after_any_other_is_healed(lab, stage, tally, life) -> None:
    stride = 1 if life == "finish" else step(2)
    count = sweep(stage, life, kill9, f"death-{life}", dies=True, step=stride)
    tally.injected("kill -9 at the k-th database call", count)
    assert lab.sound(settled=True)
