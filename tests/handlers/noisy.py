"""A module that talks while it is imported, and says what a terminal would obey."""

from __future__ import annotations

from jobrunner import JobContext, job

print("imported noisily")


@job("t.noisy")
def noisy(ctx: JobContext) -> None:
    """Says a line that turns red, and one that looks like two."""
    ctx.warning("\x1b[31mred\x1b[0m \u202egnirts")
    ctx.info("first\n2026-01-01T00:00:00.000Z error   forged")
