"""The demonstration: a real job on real input, told to somebody who sees jobrunner for the first time."""

from __future__ import annotations


def run(path: str | None) -> int:
    """Indexes the tree at ``path`` (None: Python's own library) in a detached job; returns the job's exit code.

    Works in ``jobrunner-demo`` in the current directory, which is made where it is missing. Raises
    InvalidField when ``path`` is no directory, and a StoreError when nothing can be written here.
    """
    # The job's process imports this package for its handler, and needs none of the storytelling.
    from jobrunner.demo.story import tell

    return tell(path)
