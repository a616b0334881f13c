"""Other systems to compare with, each installed from the package index in an environment of its own."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent / "peers"
INSTALL_WITHIN = 600


class PeerMissing(Exception):
    """This peer cannot be had on this machine."""


@dataclass(frozen=True)
class Peer:
    """An installed peer: the interpreter that has it, and its version."""

    name: str
    python: str
    version: str

    def run(self, program: str, *arguments: object, **environment: str) -> None:
        """Runs one of the programs in ``peers`` to its end; raises when it fails."""
        command = [self.python, str(PROGRAMS / program), *map(str, arguments)]
        done = subprocess.run(
            command,
            env=peer_environment(environment),
            check=False,
            capture_output=True,
            text=True,
            timeout=600,
        )
        if done.returncode:
            raise PeerMissing(f"{self.name}: {program} failed: {done.stderr.strip()[-400:]}")

    def start(self, *command: object, **environment: str) -> subprocess.Popen[bytes]:
        """Returns a program of the peer's environment while it runs, its output thrown away."""
        return subprocess.Popen(
            [self.python, *map(str, command)], env=peer_environment(environment), cwd=PROGRAMS,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip


def peer_environment(more: dict[str, str]) -> dict[str, str]:
    """Returns the environment of a peer, which knows nothing of this checkout."""
    kept = {n: v for n, v in os.environ.items() if n in ("PATH", "HOME", "LANG", "TMPDIR")}
    return kept | {"PYTHONPATH": str(PROGRAMS), "DJANGO_SETTINGS_MODULE": "peer_django"} | more


def install(name: str, scratch: Path, *packages: str, oldest: tuple[int, int] = (3, 11)) -> Peer:
    """Returns a peer in a fresh environment under ``scratch``; raises PeerMissing with the reason."""
    place = scratch / f"peer-{name}"
    python = str(place / "bin" / "python")
    if not place.exists():
        _quietly([_interpreter(oldest), "-m", "venv", str(place)], name)
        _quietly(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", name, *packages], name
        )
    asked = f"from importlib.metadata import version; print(version({name!r}))"
    return Peer(
        name,
        python,
        subprocess.run([python, "-c", asked], check=False, capture_output=True, text=True).stdout.strip(),
    )


def _quietly(command: list[str], name: str) -> None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=INSTALL_WITHIN)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerMissing(f"{name} cannot be installed: {error}") from error
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise PeerMissing(f"{name} cannot be installed: {(told or ['pip failed'])[-1][:200]}")


def _interpreter(oldest: tuple[int, int]) -> str:
    """Returns a Python that is new enough, this one if it is."""
    if sys.version_info[:2] >= oldest:
        return sys.executable
    for minor in range(oldest[1], 16):
        found = [shutil.which(f"python3.{minor}") or ""]
        found += glob.glob(os.path.expanduser(f"~/.pyenv/versions/3.{minor}.*/bin/python"))
        for candidate in filter(None, found):
            if (
                subprocess.run(
                    [candidate, "-c", "import ensurepip"], check=False, capture_output=True
                ).returncode
                == 0
            ):
                return candidate
    raise PeerMissing(f"no Python {oldest[0]}.{oldest[1]} or newer")


def server_of(scratch: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Returns a private Redis that writes nothing to disk, and its socket; raises PeerMissing."""
    program = shutil.which("redis-server")
    if program is None:
        raise PeerMissing("redis-server is not installed")
    path = str(scratch / "redis.sock")
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", path, "--save", "", "--dir", str(scratch)],
        stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return process, path
