"""``python -m jobrunner`` and the command ``jobrunner``."""

from __future__ import annotations


def main() -> None:
    """Runs the command line."""
    from jobrunner.cli.main import run

    run()


if __name__ == "__main__":
    main()
