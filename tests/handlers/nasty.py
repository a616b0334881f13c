"""Handlers that misbehave, one way each."""

from __future__ import annotations

import ctypes
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from jobrunner import JobContext, JobRunner, job


@job("n.hog")
def hog() -> None:
    """Holds the interpreter's lock for ever."""
    print("hogging")
    sum(range(10**12))


@job("n.one_line")
def one_line(megabytes: int = 50) -> None:
    """Prints one line of that many megabytes."""
    for _ in range(megabytes):
        sys.stdout.write("x" * 1024 * 1024)
    print("end")


@job("n.binary")
def binary() -> None:
    """Prints bytes that are no text."""
    sys.stdout.buffer.write(b"a\0b \xff\xfe \xe2\x82\xac\r\n10%\r50%\r100%\nlast")


@job("n.many_lines")
def many_lines(n: int = 200_000) -> dict[str, int]:
    """Prints that many lines as fast as it can."""
    for number in range(n):
        print("line", number)
    return {"n": n}


@job("n.fork")
def fork() -> dict[str, int]:
    """Forks; both copies print, and both return."""
    pid = os.fork()
    print("copy" if pid == 0 else "original", flush=True)
    if pid:
        os.waitpid(pid, 0)
    return {"is_original": int(pid > 0)}


@job("n.close_stdout")
def close_stdout(ctx: JobContext) -> dict[str, str]:
    """Closes its own standard output and error."""
    print("before")
    os.close(1)
    os.close(2)
    ctx.info("after")
    return {"still": "here"}


@job("n.os_exit")
def os_exit(code: int = 7) -> None:
    """Leaves without a word, except for half a line."""
    os.write(1, b"half a line")
    os._exit(code)


@job("n.sys_exit")
def sys_exit(code: int = 4) -> None:
    """Leaves politely."""
    sys.exit(code)


class Uncatchable(BaseException):
    """No Exception."""


@job("n.base_exception")
def base_exception() -> None:
    """Raises what ``except Exception`` does not catch."""
    raise Uncatchable("from below")


@job("n.not_json")
def not_json() -> dict[str, Any]:
    """Returns what JSON does not have."""
    return {"x": math.nan}


@job("n.slow", timeout=0.5)
def slow() -> None:
    """Takes longer than it may."""
    time.sleep(60)


@job("n.silent", stall_timeout=0.5)
def silent() -> None:
    """Says nothing for longer than it may, and is stopped besides."""
    freeze()


@job("n.freeze")
def freeze() -> None:
    """Stops itself."""
    print("freezing")
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(60)


@job("n.grandchild")
def grandchild(ignore_term: bool = False, linger: float = 0) -> dict[str, int]:
    """Leaves a grandchild in a session of its own that holds stdout."""
    trap = "trap '' TERM; " if ignore_term else ""
    script = f"{trap}echo started; while :; do sleep 0.1; done"
    process = subprocess.Popen(["setsid", "bash", "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(linger)
    return {"pid": process.pid}


@job("n.segfault")
def segfault() -> None:
    """Reads where nothing is."""
    print("last words")
    ctypes.string_at(0)


@job("n.kill_self")
def kill_self(number: int = 9) -> None:
    """Sends itself a signal."""
    os.kill(os.getpid(), number)
    time.sleep(60)


@job("n.tree")
def tree(pids: str, cooperate: bool = True) -> None:
    """Starts a program that starts one, writes the pids to a file, and works on."""
    inner = "echo $$ >> {0}; exec sleep 60"
    subprocess.Popen(["bash", "-c", f"({inner.format(pids)}) & echo $$ >> {pids}; wait"])
    while not Path(pids).exists() or len(Path(pids).read_text().split()) < 2:
        time.sleep(0.01)
    with open(pids, "a", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    if not cooperate:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)


@job("n.finally")
def finally_(path: str) -> None:
    """Cleans up when it is stopped."""
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        Path(path).write_text("cleaned up")


@job("n.mixed")
def mixed(ctx: JobContext, rounds: int = 20) -> None:
    """Speaks in turns by print, by its context, and in steps."""
    for number in range(rounds):
        print(f"{number} print")
        ctx.info(f"{number} context")
        with ctx.step(f"s{number}", f"{number} step"):
            print(f"{number} inside")


@job("n.leak")
def leak(url: str) -> None:
    """Says a secret in every way."""
    print(f"connecting to {url}")
    raise ConnectionError(f"no answer from {url}")


@job("n.same_store")
def same_store() -> dict[str, Any]:
    """Looks where ``JobRunner()`` leads from another directory."""
    os.chdir("/")
    given = {name: value for name, value in os.environ.items() if name.startswith("JOBRUNNER_")}
    runner = JobRunner()
    started = runner.start("n.sys_exit", {"code": 0}, launcher="pool")
    return {"url": runner.settings.database_url, "given": given, "started": started.job_id}


@job("n.open_files")
def open_files() -> dict[str, Any]:
    """Tells what it inherited."""
    return {"fds": sorted(int(name) for name in os.listdir("/proc/self/fd")), "cwd": os.getcwd()}


@job("n.idempotent", idempotent=True, max_attempts=3)
def idempotent(seconds: float = 60) -> None:
    """May be done again."""
    print("working", flush=True)
    time.sleep(seconds)


@job("n.patient", timeout=2)
def patient(ctx: JobContext) -> None:
    """Does not listen."""
    print("ready")
    time.sleep(60)


@job("n.idempotent_failure", idempotent=True, max_attempts=3)
def idempotent_failure() -> None:
    """May be done again, and fails."""
    raise RuntimeError("not this time")


@job("n.starts_another")
def starts_another() -> dict[str, int]:
    """Starts a detached job that goes on for longer than itself."""
    from jobrunner import JobRunner

    return {"started": JobRunner().start("n.counting", {"n": 40, "pause": 0.05}).job_id}


@job("n.thread_stays")
def thread_stays() -> dict[str, bool]:
    """Leaves a thread behind."""
    import threading

    threading.Thread(target=time.sleep, args=(60,)).start()
    return {"left": True}


@job("n.counting")
def counting(n: int = 40, pause: float = 0.05) -> dict[str, int]:
    """Prints a number now and then."""
    for number in range(n):
        print(number)
        time.sleep(pause)
    return {"n": n}
