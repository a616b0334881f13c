"""A jobrunner that is reached over HTTP: ``Client(url, token)`` does what JobRunner does, by a server."""

from __future__ import annotations

from jobrunner.client.remote import Client

__all__ = ["Client"]
