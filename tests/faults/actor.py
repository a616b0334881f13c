"""Acts one life of a job in a process of its own: ``python -m tests.faults.actor URL DIRECTORY SCENE KEY LIFE``."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.conftest import poll
from tests.faults.laboratory import Laboratory
from tests.faults.play import Play
from tests.faults.stage import ghost
from tests.faults.tally import Tally
from tests.stores import Store

if __name__ == "__main__":
    url, directory, scene, key, life = sys.argv[1:]
    store = Store("sqlite", url, Path(directory), mark="")
    getattr(Play(Laboratory(store, Tally(Path(scene) / "actor"), Path(scene), poll), key, ghost()), life)()
