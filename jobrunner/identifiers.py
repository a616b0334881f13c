"""Identifiers and secrets are made here and nowhere else."""

from __future__ import annotations

import hashlib
import os
import random
import secrets
import time


def uuid7() -> str:
    """Returns a UUID of version 7 (RFC 9562): the first 48 bits are Unix milliseconds, so it sorts by age."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def secret() -> str:
    """Returns 256 random bits as 64 hexadecimal characters."""
    return secrets.token_hex(32)


def secret_hash(token: str) -> str:
    """Returns what is stored of a secret: its SHA-256, as hexadecimal text."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def chance() -> float:
    """Returns a random share, 0 to 1, for jitter."""
    return random.random()
