"""Tells systemd how the service does (sd_notify); silent where there is no systemd."""

from __future__ import annotations

import os
import socket


class Supervisor:
    """The supervisor of this process; ``interval`` is how often it wants to hear of it, in seconds, None for never."""

    def __init__(self, address: str | None, watchdog_usec: str | None) -> None:
        self._address = address
        self.interval = int(watchdog_usec) / 2_000_000 if watchdog_usec and watchdog_usec.isdigit() else None

    def tell(self, state: str) -> None:
        """Sends a state such as READY=1; never raises."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sending:
                sending.sendto(os.fsencode(state), address)
        except OSError:
            return
