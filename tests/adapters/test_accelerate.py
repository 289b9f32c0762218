"""`ScheduleLR` in accelerate's loop, in one process and in two."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.adapters.helpers import HALVES, PLAN, RATES, UPDATES

pytest.importorskip("accelerate")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("prepared", [True, False])
def test_one_process(prepared, accumulate, tmp_path):
    from tests.adapters.accelerate_worker import run

    assert run(tmp_path, prepared=prepared, accumulate=accumulate) == RATES


@pytest.mark.parametrize(("factor", "rates"), [(1.0, RATES), (0.5, HALVES)])
def test_one_process_resumed(factor, rates, tmp_path):
    from tests.adapters.accelerate_worker import run

    assert run(tmp_path, updates=3, save=True) == RATES[:3]
    assert run(tmp_path, updates=UPDATES - 3, plan=factor * PLAN, load=True) == rates[3:]


def test_two_processes(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port=0", "--standalone"]
    ran = subprocess.run(
        [*command, "-m", "tests.adapters.accelerate_worker", str(tmp_path)], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    expected = {"plain": RATES, "accumulated": RATES, "first": RATES[:3], "resumed": RATES[3:], "halved": HALVES[3:]}
    for rank in range(2):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == expected
