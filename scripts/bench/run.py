"""Measures this checkout against its floors and prints one Markdown table of ratios.

python scripts/bench/run.py [ROW…] [--on sqlite,mariadb] [--rounds N] [--mysql-url URL] [--jobs N] [--lines N]
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = str(Path(__file__).resolve().parent)
sys.path[:0] = [path for path in (HERE, str(ROOT)) if path not in sys.path]
sys.dont_write_bytecode = False

from measure import HEAD, Result, environment, markdown  # noqa: E402
from places import places  # noqa: E402
from plan import Plan  # noqa: E402

ROWS = {
    "start": "`start` of a pool job, one at a time",
    "many": "`start_many` of 10,000",
    "first": "`start` to the handler's first line",
    "print": "one job printing 1,000,000 lines",
    "seen": "how soon a printed line is visible",
    "reads": "reads of a large store against a small one",
    "memory": "memory of a running job",
    "audit": "`audit verify`",
    "help": "`jobrunner --help`",
    "drain": "draining no-op jobs against dj-queue and rq",
    "idle": "`start` to the first line in an idle pool",
    "claim": "the claim in a large store against a small one",
    "crowd": "many jobs, 8 pools, MariaDB: does an error reach a user?",
    "fleet": "what 100 idle pools cost the database",
    "path": "what the path constraint costs",
    "pages": "pages of a large store against a small one",
    "streams": "how soon a committed line reaches 100 open streams",
    "http": "`GET /api/jobs/{id}` against `status()`",
}
KINDS = ("sqlite", "mariadb", "postgres")


def main() -> None:
    """Measures the rows asked for; exits 1 when one does not hold."""
    asked = _arguments()
    # what was started is ended also when this is told to end
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # workers are measured as they are installed: with their compiled modules kept
    kept = environment()
    os.environ.clear()
    os.environ.update(kept)
    scratch = Path(tempfile.mkdtemp(prefix="jr_bench_", dir=asked.scratch))
    scratch.chmod(0o755)
    os.chdir(scratch)
    found: list[Result] = []
    try:
        with places(asked.on, scratch, asked.mysql_url) as where:
            plan = Plan(where, scratch, asked.rounds, asked.jobs, asked.lines, asked.crowd, asked.fleet)
            for row in asked.rows or ROWS:
                began = time.monotonic()
                for result in import_module(f"row_{row}").measure(plan):
                    found.append(result)
                    print("  " + "  ".join(result.cells()), file=sys.stderr, flush=True)
                print(f"{row}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    finally:
        os.chdir(ROOT)
        shutil.rmtree(scratch, ignore_errors=True)
    print(markdown(HEAD))
    print(markdown(["---"] * len(HEAD)))
    for result in found:
        print(markdown(result.cells()))
    sys.exit(any(result.target.holds(result.ratio) is False for result in found))


def _arguments() -> argparse.Namespace:
    rows = "\n".join(f"  {name:8} {what}" for name, what in ROWS.items())
    parser = argparse.ArgumentParser(
        description="Prints ratios: the product against its floor, measured in turn in one run.",
        epilog=f"rows (all, when none is named):\n{rows}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="which rows to measure")
    parser.add_argument("--on", type=_kinds, default=KINDS, help="databases: sqlite,mariadb,postgres")
    parser.add_argument("--rounds", type=int, default=7, help="rounds per ratio; the median is told")
    parser.add_argument("--mysql-url", help="use this MariaDB instead of a private one (creates jr_bench_N)")
    parser.add_argument("--jobs", type=int, default=1_000_000, help="jobs of the large store")
    parser.add_argument(
        "--lines",
        type=int,
        default=10_000_000,
        help="lines of the large store; a tenth is printed by one job",
    )
    parser.add_argument("--crowd", type=int, default=100_000, help="jobs for 8 pools at once")
    parser.add_argument("--fleet", type=int, default=100, help="idle pools at once; each takes two processes")
    parser.add_argument("--scratch", help="directory for the databases; the large ones take 12 GB")
    asked = parser.parse_args()
    unknown = [row for row in asked.rows if row not in ROWS]
    if unknown:
        parser.error(f"there is no row {', '.join(unknown)}")
    return asked


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    if any(kind not in KINDS for kind in kinds):
        raise argparse.ArgumentTypeError(f"is not among {', '.join(KINDS)}")
    return kinds


if __name__ == "__main__":
    main()
