"""Handlers whose parameters are of every kind that a form knows."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from jobrunner import job


class Place(BaseModel):
    """Where it goes."""

    street: str
    code: str = Field(max_length=5)


class Item(BaseModel):
    """What is sent."""

    name: str
    count: int = Field(1, ge=1)


@job("t.form")
def form(
    customer: str,
    day: dt.date,
    count: Annotated[int, Field(ge=1, le=10, description="How many")] = 1,
    weight: float | None = None,
    speed: Literal["slow", "fast"] = "slow",
    gift: bool = False,
    sure: bool | None = None,
    at: dt.datetime | None = None,
    note: str | None = "none given",
    labels: list[str] = [],  # noqa: B006
    items: list[Item] = [],  # noqa: B006
    goal: Place | None = None,
    extra: dict[str, int] = {},  # noqa: B006
) -> dict[str, str]:
    """Takes everything."""
    return {"customer": customer}
