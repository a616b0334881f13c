"""Everything at once, by a seeded schedule; a failure names its seed, which ``scripts/soak --seed`` repeats."""

from __future__ import annotations

import os
import random

import pytest

from tests.faults.nemesis import Nemesis

SECONDS = float(os.environ.get("JOBRUNNER_TEST_NEMESIS", "15"))
SEED = int(os.environ.get("JOBRUNNER_TEST_SEED") or random.randrange(10**6))


@pytest.mark.timeout(120 + 4 * SECONDS)
@pytest.mark.databases("sqlite")
def test_whatever_happens_to_pools_and_jobs_on_one_file_every_invariant_holds(lab) -> None:
    assert Nemesis(lab, SEED).run(SECONDS) == [], f"seed {SEED}"
    assert lab.sound(settled=True)


@pytest.mark.timeout(120 + 4 * SECONDS)
def test_whatever_happens_to_pools_jobs_and_their_server_every_invariant_holds(own_server, lab) -> None:
    assert Nemesis(lab, SEED, own_server).run(SECONDS) == [], f"seed {SEED}"
    assert lab.sound(settled=True)
