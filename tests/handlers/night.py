"""What runs in a shop at night, and does not always go well: steps, progress, warnings, colours, a chain of errors."""

from __future__ import annotations

import time
from typing import Literal

from jobrunner import JobContext, job


@job("shop.import", title="Import the orders of the night", idempotent=True, max_attempts=3, backoff=0.05)
def import_orders(
    ctx: JobContext,
    feed: str,
    ends: Literal["well", "badly"] = "well",
    pause: float = 0,
    orders: int = 12,
) -> dict[str, object]:
    """Fetches a feed, checks its orders and stores them."""
    with ctx.step("fetch", "Fetch the feed", index=1, total=3):
        ctx.info(f"GET {feed}", bytes=48_211)
    with ctx.step("check", "Check the orders", index=2, total=3):
        for number in ctx.track(range(orders)):
            ctx.check_cancelled()
            print(f"\x1b[32mok\x1b[0m order {1000 + number}")
            if number % 7 == 3:
                ctx.warning(f"order {1000 + number} has no postcode", order=1000 + number)
            time.sleep(pause)
    with ctx.step("store", "Store them", index=3, total=3):
        if ends == "badly":
            ctx.error("the warehouse does not answer")
            try:
                raise ConnectionRefusedError(111, "connection refused by warehouse:5432")
            except ConnectionRefusedError as error:
                raise RuntimeError(f"{orders} orders were not stored") from error
        ctx.progress(100, "all stored")
    return {"stored": orders, "feed": feed, "skipped": [1003, 1010]}
