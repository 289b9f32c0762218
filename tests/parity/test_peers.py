"""What holds for every peer's schedule, and that the peers are expressions of the core and nothing else."""

import ast
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import optimsche as o
from optimsche import cli, lr_fns, peers
from optimsche.lr_fn import LrFn
from optimsche.names import known
from tests.parity.replay import build
from tests.parity.test_curves import CASES

MODULES = [getattr(peers, name) for name in peers.__all__]
SOURCES = sorted(Path(peers.__file__).parent.glob("*.py"))


def functions(module):
    """The functions that a module of a system offers."""
    return {name: getattr(module, name) for name in module.__all__}


def test_there_is_a_module_for_every_recorded_system():
    assert set(peers.__all__) == {system for system, _ in CASES}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_no_peer_defines_an_lr_function_or_reads_recorded_values(source):
    tree = ast.parse(source.read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert not {"lr_fn", "LrFn", "open", "read_text", "loads", "load"} & (names | imported)
    numbers = [
        sum(isinstance(element, ast.Constant) and isinstance(element.value, float) for element in node.elts)
        for node in ast.walk(tree)
        if isinstance(node, ast.Tuple | ast.List)
    ]
    assert max(numbers, default=0) <= 6


def test_no_lr_function_comes_with_the_peers():
    assert not [f for f in known().values() if isinstance(f, LrFn) and "optimsche.peers" in (f.__module__ or "")]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_function_says_what_it_is(module):
    assert functions(module)
    assert all(function.__doc__ for function in functions(module).values())
    assert module.__doc__


@pytest.mark.parametrize(("system", "case"), CASES, ids=[case["id"] for _, case in CASES])
def test_laws_hold_for_every_recorded_schedule(system, case):
    s = build(system, case)
    assert o.parse(repr(s)) == s
    assert o.from_dict(json.loads(json.dumps(o.to_dict(s)))) == s
    steps = sorted({0, 1, *(int(step) + 1 for step in case["steps"]), 5_000, 100_000})
    values = [s(t) for t in steps]
    assert all(type(value) is float and 0 <= value < math.inf for value in values)
    assert [s(t) for t in reversed(steps)] == values[::-1]
    assert np.allclose(s(np.array(steps)), values, rtol=0, atol=64 * math.ulp(max(values)))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_an_argument_that_the_system_does_not_have_is_refused_by_name(module):
    for function in functions(module).values():
        with pytest.raises(TypeError, match="no_such_argument"):
            function(no_such_argument=1)


def test_the_core_that_the_peers_take():
    """How many shapes and combinators it took: the figure in docs/internals/parity.md."""
    used = set()
    for system, case in CASES:
        used |= _names(build(system, case))
    shapes = used & set(lr_fns.__all__)
    assert len(shapes) <= 18
    assert len(used - shapes) <= 13


def _names(s):
    return {s.lr_fn.name}.union(*map(_names, s.inner))


def test_an_optimizer_is_left_out():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    for call in (
        lambda: peers.torch.StepLR(optimizer, 30),
        lambda: peers.torch.StepLR(optimizer=optimizer, step_size=30),
        lambda: peers.transformers.get_scheduler("linear", optimizer, 10, 100),
    ):
        with pytest.raises(TypeError, match="takes no optimizer: leave it out, and give its rate as base_lr="):
            call()
    with pytest.raises(TypeError, match="takes no last_epoch: a schedule is called with the number of the update"):
        peers.torch.StepLR(30, base_lr=0.1, last_epoch=5)


def test_the_command_line_lists_them(capsys):
    assert cli.main(["list", "--peers"]) == 0
    listed = capsys.readouterr().out
    assert all(f"\n  {name} " in listed for module in MODULES for name in module.__all__)
    assert cli.main(["describe", "torch.StepLR"]) == 0
    assert "base_lr: Lr,\n) -> Schedule\n\nThe rate times `gamma`" in capsys.readouterr().out
    assert cli.main(["describe", "torch.StepLr"]) == 2
    assert "torch has no 'StepLr'; did you mean 'StepLR'?" in capsys.readouterr().err


def test_a_height_that_grows_takes_a_triangle_past_its_lower_end_and_below_0():
    falling = peers.torch.CyclicLR(1.0, 0.5, 1, mode="exp_range", gamma=2.0)
    assert [falling(n) for n in (1, 2, 3, 4)] == [1.0, 0.0, 1.0, -3.0]
    assert peers.lrsched.exp_range(min_lr=1.0, max_lr=0.5, step_size=1, gamma=2.0)(4) == -3.0


def test_a_warmup_with_a_fraction_goes_past_the_rate_where_transformers_does():
    early = peers.transformers.get_cosine_with_min_lr_schedule_with_warmup_lr_rate
    arguments = {"num_training_steps": 50, "min_lr_rate": 0.1, "base_lr": 1.0}
    assert [early(4.5, **arguments)(n) for n in (1, 4, 5)] == pytest.approx([1 / 4.5, 4 / 4.5, 5 / 4.5])
    assert early(4.5, warmup_lr_rate=0.3, **arguments)(5) == pytest.approx(0.3 + 0.7 * 4 / 3.5)
    assert early(1.4, warmup_lr_rate=0.3, **arguments)(2) == pytest.approx(1.0)
