"""Live schedulers as plans, in mid-run: the rates that are to come."""

from __future__ import annotations

import pytest
import torch
from torch.optim import lr_scheduler as theirs
from torch.optim.swa_utils import SWALR

from optimsche import ScheduleLR, cosine, from_torch, peers

LR, UPDATES = 0.1, 60


def halved_every_ten(t):
    return 0.5 ** (t // 10)


def joined(optimizer):
    pieces = [theirs.LinearLR(optimizer, 0.1, total_iters=10), theirs.CosineAnnealingLR(optimizer, 50, eta_min=1e-3)]
    return theirs.SequentialLR(optimizer, pieces, [10])


def chained(optimizer):
    return theirs.ChainedScheduler(
        [theirs.LinearLR(optimizer, 0.25, total_iters=8), theirs.ExponentialLR(optimizer, 0.95)], optimizer
    )


SCHEDULERS = {
    "ConstantLR": lambda o: theirs.ConstantLR(o, 0.5, 20),
    "LinearLR": lambda o: theirs.LinearLR(o, 0.1, 0.9, 30),
    "StepLR": lambda o: theirs.StepLR(o, 20, 0.5),
    "MultiStepLR": lambda o: theirs.MultiStepLR(o, [40, 20, 20], 0.5),
    "ExponentialLR": lambda o: theirs.ExponentialLR(o, 0.95),
    "PolynomialLR": lambda o: theirs.PolynomialLR(o, 40, 2.0),
    "CosineAnnealingLR": lambda o: theirs.CosineAnnealingLR(o, 40, 0.01),
    "CosineAnnealingWarmRestarts": lambda o: theirs.CosineAnnealingWarmRestarts(o, 10, 2, 0.01),
    "CyclicLR": lambda o: theirs.CyclicLR(o, 0.01, LR, 5, 15, "triangular2"),
    "CyclicLR, exp_range": lambda o: theirs.CyclicLR(
        o, 0.01, LR, 5, mode="exp_range", gamma=0.99, cycle_momentum=False
    ),
    "CyclicLR of a function": lambda o: theirs.CyclicLR(o, 0.01, LR, 5, scale_fn=lambda x: 1 / (5 ** (x * 0.0001))),
    "OneCycleLR": lambda o: theirs.OneCycleLR(o, LR, UPDATES),
    "OneCycleLR, three phases": lambda o: theirs.OneCycleLR(
        o, LR, UPDATES, pct_start=0.2, anneal_strategy="linear", three_phase=True, div_factor=10, final_div_factor=100
    ),
    "LambdaLR": lambda o: theirs.LambdaLR(o, lambda t: 0.95**t),
    "LambdaLR of a def": lambda o: theirs.LambdaLR(o, halved_every_ten),
    "MultiplicativeLR": lambda o: theirs.MultiplicativeLR(o, lambda t: 0.95),
    "SequentialLR": joined,
    "ChainedScheduler": chained,
    "SWALR": lambda o: SWALR(o, 0.01, anneal_epochs=20),
}


def optimizer_of(lr=LR, groups=1):
    return torch.optim.SGD(
        [{"params": [torch.nn.Parameter(torch.ones(1))]} for _ in range(groups)], lr=lr, momentum=0.9
    )


def stepped(scheduler, optimizer, steps):
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
    return scheduler


def rates_of(scheduler, optimizer, steps):
    for _ in range(steps):
        yield float(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("done", [0, 3, 27])
@pytest.mark.parametrize("make", SCHEDULERS.values(), ids=SCHEDULERS)
@pytest.mark.filterwarnings("ignore:The epoch parameter")  # of torch's SequentialLR itself
def test_the_rates_to_come_are_the_plans(make, done):
    optimizer = optimizer_of()
    scheduler = stepped(make(optimizer), optimizer, done)
    before = (optimizer.param_groups[0]["lr"], scheduler.state_dict().get("last_epoch"))
    plan = from_torch(scheduler)
    assert before == (optimizer.param_groups[0]["lr"], scheduler.state_dict().get("last_epoch"))
    to_come = list(rates_of(scheduler, optimizer, UPDATES - done - 1))
    assert [plan(n) for n in range(done + 1, UPDATES)] == pytest.approx(to_come, rel=1e-9, abs=1e-12)


def test_a_run_goes_on_with_the_plan_of_its_scheduler():
    optimizer = optimizer_of()
    old = stepped(theirs.CosineAnnealingLR(optimizer, 40), optimizer, 10)
    scheduler = ScheduleLR(optimizer, from_torch(old))
    scheduler.load_state_dict(old.state_dict())
    for _ in range(20):
        optimizer.step()
        assert scheduler.get_last_lr() == pytest.approx(old.get_last_lr())
        old.step()
    assert from_torch(scheduler) is scheduler.schedule


def test_a_scheduler_that_is_stepped_once_an_epoch():
    optimizer = optimizer_of()
    scheduler = theirs.StepLR(optimizer, 2, 0.5)
    plan = from_torch(scheduler).shift(-1).by_epoch()
    assert [plan(1, epoch) for epoch in range(1, 7)] == list(rates_of(scheduler, optimizer, 6))


def test_a_group_is_chosen():
    optimizer = optimizer_of(groups=2)
    optimizer.param_groups[1]["lr"] = 0.02
    scheduler = theirs.ExponentialLR(optimizer, 0.5)
    with pytest.raises(ValueError, match=r"base rates of their own \(0.1, 0.02\): say which .* group=0, .* lr_scale"):
        from_torch(scheduler)
    assert from_torch(scheduler, group=1)(2) == 0.01
    with pytest.raises(ValueError, match="group must be a number from 0 to 1, got 2"):
        from_torch(scheduler, group=2)


def test_groups_with_one_base_rate_may_differ_later():
    optimizer = optimizer_of(groups=2)
    scheduler = theirs.LambdaLR(optimizer, [lambda t: 0.5**t, lambda t: 0.25**t])
    with pytest.raises(ValueError, match=r"rates of their own \(0.05, 0.025\) for update 2: say which to follow"):
        from_torch(scheduler)
    assert from_torch(scheduler, group=1)(2) == 0.025


def test_tensor_rates():
    optimizer = optimizer_of(lr=torch.tensor(0.5, dtype=torch.float64))
    scheduler = stepped(theirs.ExponentialLR(optimizer, 0.5), optimizer, 2)
    assert from_torch(scheduler)(4) == 0.0625


class Own(theirs.LRScheduler):
    def get_lr(self):
        return [0.5 for _ in self.base_lrs]


class OnTop(theirs.StepLR):
    """Adds nothing that matters."""


def by_hand(optimizer):
    scheduler = theirs.ExponentialLR(optimizer, 0.5)
    optimizer.param_groups[0]["lr"] = 0.3
    return scheduler


def without_a_formula(t, seen=[]):  # noqa: B006
    seen.append(t)
    return 1.0 if len(seen) < 3 else 0.5


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (theirs.ReduceLROnPlateau, TypeError, r"ReduceLROnPlateau follows a metric.*plan \* plateau\(history"),
        (Own, TypeError, r"test_from_torch.Own has a get_lr of its own, which cannot be read.*under @lr_fn"),
        (by_hand, ValueError, "ExponentialLR gives update 1 the rate 0.3, and the plan that was read has 0.1.*by hand"),
        (lambda o: theirs.LambdaLR(o, without_a_formula), TypeError, "lr_lambda cannot be read as one formula"),
        (lambda o: o, TypeError, "takes a scheduler of torch.optim, transformers or timm, got the optimizer SGD$"),
        (lambda o: cosine(steps=9), TypeError, r"takes a scheduler .*, got cosine\("),
    ],
)
def test_what_cannot_be_read_is_refused(make, kind, words):
    with pytest.raises(kind, match=f"(?s){words}"):
        from_torch(make(optimizer_of()))


def test_a_class_that_changes_nothing_is_read_as_its_base():
    assert from_torch(OnTop(optimizer_of(), 20)) == peers.torch.StepLR(20, base_lr=LR)


# -- transformers -----------------------------------------------------------------------------------------------------

HF = {
    "constant": {},
    "constant_with_warmup": {"num_warmup_steps": 7},
    "linear": {"num_warmup_steps": 7, "num_training_steps": 50},
    "cosine": {"num_warmup_steps": 7, "num_training_steps": 50},
    "cosine_with_restarts": {"num_warmup_steps": 7, "num_training_steps": 50, "num_cycles": 3},
    "polynomial": {"num_warmup_steps": 7, "num_training_steps": 50, "power": 2.0},
    "inverse_sqrt": {"num_warmup_steps": 7},
    "cosine_with_min_lr": {"num_warmup_steps": 7, "num_training_steps": 50, "min_lr": 0.01},
    "cosine_warmup_with_min_lr": {"num_warmup_steps": 7, "num_training_steps": 50, "min_lr": 0.01},
    "warmup_stable_decay": {"num_warmup_steps": 7, "num_decay_steps": 20, "num_training_steps": 50},
}


@pytest.mark.parametrize("done", [0, 27])
@pytest.mark.parametrize("name", HF)
@pytest.mark.filterwarnings("ignore")
def test_transformers(name, done):
    functions = pytest.importorskip("transformers.optimization").TYPE_TO_SCHEDULER_FUNCTION
    optimizer = optimizer_of()
    scheduler = stepped(functions[name](optimizer, **HF[name]), optimizer, done)
    plan = from_torch(scheduler)
    to_come = list(rates_of(scheduler, optimizer, UPDATES - done - 1))
    assert [plan(n) for n in range(done + 1, UPDATES)] == pytest.approx(to_come, rel=1e-9, abs=1e-12)
    assert "expression" not in repr(plan)


@pytest.mark.filterwarnings("ignore")
def test_what_accelerate_wraps():
    wrapper = pytest.importorskip("accelerate.scheduler").AcceleratedScheduler
    optimizer = optimizer_of()
    assert from_torch(wrapper(theirs.StepLR(optimizer, 20), optimizer)) == peers.torch.StepLR(20, base_lr=LR)


# -- timm -------------------------------------------------------------------------------------------------------------

TIMM = {
    "CosineLRScheduler": {
        "t_initial": 40,
        "lr_min": 1e-3,
        "warmup_t": 5,
        "warmup_lr_init": 1e-4,
        "warmup_prefix": True,
    },
    "TanhLRScheduler": {"t_initial": 40, "lr_min": 1e-3, "warmup_t": 5, "warmup_lr_init": 1e-4},
    "PolyLRScheduler": {"t_initial": 40, "power": 2.0, "cycle_limit": 2},
    "StepLRScheduler": {"decay_t": 10, "decay_rate": 0.5, "warmup_t": 5},
    "MultiStepLRScheduler": {"decay_t": [10, 20], "decay_rate": 0.5},
}


@pytest.mark.parametrize("noise", [None, (5, 20)])
@pytest.mark.parametrize("name", TIMM)
@pytest.mark.filterwarnings("ignore")
def test_timm(name, noise):
    try:
        import timm.scheduler as timm
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"timm cannot be imported: {error}")
    optimizer = optimizer_of()
    scheduler = getattr(timm, name)(optimizer, t_in_epochs=False, noise_range_t=noise, **TIMM[name])
    plan = from_torch(scheduler)
    for done in range(1, UPDATES):
        scheduler.step_update(done)
        assert plan(done + 1) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
