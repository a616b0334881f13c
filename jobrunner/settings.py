"""What can be configured, with its default. Loaded by ``configuration``; carried to workers as an order."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

LAUNCHERS = ("detached", "pool", "inline")


@dataclass(frozen=True)
class Settings:
    """One runner's settings; times are seconds, sizes bytes."""

    database_url: str = field(default="sqlite:///jobrunner.db", repr=False)
    handlers: tuple[str, ...] = ()
    launcher: str = "detached"
    worker_env: str | tuple[str, ...] = "inherit"
    poll_cancel: float = 0.5
    flush_interval: float = 0.1
    stop_grace: float = 10.0
    launch_grace: float = 30.0
    heartbeat: float = 5.0
    lease: float = 30.0
    self_fence: float = 20.0
    unsafe_timing: bool = False
    lost_backoff: float = 5.0
    retry_backoff: float = 5.0
    retry_backoff_cap: float = 300.0
    log_max_bytes: int = 1024**3
    spool_max_bytes: int = 64 * 1024**2
    params_max_bytes: int = 1024**2
    result_max_bytes: int = 1024**2
    mask_keys: tuple[str, ...] = ()
    capacity: int = 4
    queues: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    drain_timeout: float = 30.0
    poll_min: float = 0.05
    poll_max: float = 5.0
    host: str = "127.0.0.1"
    port: int = 8080
    session_hours: float = 12.0

    def to_order(self) -> dict[str, Any]:
        """Returns the settings as JSON-ready values, for a worker's order."""
        return asdict(self)

    @classmethod
    def from_order(cls, values: dict[str, Any]) -> Settings:
        """Returns the settings that ``to_order`` wrote."""
        known = {field.name for field in fields(cls)}
        kept: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known
        }
        return cls(**kept)


inherited: Settings | None = None
"""In the process of a handler: the settings of the runner that started the job."""
