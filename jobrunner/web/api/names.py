"""How the operations of the API are called in its OpenAPI document: as their functions are."""

from __future__ import annotations

from fastapi.routing import APIRoute


def of(route: APIRoute) -> str:
    """Returns the name of an operation."""
    return route.name
