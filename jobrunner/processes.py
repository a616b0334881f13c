"""Processes of this machine: who they are, whose children, and how to signal one without hitting another.

A pid alone names nobody for long: it is reused. A process is (host, boot, pid namespace, pid, start time). What Linux
tells through /proc and pidfd is used where it exists; elsewhere start times are unknown (None), trees are empty,
and signals go by pid.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import pwd
import select
import signal
import socket
from dataclasses import dataclass
from functools import lru_cache

from jobrunner import clock
from jobrunner.failpoints import failpoint

PROC = "/proc"
MARK, WORKER = "JR_ATTEMPT", "JR_WORKER"
_DIE_WITH_PARENT, _SUBREAPER = 1, 36
_OUT_OF_REACH = 201
_ENDED = ("Z", "X", "x")
_PIECE = 64 * 1024
_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class ProcessIdentity:
    """One process for ever; ``started`` is in clock ticks after boot, None where the system does not tell."""

    host: str
    boot_id: str | None
    pid_namespace: int | None
    pid: int
    started: int | None


@dataclass(frozen=True)
class Seen:
    """A process as one look found it: ``state`` is the letter that ps shows, ``memory`` its resident bytes, ``cpu``
    the seconds that it has used, and those of its children that were waited for."""

    pid: int
    parent: int
    state: str
    started: int
    cpu: float
    memory: int


def identity() -> ProcessIdentity:
    """Returns who this process is."""
    return ProcessIdentity(host(), boot_id(), pid_namespace(), os.getpid(), started(os.getpid()))


def host() -> str:
    """Returns this machine's name, at most 255 characters."""
    return socket.gethostname()[:255] or "localhost"


@lru_cache(maxsize=1)
def boot_id() -> str | None:
    """Returns the UUID of this boot of the kernel, or None where there is none."""
    return read(f"{PROC}/sys/kernel/random/boot_id").strip()[:36] or None


def pid_namespace() -> int | None:
    """Returns the number of the namespace in which this process's pids mean something."""
    try:
        return os.stat(f"{PROC}/self/ns/pid").st_ino
    except OSError:
        return None


def look(pid: int) -> Seen | None:
    """Returns the process that has this pid now, a zombie too; None when there is none or /proc is missing."""
    # The name stands in parentheses and may hold anything, blanks and parentheses too.
    fields = read(f"{PROC}/{pid}/stat").rpartition(")")[2].split()
    if len(fields) < 22:
        return None
    cpu = sum(map(int, fields[11:15])) / _TICKS
    return Seen(pid, int(fields[1]), fields[0], int(fields[19]), cpu, int(fields[21]) * _PAGE)


def started(pid: int) -> int | None:
    """Returns the start time of the process that has this pid now, in clock ticks after boot."""
    seen = look(pid)
    return None if seen is None else seen.started


def is_alive(pid: int, start: int | None) -> bool:
    """True while the process that was born as (pid, start) runs; a zombie does not."""
    if not os.path.isdir(f"{PROC}/self"):
        return _answers(pid)
    seen = look(pid)
    return seen is not None and seen.state not in _ENDED and start in (None, seen.started)


def life(
    host_name: str, boot: str | None, namespace: int | None, pid: int | None, start: int | None
) -> bool | None:
    """True while a process known by all that names it runs, False once it is gone for good, None when it cannot be told.

    It can be told on the same host, in the same boot and the same pid namespace.
    """
    if pid is None or start is None or boot is None or namespace is None:
        return None
    if (host_name, boot, namespace) != (host(), boot_id(), pid_namespace()):
        return None
    return is_alive(pid, start)


def marked(mark: str) -> list[Seen]:
    """Returns the processes that bear ``mark``: in the environment that they were started with, or as a descriptor.

    Only those that this user may look into; zombies are left out.
    """
    variable, name = f"{MARK}={mark}".encode(), f"/memfd:{MARK}={mark} (deleted)"
    found = []
    for entry in _entries():
        if _bears(entry, variable, name):
            seen = look(int(entry))
            if seen is not None and seen.state not in _ENDED:
                found.append(seen)
    return found


def bear(mark: str) -> None:
    """Marks this process and all that will come of it, whether they are forked or started anew."""
    os.environ[MARK] = mark
    try:
        # what a fork copies without starting a program keeps descriptors, but has its parent's first environment
        made = os.memfd_create(f"{MARK}={mark}")
        fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_REACH)
        os.close(made)
    except (AttributeError, OSError):
        return


def variable(pid: int, name: str) -> bytes | None:
    """Returns a variable of the environment that a process was started with; None where it cannot be seen."""
    try:
        with open(f"{PROC}/{pid}/environ", "rb") as file:
            found = [part for part in file.read().split(b"\0") if part.startswith(f"{name}=".encode())]
    except OSError:
        return None
    return found[0] if found else None


def _bears(entry: str, variable: bytes, name: str) -> bool:
    try:
        with open(f"{PROC}/{entry}/environ", "rb") as file:
            if variable in file.read().split(b"\0"):
                return True
        directory = f"{PROC}/{entry}/fd"
        return any(os.readlink(f"{directory}/{number}") == name for number in os.listdir(directory))
    except OSError:
        return False


def _entries() -> list[str]:
    try:
        return [entry for entry in os.listdir(PROC) if entry.isdigit()]
    except OSError:
        return []


def children() -> list[int] | None:
    """Returns the pids of this process's children, zombies too; None where the kernel does not tell."""
    # of the one thread that has any; a process that has none reads an empty file
    try:
        return [int(pid) for pid in _content(f"{PROC}/self/task/{os.getpid()}/children").split()]
    except OSError:
        return None


def descendants(pid: int) -> list[Seen]:
    """Returns the children of ``pid``, their children and so on, zombies left out, parents before children.

    A worker that was launched apart, and all that is its own, has left the family, wherever it hangs.
    """
    by_parent: dict[int, list[Seen]] = {}
    for entry in _entries():
        seen = look(int(entry))
        if seen is not None:
            by_parent.setdefault(seen.parent, []).append(seen)
    found: list[Seen] = []
    frontier, own = [pid], variable(pid, WORKER)
    while frontier:
        children = by_parent.pop(frontier.pop(0), [])
        children = [child for child in children if variable(child.pid, WORKER) in (None, own)]
        found += [child for child in children if child.state not in _ENDED]
        frontier += [child.pid for child in children]
    return found


def send_signal(pid: int, start: int | None, number: int) -> bool:
    """Signals the process that was born as (pid, start); False, without a signal, when that one is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    except (AttributeError, OSError):
        return _kill(pid, number)
    try:
        # The descriptor pins the process; only now can the start time be trusted to be its own.
        if start is not None and started(pid) != start:
            return False
        failpoint("signal.process.before")
        signal.pidfd_send_signal(descriptor, number)
        failpoint("signal.process.after")
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(descriptor)
    return True


def wait_gone(pid: int, start: int | None, timeout: float) -> bool:
    """Waits up to ``timeout`` seconds for the end of a process that need not be a child; True when it is gone."""
    deadline = clock.monotonic() + timeout
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        descriptor = -1
    try:
        while is_alive(pid, start):
            left = deadline - clock.monotonic()
            if left <= 0:
                return False
            if descriptor >= 0:
                select.select([descriptor], [], [], left)
            else:
                clock.sleep(min(left, 0.02))
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    return True


def adopt_orphans() -> bool:
    """Makes this process the parent of every descendant whose own parent dies; False where that is unknown."""
    return _prctl(_SUBREAPER, 1)


def die_with_parent(number: int = signal.SIGKILL) -> bool:
    """Asks the kernel to send this process ``number`` when its parent dies; False where that is unknown."""
    return _prctl(_DIE_WITH_PARENT, int(number))


def out_of_memory_kills() -> int | None:
    """Returns how often the kernel has killed for want of memory so far, in this control group if it tells."""
    for line in control_groups().splitlines():
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0":
            count = _count(read(f"/sys/fs/cgroup{path.rstrip('/')}/memory.events"))
        elif "memory" in controllers.split(","):
            count = _count(read(f"/sys/fs/cgroup/memory{path.rstrip('/')}/memory.oom_control"))
        else:
            continue
        if count is not None:
            return count
    return _count(read(f"{PROC}/vmstat"))


def _count(text: str) -> int | None:
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == "oom_kill" and value.strip().isdigit():
            return int(value)
    return None


def _prctl(option: int, value: int) -> bool:
    try:
        return int(_library().prctl(option, value, 0, 0, 0)) == 0
    except (AttributeError, OSError):
        return False


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    # made once: in a fork the making alone would touch, and so copy, a tenth of the child's pages
    return ctypes.CDLL(None)


def _kill(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True


def read(path: str) -> str:
    """Returns the text of one of the kernel's files; empty where there is none."""
    try:
        return _content(path).decode("utf-8", "replace")
    except OSError:
        return ""


def _content(path: str) -> bytes:
    # straight from the kernel: the layers of a file object cost a fork more than the reading
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(descriptor, _PIECE):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def control_groups() -> str:
    """Returns the lines that tell the control groups of this process; empty where the system has none."""
    return read(f"{PROC}/self/cgroup")


def file_locks() -> list[str]:
    """Returns the lines of the system's table of file locks; none where it does not tell."""
    return read(f"{PROC}/locks").splitlines()


def login() -> str:
    """Returns the login name of this process's user id; the environment has no say in it."""
    return _login_of(os.getuid())


@lru_cache
def _login_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
