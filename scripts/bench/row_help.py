"""``jobrunner --help`` against ``python -c "import typer"``."""

from __future__ import annotations

from collections.abc import Iterator

from measure import Result, Target, cost, program
from plan import Plan


def measure(plan: Plan) -> Iterator[Result]:
    """Yields one result; no database has a part in it."""
    ratios = cost(
        plan.rounds * 2, lambda: program("-m", "jobrunner", "--help"), lambda: program("-c", "import typer")
    )
    yield Result("`jobrunner --help`", '`python -c "import typer"`', "", ratios, Target(1.6, at_least=False))
