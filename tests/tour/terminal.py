"""A place where nobody used jobrunner before: an empty directory and the two commands on the path."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.servers import ROOT

# What pip writes for the entry point of the package.
COMMAND = f"""#!{sys.executable}
import sys
from jobrunner.__main__ import main
sys.exit(main())
"""
END = "\x1eexit "


@dataclass
class Typed:
    """A command line that was typed, what it printed, and its exit code."""

    line: str
    output: str
    code: int


class Terminal:
    """Runs command lines as a person types them; standard error is part of what they see."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "home"
        self.directory.mkdir()
        programs = directory / "bin"
        programs.mkdir()
        (programs / "jobrunner").write_text(COMMAND, "utf-8")
        (programs / "jobrunner").chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("JOBRUNNER_")}
        path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), kept.get("PATH", "")])
        self.environment = {**kept, "PATH": path, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def type(self, lines: list[str], timeout: float = 120) -> list[Typed]:
        """Types the lines into one shell, one after the other, and returns what each did."""
        script = "".join(f"{{ {line}\n}} 2>&1\nprintf '{END}%d\\n' $?\n" for line in lines)
        done = subprocess.run(
            ["bash", "-s"], input=script, cwd=self.directory, env=self.environment, text=True,
            capture_output=True, timeout=timeout,
        )  # fmt: skip
        parts = re.split(f"{END}(\\d+)\n", done.stdout)
        assert len(parts) == 2 * len(lines) + 1, done.stdout + done.stderr
        outputs, codes = parts[0::2], parts[1::2]
        return [Typed(line, outputs[at], int(codes[at])) for at, line in enumerate(lines)]
