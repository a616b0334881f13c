"""The fields of a form, read before the route's thread begins."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData

MOST_FIELDS = 5000


async def _sent(request: Request) -> FormData:
    # the guard has bounded the body; whoever asked for the mark of the session has read it already
    return await request.form(max_files=0, max_fields=MOST_FIELDS)


Sent = Annotated[FormData, Depends(_sent)]
