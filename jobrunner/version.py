"""Versions: of the package, of the tables, of the read models."""

from __future__ import annotations

__version__ = "0.1.0"
SCHEMA_VERSION = 1
READ_MODEL_VERSION = 1
