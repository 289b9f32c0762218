"""`ScheduleLR` in two processes: every update has its rate in each of them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.adapters.helpers import HALVES, RATES


@pytest.mark.parametrize("framework", ["accelerate", "transformers", "lightning", "fabric"])
def test_two_processes(framework, tmp_path):
    pytest.importorskip("lightning" if framework == "fabric" else framework)
    command = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    ran = subprocess.run(
        [*command, "-m", "tests.adapters.two_processes", framework, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    expected = {"processes": 2, "train": RATES, "accumulate": RATES, "resume": RATES[3:], "other plan": HALVES[3:]}
    for rank in range(2):
        found = json.loads((tmp_path / f"{rank}.json").read_text())
        assert {name: found[name] for name in expected} == expected
