"""The audit of a server's ledger."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Iterator

from jobrunner.client import faults
from jobrunner.client.wire import Lost, Wire, refusal
from jobrunner.errors import ServerUnavailable
from jobrunner.findings import Finding


class RemoteAudit:
    """The audit of the ledger behind a server."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def verify(self, job: int | str | None = None, against: Iterable[str] | None = None) -> Iterator[Finding]:
        """Yields what does not hold, of one job or of all; a server tells a thousand findings at most."""
        if against is not None:
            raise refusal("audit.verify(against=…)")
        answer = self._wire.ask("GET", "/audit/verify", {"job": job}).document
        return (Finding(**finding) for finding in answer["findings"])

    def head(self) -> Iterator[str]:
        """Cannot go over HTTP."""
        raise refusal("audit.head")

    def export(self) -> Iterator[str]:
        """Yields lines of JSON that ``verify_file`` checks without a database; raises ServerUnavailable."""
        try:
            sending = self._wire.open("/audit/export", {}, {}, self._wire.timeout)
            try:
                if sending.response.status != 200:
                    raise faults.of_answer(sending.response.status, sending.response.read())
                for line in sending.response:
                    yield line.decode().rstrip("\n")
            finally:
                sending.close()
        except (Lost, OSError, http.client.HTTPException) as error:
            raise ServerUnavailable(f"The server {self._wire.where} broke off: {error}") from error
