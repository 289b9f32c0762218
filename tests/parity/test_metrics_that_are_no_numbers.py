"""NaN among the metrics, which the originals play: it is never an improvement."""

import math

import pytest
import torch as pytorch

from optimsche.peers import torch, transformers

METRICS = [1.0, math.nan, math.nan, math.nan, 0.5, math.inf, math.nan, math.nan]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("base_lr", [0.1, 0.0])
def test_reduce_on_plateau_plays_what_torch_plays(mode, base_lr):
    optimizer = pytorch.optim.SGD([pytorch.nn.Parameter(pytorch.zeros(1))], lr=base_lr)
    theirs = pytorch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode=mode, patience=1)
    rates = [base_lr]
    for metric in METRICS:
        theirs.step(metric)
        rates.append(optimizer.param_groups[0]["lr"])
    plan = torch.ReduceLROnPlateau(mode=mode, patience=1, metrics=METRICS, base_lr=base_lr)
    assert [plan(epoch) for epoch in range(1, len(rates) + 1)] == rates


def test_greedy_falls_while_metrics_are_nan_and_takes_a_rate_of_0():
    options = {"patience": 1, "min_lr": 0.0, "factor": 0.5, "metrics": [1.0, math.nan, math.nan]}
    assert transformers.get_greedy_schedule(**options, base_lr=0.1)(4) == 0.05
    assert transformers.get_greedy_schedule(**options, base_lr=0.0)(4) == 0.0
