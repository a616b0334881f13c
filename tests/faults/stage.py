"""Where lives are played: in this process, or in a copy of it that a fault may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable

from jobrunner import processes
from tests.faults.laboratory import Laboratory
from tests.faults.play import Play


class Stage:
    """Plays the lives of one laboratory."""

    def __init__(self, lab: Laboratory) -> None:
        self.lab = lab
        self._ghost = ghost()

    def play(self, key: str) -> Play:
        """Returns a life that has not begun."""
        return Play(self.lab, key, self._ghost)

    def apart(self, act: Callable[[], object]) -> int | None:
        """Does ``act`` in a copy of this process; returns the signal that ended it, None when it came to its end."""
        # what is idle here must not be shared with the copy
        self.lab.runner.database.close()
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                act()
                code = 0
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert code in (0, -signal.SIGKILL), f"the copy ended with {code}"
        return None if code == 0 else -code


def ghost() -> tuple[int, int]:
    """Returns pid and start time of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = processes.started(process.pid)
    process.communicate(b"\n")
    assert started is not None
    return process.pid, started
