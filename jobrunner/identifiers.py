"""Identifiers and secrets are made here and nowhere else."""

from __future__ import annotations

import hashlib
import os
import random
import secrets
import time


def uuid7() -> str:
    """Returns a UUID of version 7: 48 bits of Unix milliseconds, 12 of their fraction, then chance, so it sorts by age.

    The fraction is RFC 9562's method 3 (section 6.2): what one process makes in a row differs by more than its 244 ns.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    tail = int.from_bytes(os.urandom(8), "big") >> 2
    value = milliseconds << 80 | 0x7 << 76 | (rest << 12) // 1_000_000 << 64 | 0x2 << 62 | tail
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
