"""The unit files fit systemd and this product."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys

import pytest

from jobrunner.cli.units import names

pytestmark = pytest.mark.databases("sqlite")
UNITS = [
    "jobrunner-reap.service",
    "jobrunner-reap.timer",
    "jobrunner-serve.service",
    "jobrunner-work.service",
]
EXPECTED = {
    "Unit": {"description", "after", "wants", "startlimitintervalsec"},
    "Service": {
        "type", "notifyaccess", "execstart", "workingdirectory", "environmentfile", "environment", "user", "timeoutstartsec",
        "watchdogsec", "killmode", "timeoutstopsec", "oompolicy", "restart", "restartsec",
    },
    "Timer": {"onbootsec", "onunitinactivesec", "accuracysec"},
    "Install": {"wantedby"},
}  # fmt: skip


def parsed(text: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None)
    found.read_string(text)
    return found


def test_the_names_are_printed_and_each_unit_is(cli) -> None:
    assert cli("systemd", check=0).stdout.split() == UNITS == names()
    for name in UNITS:
        found = parsed(cli("systemd", name, check=0).stdout)
        for section in found.sections():
            assert set(found[section]) <= EXPECTED[section], "no key was mistyped"
    assert cli("systemd", "other.service").returncode == 2


def test_the_pool_has_the_time_that_its_settings_promise(cli, store) -> None:
    env = {"JOBRUNNER_DRAIN_TIMEOUT": "90", "JOBRUNNER_STOP_GRACE": "7"}
    service = parsed(cli("systemd", "jobrunner-work.service", env=env, check=0).stdout)["Service"]
    assert int(service["TimeoutStopSec"]) > 90 + 7
    assert (service["Type"], service["KillMode"], service["OOMPolicy"]) == ("notify", "mixed", "continue")
    assert int(service["WatchdogSec"]) > 0
    assert service["WorkingDirectory"] == str(store.directory)
    assert service["ExecStart"] == f"{sys.executable} -m jobrunner work"


def test_systemd_itself_understands_every_line_where_it_is_installed(cli, tmp_path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        return  # the names of all keys were compared above
    paths = []
    for name in UNITS:
        paths.append(tmp_path / name)
        paths[-1].write_text(cli("systemd", name, check=0).stdout)
    verify = [program, "verify", "--man=no"]
    done = subprocess.run([*verify, *paths], capture_output=True, text=True, timeout=60)
    told = [line for line in done.stderr.splitlines() if "jobrunner" in line]
    assert told == []
    wrong = tmp_path / "wrong.service"
    wrong.write_text(paths[-1].read_text().replace("KillMode=mixed", "KillMode=mixxed"))
    done = subprocess.run([*verify, wrong], capture_output=True, text=True, timeout=60)
    assert "wrong.service" in done.stderr, "the check sees a mistake"
