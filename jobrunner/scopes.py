"""How far a worker is detached from whoever started it, where systemd keeps processes in units.

systemd ends every process of a unit that it stops, whatever session it is in. So that ``systemctl stop web`` does not
end the jobs that web has started, a detached worker gets a unit of its own, a scope, made by ``systemd-run``. Where
that is not to be had it is started without, and says so:

- ``scope``: it runs in a scope of its own; only that scope, or the host, ends it;
- ``host``: it is in no service's control group, so the end of its starter does not touch it;
- ``none``: it is part of its starter's service, and is ended with it. Workers of a pool and of ``run`` are always so.

In a container ``host`` means the container.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from jobrunner import processes

SCOPE, HOST, NONE = "scope", "host", "none"
BOOTED = "/run/systemd/system"
_PROGRAM = "systemd-run"


def command(name: str, environment: Mapping[str, str]) -> list[str] | None:
    """Returns what starts a command in a scope called ``name``, in the same process; None without a systemd to ask.

    root asks the system's systemd. Anybody else asks his own if he has one, else the system's, which may refuse.
    """
    program = shutil.which(_PROGRAM) if os.path.isdir(BOOTED) else None
    if program is None:
        return None
    runtime = environment.get("XDG_RUNTIME_DIR")
    own = os.getuid() != 0 and runtime is not None and os.path.exists(os.path.join(runtime, "systemd"))
    manager = ["--user"] if own else ["--no-ask-password"]
    return [program, *manager, "--scope", "--quiet", "--collect", f"--unit={name}.scope", "--"]


def own_group() -> str | None:
    """Returns the path of the control group that systemd keeps this process in; None where there is none."""
    return group_of(processes.control_groups())


def group_of(lines: str) -> str | None:
    """Returns systemd's control group out of the lines of a ``/proc/PID/cgroup``: the unified one, else its named one."""
    found: dict[str, str] = {}
    for line in lines.splitlines():
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" or controllers == "name=systemd":
            found[controllers] = path
    paths = [path for path in (found.get(""), found.get("name=systemd")) if path]
    return next((path for path in paths if path != "/"), paths[0] if paths else None)


def detachment(told: str, starters: str | None, own: str | None) -> str:
    """Returns scope, host or none for a worker in the control group ``own``, launched from the group ``starters``.

    ``told`` is ``scope`` for one that systemd-run has started.
    """
    inside = own is not None and os.path.basename(own.rstrip("/")).endswith(".service")
    if told == SCOPE and not (inside and own == starters):
        return SCOPE
    return NONE if inside else HOST
