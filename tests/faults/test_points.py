"""A process that dies, or is told nothing, at any point of the product leaves nothing half done."""

from __future__ import annotations

import pytest

from jobrunner import failpoints
from jobrunner.web import vault
from jobrunner.worker.turns import Turn
from tests.faults.play import everything
from tests.faults.points import bare_calls, commit_points, every_point, writes_elsewhere


def test_every_commit_spawn_signal_and_rename_stands_between_failpoints() -> None:
    assert bare_calls() == []
    assert writes_elsewhere() == []
    assert len(every_point()) > 50


def test_a_point_that_is_not_armed_does_nothing_and_one_that_is_acts_once(scene) -> None:
    failpoints.failpoint("a.point")
    failpoints.arm("a.point=raise:OSError@2, b.point=drop_ack", str(scene))
    failpoints.failpoint("a.point")
    with pytest.raises(OSError, match="failpoint"):
        failpoints.failpoint("a.point")
    failpoints.failpoint("a.point")
    with pytest.raises(failpoints.AckLost):
        failpoints.failpoint("b.point")
    with pytest.raises(ValueError, match="no action"):
        failpoints.arm("a.point=explode", str(scene))
    assert {path.name for path in scene.glob("fired *")} == {"fired a.point", "fired b.point"}
    for path in scene.glob("fired *"):
        path.unlink()  # they are nobody's points


@pytest.mark.fault("F04")
@pytest.mark.timeout(300)
def test_a_process_that_is_killed_at_any_commit_leaves_what_can_be_carried_on(
    lab, stage, tally, scene
) -> None:
    points = sorted(commit_points())
    for number, point in enumerate(points):
        play = stage.play(f"kill-{number}")

        def act(point=point, play=play) -> None:
            failpoints.arm(f"{point}=kill9", str(scene))
            if ".ddl." in point:
                from jobrunner.store import ddl

                ddl.create(lab.runner.database)
            everything(play)

        assert stage.apart(act) == 9, f"{point} was not reached"
        tally.injected(f"kill -9 at {point.split('.')[0]} failpoints")
        for life in ("finish", "cancel", "lost", "pool"):
            stage.play(f"kill-{number}-{life}").settle()
    assert lab.sound(settled=True)


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_secret_is_kept_whole_or_not_at_all(scene, tmp_path, side) -> None:
    failpoints.arm(f"rename.secret.{side}=raise:OSError", str(scene))
    kept = tmp_path / "secret"
    with pytest.raises(OSError, match="failpoint"):
        vault.keep(kept, "s" * 40)
    failpoints.arm("", str(scene))
    assert kept.exists() is (side == "after")
    assert [path for path in tmp_path.iterdir() if path != kept] == []


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_turn_that_cannot_be_kept_makes_everybody_sweep(scene, tmp_path, monkeypatch, side) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    turn = Turn("sqlite:////a/store.db")
    failpoints.arm(f"rename.turn.{side}=raise:OSError", str(scene))
    assert turn.is_mine() and turn.is_mine()
    assert (scene / f"fired rename.turn.{side}").exists()
    failpoints.arm("", str(scene))


@pytest.mark.fault("F04", "F14")
@pytest.mark.databases("mariadb", "postgres")
def test_a_commit_whose_answer_is_lost_anywhere_is_done_once_and_answered(lab, stage, tally, scene) -> None:
    for number, point in enumerate(sorted(commit_points())):
        if point.endswith(".after") and ".ddl." not in point:
            failpoints.arm(f"{point}=drop_ack", str(scene))
            (scene / f"fired {point}").unlink(missing_ok=True)
            everything(stage.play(f"lost-{number}"))
            assert (scene / f"fired {point}").exists()
            tally.injected("answers to COMMIT dropped in the process")
    failpoints.arm("", str(scene))
    assert lab.sound(settled=True)
