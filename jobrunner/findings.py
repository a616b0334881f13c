"""What an audit finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One place where the evidence does not hold.

    ``kind`` is stable and meant for programs; ``where`` is the transition, the seq, the range of lines between two
    sealed points, or the column; ``job_id`` is None for what concerns no single job.
    """

    job_id: int | None
    kind: str
    where: str
    message: str

    def as_dict(self) -> dict[str, Any]:
        """Returns ``{job_id, kind, where, message}``."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{'' if self.job_id is None else f'job {self.job_id}, '}{self.where}: {self.message}"
