"""How far a worker is detached, by the control groups that systemd keeps."""

from __future__ import annotations

import pytest

from jobrunner import scopes

WEB = "/system.slice/web.service"
OWN = "/system.slice/jobrunner-7-0123456789ab.scope"
LOGIN = "/user.slice/user-1000.slice/session-3.scope"
DESKTOP = "/user.slice/user-1000.slice/user@1000.service/app.slice/web.service"


@pytest.mark.parametrize(
    ("told", "starters", "own", "found"),
    [
        ("scope", WEB, OWN, "scope"),
        ("scope", LOGIN, OWN, "scope"),
        ("scope", None, None, "scope"),
        ("scope", WEB, WEB, "none"),  # systemd-run said yes, and the worker is where it was
        ("none", WEB, WEB, "none"),
        ("none", DESKTOP, DESKTOP, "none"),
        ("none", WEB + "/", WEB + "/", "none"),
        ("none", LOGIN, LOGIN, "host"),
        ("none", OWN, OWN, "host"),
        ("none", "/", "/", "host"),
        ("none", None, None, "host"),
    ],
)
def test_a_worker_is_as_detached_as_its_control_group(told, starters, own, found):
    assert scopes.detachment(told, starters, own) == found


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        (f"0::{WEB}\n", WEB),
        (f"12:pids:/x\n1:name=systemd:{WEB}\n0::/\n", WEB),
        (f"12:pids:/x\n1:name=systemd:/other\n0::{WEB}\n", WEB),
        ("4:memory:/process\n1:name=systemd:/\n0::/\n", "/"),
        ("4:memory:/a:b\n", None),
        ("", None),
    ],
)
def test_the_group_is_the_one_that_systemd_keeps(lines, path):
    assert scopes.group_of(lines) == path


def test_without_a_running_systemd_nobody_is_asked(monkeypatch, tmp_path):
    monkeypatch.setattr(scopes, "BOOTED", str(tmp_path / "missing"))
    assert scopes.command("x", {}) is None
