"""A store as somebody finds it in the night: a job in every status, some of them real, with all that a page can show."""

from __future__ import annotations

import tests.handlers.forms
import tests.handlers.night  # noqa: F401 - registers its types in this process
from jobrunner import JobRunner
from jobrunner.states import EDGES, Status
from jobrunner.store.database import Database
from tests.conftest import poll
from tests.store import driving

HANDLERS = ("tests.handlers.basic", "tests.handlers.forms", "tests.handlers.night")
FEED = "https://shop.example/orders.csv"
REACHED = {edge.to_status for edge in EDGES}


def night(runner: JobRunner, database: Database) -> dict[str, int]:
    """Makes the jobs and returns their ids: by status, and by name those that really ran; one of them still does."""
    jobs = {status.value: driving.job_in(database, status) for status in Status if status in REACHED}

    def start(name: str, type: str, params: dict[str, object] | None = None, **options: object) -> None:
        jobs[name] = runner.start(type, params or {}, launcher="detached", **options).job_id  # type: ignore[arg-type]  # options by name

    start(
        "well",
        "shop.import",
        {"feed": FEED},
        title="Orders of the 21st",
        tags={"shop": "berlin", "cost_center": "warehouse-logistics-berlin"},
    )
    start("badly", "shop.import", {"feed": FEED, "ends": "badly"}, tags={"shop": "lyon"}, created_by="ann")
    start("voices", "t.voices")
    start("live", "shop.import", {"feed": FEED, "pause": 0.5, "orders": 2000}, title="Orders of the 22nd")
    for name in ("well", "badly", "voices"):
        runner.wait(jobs[name], timeout=60)
    poll(lambda: runner.status(jobs["live"]).last_seq > 14, timeout=60)
    return jobs
