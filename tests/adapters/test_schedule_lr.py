"""`ScheduleLR` in a plain loop: the rate of each update, however often its `step` is called."""

import copy
import pickle
import re
import sys
import warnings

import pytest
import torch
from torch import nn

from optimsche import OptimScheduler, ScheduleLR, constant, cosine, linear, lr_fn, milestones, warmup_cosine
from tests.adapters.helpers import HALVES, PLAN, RATES, UPDATES, batches, small_model, trained, watched


def built(plan=PLAN, groups=None, lr=1e-3, kind=torch.optim.AdamW, **others):
    model = small_model()
    optimizer = kind(model.parameters() if groups is None else groups(model), lr=lr)
    seen = watched(optimizer)  # before it, so that its own hook must come first
    return model, optimizer, ScheduleLR(optimizer, plan, **others), seen


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_the_clock_is_the_optimizers_steps(calls):
    model, optimizer, scheduler, seen = built()
    assert optimizer.param_groups[0]["lr"] == RATES[0]
    for update in trained(model, optimizer, UPDATES):
        assert scheduler.get_last_lr() == [PLAN(update)]
        for _ in range(calls):
            scheduler.step()
            assert scheduler.get_last_lr() == [optimizer.param_groups[0]["lr"]] == [PLAN(update + 1)]
    assert seen == RATES
    assert scheduler.updates == scheduler.last_epoch == UPDATES


def test_no_warning_of_torch_about_the_order_of_calls():
    model, optimizer, scheduler, seen = built()
    scheduler.step()  # warnings are errors here
    list(trained(model, optimizer, 2))
    assert seen == RATES[:2]


@pytest.mark.parametrize("lr", [1.0, 1e-3, 1e-9])
def test_rates_are_absolute(lr):
    model, optimizer, _, seen = built(lr=lr)
    list(trained(model, optimizer, 3))
    assert seen == RATES[:3]


# -- groups ---------------------------------------------------------------------------------------------------------


def layers(model):
    return [{"params": model[0].parameters(), "lr_scale": 0.25}, {"params": model[2].parameters()}]


def test_lr_scale_multiplies_a_groups_rate():
    model, optimizer, scheduler, seen = built(groups=layers)
    second = watched(optimizer, group=1)
    list(trained(model, optimizer, UPDATES))
    assert seen == [0.25 * rate for rate in RATES]
    assert second == RATES
    assert scheduler.get_last_lr() == [0.25 * RATES[-1], RATES[-1]]


def test_groups_may_be_added():
    model, optimizer, scheduler, _ = built(groups=lambda model: model[0].parameters())
    list(trained(model, optimizer, 3))
    optimizer.add_param_group({"params": model[2].parameters(), "lr_scale": 0.5})
    second = watched(optimizer, group=1)
    list(trained(model, optimizer, 3))
    assert second == [0.5 * rate for rate in RATES[3:6]]
    assert scheduler.get_last_lr() == [RATES[5], 0.5 * RATES[5]]


def test_an_added_group_without_a_rate_of_its_own_follows():
    model, optimizer, scheduler, _ = built(groups=lambda model: model[0].parameters())
    list(trained(model, optimizer, 3))
    optimizer.add_param_group({"params": model[2].parameters()})
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == [RATES[3], RATES[3]]


def own_rates(model):
    return [{"params": model[0].parameters(), "lr": 1e-4}, {"params": model[2].parameters()}]


def test_rates_of_groups_own_are_not_flattened():
    with pytest.raises(ValueError, match=r"rates of their own \(0\.0001, 0\.001\).*\n.*'lr_scale': 0\.1"):
        built(groups=own_rates)
    model, optimizer, _, _ = built(groups=lambda model: model[0].parameters())
    list(trained(model, optimizer, 3))
    optimizer.add_param_group({"params": model[2].parameters(), "lr": 1e-4})
    with pytest.raises(ValueError, match="rates of their own"):
        list(trained(model, optimizer, 1))


def test_a_refused_optimizer_is_left_as_it_was():
    model = small_model()
    optimizer = torch.optim.SGD(own_rates(model), lr=1e-3)
    with pytest.raises(ValueError, match="rates of their own"):
        ScheduleLR(optimizer, PLAN)
    list(trained(model, optimizer, 1))
    assert [group["lr"] for group in optimizer.param_groups] == [1e-4, 1e-3]


def test_tensor_rates_are_filled_in_place_each_group_its_own():
    def groups(model):
        return [{"params": model[0].parameters(), "lr_scale": 0.25}, {"params": model[2].parameters()}]

    model, optimizer, scheduler, seen = built(groups=groups, lr=torch.tensor(1e-3, dtype=torch.float64))
    first, second = (group["lr"] for group in optimizer.param_groups)
    assert first is not second
    list(trained(model, optimizer, UPDATES))
    scheduler.step()
    assert seen == [0.25 * rate for rate in RATES]
    assert optimizer.param_groups[0]["lr"] is first
    assert optimizer.param_groups[1]["lr"] is second
    assert second.item() == PLAN(UPDATES + 1)
    assert scheduler.get_last_lr() == [0.25 * PLAN(UPDATES + 1), PLAN(UPDATES + 1)]
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))]})
    scheduler.step()
    assert len({id(group["lr"]) for group in optimizer.param_groups}) == 3
    assert all(type(rate) is torch.Tensor for rate in scheduler.get_lr())


@pytest.mark.filterwarnings("ignore")  # torch's compiler warns of itself
def test_a_compiled_step_is_compiled_once():
    model, optimizer, scheduler, seen = built(lr=torch.tensor(1e-3, dtype=torch.float64))
    graphs = []

    def count(graph, _):
        graphs.append(graph)
        return graph

    @torch.compile(backend=count)
    def step():
        optimizer.step()

    nn.functional.mse_loss(model(torch.ones(2, 4)), torch.ones(2, 1)).backward()
    for _ in range(2):
        step()
        scheduler.step()
    few = len(graphs)
    for _ in range(UPDATES - 2):
        step()
        scheduler.step()
    assert seen == RATES
    assert len(graphs) == few


# -- other hyperparameters ------------------------------------------------------------------------------------------


def test_any_hyperparameter_follows_a_schedule_of_its_own():
    decay, beta = linear(start=0.1, steps=UPDATES), linear(start=0.8, end=0.9, steps=UPDATES)
    model, optimizer, scheduler, _ = built(weight_decay=decay, betas_0=beta)
    decays, betas = watched(optimizer, "weight_decay"), watched(optimizer, "betas")
    list(trained(model, optimizer, UPDATES))
    assert decays == [decay(n) for n in range(1, UPDATES + 1)]
    assert betas == [(beta(n), 0.999) for n in range(1, UPDATES + 1)]
    assert repr(scheduler) == f"ScheduleLR(AdamW, {PLAN!r}, weight_decay={decay!r}, betas[0]={beta!r}, updates=8)"


def decayed(first, second):
    return lambda model: [
        {"params": model[0].parameters(), "weight_decay": first},
        {"params": model[2].parameters(), "weight_decay": second},
    ]


def test_a_group_without_weight_decay_stays_without():
    """As trainers build them: biases and norms."""
    decay = linear(start=0.1, steps=4)
    model, optimizer, scheduler, _ = built(groups=decayed(0.1, 0.0), weight_decay=decay)
    seen = [watched(optimizer, "weight_decay", group) for group in range(2)]
    list(trained(model, optimizer, UPDATES))
    assert seen == [[decay(n) for n in range(1, UPDATES + 1)], [0.0] * UPDATES]
    scheduler.load_state_dict({"updates": 0})  # all are 0 now, and one of them is off
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))]})
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))], "weight_decay": 0.0})
    state = optimizer.state_dict()
    state["param_groups"][1]["weight_decay"] = 0.5  # of a run that had no such groups
    optimizer.load_state_dict(state)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [decay(1), 0.0, decay(1), 0.0]


def test_where_no_group_has_any_all_follow():
    _, optimizer, _, _ = built(groups=decayed(0.0, 0.0), weight_decay=constant(value=0.1))
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.1]


def test_values_of_groups_own_are_not_flattened():
    words = r"values of their own for weight_decay \(0.05, 0.1\), and the schedule would write one to all"
    with pytest.raises(ValueError, match=words):
        built(groups=decayed(0.1, 0.05), weight_decay=constant(value=0.1))
    _, optimizer, scheduler, _ = built(groups=decayed(0.1, 0.1), weight_decay=constant(value=0.2))
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))], "weight_decay": 0.1})
    scheduler.step()
    assert optimizer.param_groups[2]["weight_decay"] == 0.2
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))], "weight_decay": 0.05})
    with pytest.raises(ValueError, match="of their own for weight_decay"):
        scheduler.step()


@pytest.mark.parametrize("form", ["a mapping of all", "a mapping of the others"])
def test_the_name_that_the_training_step_has_for_it_is_taken(form):
    beta = linear(start=0.8, end=0.9, steps=UPDATES)
    if form == "a mapping of all":
        _, optimizer, scheduler, _ = built({"lr": PLAN, "betas[0]": beta})
    else:
        _, optimizer, scheduler, _ = built(**{"betas[0]": beta})
    assert optimizer.param_groups[0]["betas"] == (beta(1), 0.999)
    assert (scheduler.schedule, scheduler.get_last_lr()) == (PLAN, RATES[:1])


# -- states ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["optimizer first", "scheduler first"])
@pytest.mark.parametrize(("plan", "rates"), [(PLAN, RATES), (0.5 * PLAN, HALVES)])
def test_a_run_is_resumed_also_with_another_plan(order, plan, rates, tmp_path):
    model, optimizer, scheduler, _ = built(groups=layers)
    list(trained(model, optimizer, 3))
    torch.save([optimizer.state_dict(), scheduler.state_dict()], tmp_path / "checkpoint.pt")
    states = torch.load(tmp_path / "checkpoint.pt")
    assert states[1] == {"updates": 3}

    model, optimizer, scheduler, seen = built(plan, groups=layers)
    pairs = list(zip([optimizer, scheduler], states, strict=True))
    for owner, state in pairs if order == "optimizer first" else pairs[::-1]:
        owner.load_state_dict(state)
    assert scheduler.get_last_lr() == [0.25 * rates[3], rates[3]]
    list(trained(model, optimizer, UPDATES - 3))
    assert seen == [0.25 * rate for rate in rates[3:]]


def test_loading_writes_the_rate_of_the_next_update():
    _, optimizer, scheduler, _ = built()
    scheduler.load_state_dict({"updates": 3})
    assert [optimizer.param_groups[0]["lr"]] == scheduler.get_last_lr() == [RATES[3]]


def test_groups_keep_what_belongs_to_the_program_when_the_optimizer_is_loaded():
    """A file of before layer decay has no `lr_scale`, and one of another has others; torch takes the file's groups."""

    def scaled(by):
        return lambda model: [{"params": model[0].parameters(), **by}, {"params": model[2].parameters()}]

    for before, now, first in (({}, {"lr_scale": 0.25}, 0.25), ({"lr_scale": 0.5}, {"lr_scale": 0.25}, 0.25)):
        _, old, _, _ = built(groups=scaled(before))
        model, optimizer, scheduler, seen = built(groups=scaled(now))
        scheduler.load_state_dict({"updates": 3})
        optimizer.load_state_dict(old.state_dict())
        assert [group["lr"] for group in optimizer.param_groups] == [first * RATES[3], RATES[3]]
        list(trained(model, optimizer, 2))
        assert seen == [first * RATES[3], first * RATES[4]]
    _, optimizer, _, _ = built(groups=scaled({}))
    optimizer.load_state_dict(old.state_dict())
    assert [group["lr"] for group in optimizer.param_groups] == [RATES[0], RATES[0]]


@pytest.mark.parametrize("saved", [1e-3, torch.tensor(1e-3)])
def test_a_tensor_stays_the_same_one_when_the_optimizer_is_loaded(saved):
    """A compiled step or a CUDA graph goes on reading it."""
    _, optimizer, scheduler, _ = built(lr=torch.tensor(1e-3, dtype=torch.float64))
    rate = optimizer.param_groups[0]["lr"]
    optimizer.load_state_dict(torch.optim.AdamW(small_model().parameters(), lr=saved).state_dict())
    scheduler.load_state_dict({"updates": 3})
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == RATES[3]


@pytest.mark.parametrize("lr", [1e-3, torch.tensor(1e-3)])
@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_the_step_by_which_a_distributed_checkpoint_makes_a_state_is_no_update(kind, lr):
    """It has gradients of 0 and rates of 0; at the plan's rate it would decay the weights."""
    checkpoint = pytest.importorskip("torch.distributed.checkpoint.state_dict")
    model, optimizer, scheduler, _ = built(kind=kind, lr=lr)
    weights = [parameter.clone() for parameter in model.parameters()]
    state = checkpoint.get_optimizer_state_dict(model, optimizer)
    assert all(torch.equal(*pair) for pair in zip(weights, model.parameters(), strict=True))
    assert scheduler.updates == 0
    list(trained(model, optimizer, 3))
    state = checkpoint.get_optimizer_state_dict(model, optimizer)
    assert scheduler.updates == 3

    model, optimizer, scheduler, seen = built(kind=kind, lr=lr)
    scheduler.load_state_dict({"updates": 3})
    checkpoint.set_optimizer_state_dict(model, optimizer, state)
    seen.clear()
    list(trained(model, optimizer, 2))
    assert seen == pytest.approx(RATES[3:5])
    assert scheduler.updates == 5


def test_a_step_at_the_rate_0_of_another_writer_is_an_update():
    model, optimizer, scheduler, _ = built()
    optimizer.param_groups[0]["lr"] = 0.0
    with pytest.warns(UserWarning, match="group 0 has the rate 0, which something else has written"):
        list(trained(model, optimizer, 1))
    assert (scheduler.updates, scheduler.get_last_lr()) == (1, RATES[:1])


def test_the_state_of_a_lambda_lr_is_taken():
    model = small_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0)
    old = torch.optim.lr_scheduler.LambdaLR(optimizer, PLAN.shift(-1))
    for _ in trained(model, optimizer, 3):
        old.step()
    _, optimizer, scheduler, _ = built()
    scheduler.load_state_dict(old.state_dict())
    assert (scheduler.updates, optimizer.param_groups[0]["lr"]) == (3, RATES[3])


def test_a_state_that_may_count_epochs_is_not_taken():
    _, _, scheduler, _ = built(cosine(start=1e-3, steps=4).by_epoch(), steps_per_epoch=2)
    with pytest.raises(ValueError, match=r"last_epoch=3 of a torch .* epochs, metrics or updates\.\n.*updates"):
        scheduler.load_state_dict({"last_epoch": 3})
    scheduler.load_state_dict({"updates": 3})
    assert scheduler.get_last_lr() == [cosine(start=1e-3, steps=4)(1)]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_follows_its_own_optimizer(copied):
    model, optimizer, scheduler, _ = built()
    list(trained(model, optimizer, 3))
    model, optimizer, scheduler = copied((model, optimizer, scheduler))
    seen = watched(optimizer)
    list(trained(model, optimizer, 2))
    assert (seen, scheduler.updates) == (RATES[3:5], 5)


# -- epochs ---------------------------------------------------------------------------------------------------------


def test_a_plan_by_epochs_takes_the_length_of_one():
    plan = milestones(start=1e-3, factor=0.1, at=(1,)).by_epoch() * linear(steps=100)
    model, optimizer, _, seen = built(plan, steps_per_epoch=4)
    list(trained(model, optimizer, UPDATES))
    assert seen == [plan(n, 1 if n <= 4 else 2) for n in range(1, UPDATES + 1)]


# -- steps that are none --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fused", [False, True])
def test_an_update_that_the_loss_scaler_skips_is_not_counted(fused):
    model = small_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=fused)
    scheduler, scaler = ScheduleLR(optimizer, PLAN), torch.amp.GradScaler("cpu", init_scale=2.0)
    rates, updates = [], []
    for number, (inputs, targets) in enumerate(batches(4)):
        optimizer.zero_grad()
        scaler.scale(nn.functional.mse_loss(model(inputs), targets)).backward()
        if number == 1:
            model[0].weight.grad[0, 0] = float("inf")
        scaler.step(optimizer)
        rates += scheduler.get_last_lr()
        updates.append(scheduler.updates)
        scaler.update()
        scheduler.step()
    assert updates == [1, 1, 2, 3]
    assert rates == [RATES[0], RATES[1], RATES[1], RATES[2]]


def test_a_step_that_fails_is_not_counted():
    model, optimizer, scheduler, seen = built()
    list(trained(model, optimizer, 1))

    def fails():
        raise MemoryError

    with pytest.raises(MemoryError):
        optimizer.step(fails)
    assert scheduler.updates == 1
    list(trained(model, optimizer, 2))
    assert seen == [RATES[0], RATES[1], RATES[1], RATES[2]]


def test_a_step_that_calls_that_of_its_base_class_is_one():
    class Derived(torch.optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1)  # torch wraps a class with its first instance
    model, optimizer, scheduler, _ = built(kind=Derived)
    for update in trained(model, optimizer, 3):
        assert scheduler.updates == update


def test_an_optimizer_with_a_closure_takes_one_step():
    model, optimizer, scheduler, seen = built(kind=torch.optim.LBFGS)
    inputs, targets = batches(1)[0]

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    assert (seen, scheduler.updates) == (RATES[:3], 3)


# -- optimizers around others ---------------------------------------------------------------------------------------


class Sam(torch.optim.Optimizer):
    """As they are written: two steps of its own, of which the second is one of the optimizer inside."""

    def __init__(self, base, registers=True):
        if registers:
            super().__init__(base.param_groups, {})
        self.base_optimizer, self.param_groups = base, base.param_groups

    def second_step(self):
        self.base_optimizer.step()


@pytest.mark.parametrize("registers", [True, False])
def test_the_optimizer_inside_another_counts(registers):
    inner = torch.optim.AdamW(small_model().parameters(), lr=1e-3)
    seen, outer = watched(inner), Sam(inner, registers)
    scheduler = ScheduleLR(outer, PLAN)
    for _ in range(3):
        outer.second_step()
    assert (seen, scheduler.updates) == (RATES[:3], 3)


# -- others that write ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen_by", ["the next call", "the next update"])
def test_another_scheduler_on_the_same_optimizer_is_told_of_once(seen_by):
    model, optimizer, scheduler, seen = built(groups=layers)
    other = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    updates = trained(model, optimizer, UPDATES)
    next(updates)
    other.step()
    look = scheduler.step if seen_by == "the next call" else lambda: next(updates)
    with pytest.warns(UserWarning, match="group 0 has the rate .* which something else has written; the plan's .*ove"):
        look()
    other.step()
    list(updates)
    assert seen == [0.25 * rate for rate in RATES]


# -- what is refused ------------------------------------------------------------------------------------------------


def test_a_second_one_is_refused_until_the_first_is_taken_off():
    model, optimizer, scheduler, _ = built()
    with pytest.raises(
        ValueError, match=r"follows ScheduleLR\(AdamW, .*updates=0\) already.*\n.*scheduler\.remove\(\)"
    ):
        ScheduleLR(optimizer, PLAN)
    scheduler.remove()
    second = ScheduleLR(optimizer, 0.5 * PLAN)
    list(trained(model, optimizer, 1))
    assert (scheduler.updates, second.updates, second.get_last_lr()) == (0, 1, HALVES[:1])


def test_a_shapes_default_rate_on_adam_is_pointed_out():
    weights = [nn.Parameter(torch.ones(1))]
    with pytest.warns(
        UserWarning, match=r"rate is up to 0.99.*, and the lr=0.0003 of AdamW is not used.*: 0.0003 \* plan"
    ):
        ScheduleLR(torch.optim.AdamW(weights, lr=3e-4), cosine(steps=100))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ScheduleLR(torch.optim.AdamW(weights, lr=3e-4), 3e-4 * cosine(steps=100))
        ScheduleLR(torch.optim.SGD(weights, lr=3e-4), cosine(steps=100))
        ScheduleLR(torch.optim.AdamW([{"params": weights, "lr_scale": 3e-4}]), cosine(steps=100))


def of_both_signs():
    """Built when it is needed: a function that is known while tests are collected is drawn by others' strategies."""

    @lr_fn
    def both_signs(real_step, epoch):
        return 2.0 - real_step

    return both_signs()


class Unregistered(Sam):
    """Has other groups than the optimizer inside it, and no hooks."""

    def __init__(self, base):
        self.base_optimizer, self.param_groups = base, [dict(group) for group in base.param_groups]


BY_EPOCH = cosine(start=1e-3, steps=4).by_epoch()
REFUSED = [
    (lambda o: ScheduleLR(o, 1e-3), TypeError, r"schedule must be a schedule, got 0.001.\n.*constant\(value=0.001\)"),
    (lambda o: ScheduleLR(o, cosine), TypeError, r"got .*\n    Call it with its parameters: cosine\(start=\.\.\., "),
    (
        lambda o: ScheduleLR(o, warmup_cosine),
        TypeError,
        r"\n    Call it with .*: warmup_cosine\(peak=\.\.\., warmup_steps=",
    ),
    (
        lambda o: ScheduleLR(PLAN, o),
        TypeError,
        r"got warmup.*\n    The optimizer comes first: ScheduleLR\(optimizer, plan",
    ),
    (
        lambda o: ScheduleLR(o, PLAN, rates="relative"),
        TypeError,
        r"no parameter 'rates'; the plan's rates are absolute; .*'lr_scale'",
    ),
    (
        lambda o: ScheduleLR(o, PLAN, verbose=True),
        TypeError,
        r"no parameter 'verbose'; plan.table\(\) and plan.plot\(\) ",
    ),
    (lambda o: ScheduleLR(o, "cosine(steps=9)"), TypeError, r"got 'cosine\(steps=9\)'.\n.*read by parse and from_dict"),
    (lambda o: ScheduleLR(o, lambda n: 0.1), TypeError, "becomes one under @lr_fn"),
    (lambda o: ScheduleLR(o, torch.optim.lr_scheduler.StepLR(o, 3)), TypeError, r"read by from_torch\(scheduler\)"),
    (lambda o: ScheduleLR(o, None), TypeError, "schedule must be a schedule, got None$"),
    (lambda o: ScheduleLR(o, [PLAN, PLAN]), TypeError, r"schedule must be a schedule, got \[.*\]$"),
    (
        lambda o: ScheduleLR(o, PLAN, last_epoch=3),
        TypeError,
        r"counts the updates itself.\n.*load_state_dict\(\{'up",
    ),
    (lambda o: ScheduleLR(Unregistered(o), PLAN), TypeError, "Unregistered runs no hooks, .*Give the optimizer inside"),
    (
        lambda o: ScheduleLR(torch.optim.ASGD(small_model().parameters()), PLAN),
        ValueError,
        "ScheduleLR: torch.optim.ASGD .*one update late",
    ),
    (
        lambda o: (ScheduleLR(o, PLAN), OptimScheduler(o, PLAN)),
        ValueError,
        r"OptimScheduler: this AdamW follows ScheduleLR\(.*\n.*scheduler\.remove\(\)",
    ),
    (lambda o: ScheduleLR([o, o], PLAN), TypeError, "must be one optimizer, got 2: give each a ScheduleLR"),
    (lambda o: ScheduleLR(nn.Linear(1, 1), PLAN), TypeError, r"must be a torch.optim.Optimizer, got Linear\("),
    (lambda o: ScheduleLR(o, BY_EPOCH), ValueError, r"counts epochs, and nothing says .*\n.*steps_per_epoch=len\(load"),
    (lambda o: ScheduleLR(o, PLAN, weight_decay=BY_EPOCH), ValueError, "counts epochs, and nothing says"),
    (
        lambda o: ScheduleLR(o, PLAN, steps_per_epoch=0),
        ValueError,
        r"must be a whole number >= 1 \(updates in an epoch",
    ),
    (lambda o: ScheduleLR(o, PLAN, steps_per_epoch=2.5), ValueError, r"steps_per_epoch must be a whole number"),
    (lambda o: ScheduleLR(o, linear(steps=0.5)), ValueError, "is shorter than one update.\n.*plan.over"),
    (
        lambda o: ScheduleLR(o, PLAN, weight_decy=PLAN),
        ValueError,
        "AdamW has no .*'weight_decy'; did you mean 'weight_d",
    ),
    (
        lambda o: ScheduleLR(o, PLAN, weight_decay=0.1),
        TypeError,
        r"weight_decay must be a schedule, got 0.1.\n.*constant",
    ),
    (lambda o: ScheduleLR(o, PLAN, betas=PLAN), ValueError, r"several numbers; schedule 'betas\[0\]' or 'betas\[1\]'"),
    (lambda o: ScheduleLR(o, PLAN, betas_2=PLAN), ValueError, r"betas=\(0.9, 0.999\), and no betas\[2\]"),
    (lambda o: ScheduleLR(o, PLAN, eps_0=PLAN), ValueError, r"eps=1e-08, and no eps\[0\]"),
    (lambda o: ScheduleLR(o, {"weight_decay": PLAN}), ValueError, "'lr' must be among the schedules, got weight_decay"),
    (lambda o: ScheduleLR(o, {"cosine": {"steps": 9}}), TypeError, "got {'steps': 9}.\n.*read by parse and from_dict"),
    (lambda o: ScheduleLR(o, PLAN, lr=PLAN), ValueError, "lr has a schedule already"),
    (
        lambda o: ScheduleLR(o, PLAN, betas_0=PLAN, **{"betas[0]": PLAN}),
        ValueError,
        r"betas\[0\] has a schedule already",
    ),
    (
        lambda o: ScheduleLR(o, PLAN, betas_0=constant(value=1.0)),
        ValueError,
        r"betas\[0\] would be 1, which AdamW refuses: Invalid beta",
    ),
    (
        lambda o: ScheduleLR(o, of_both_signs().shift(-2)),
        ValueError,
        "group 0 would be -1.0; a rate is finite",
    ),
    (lambda o: ScheduleLR(o, PLAN).step(3), TypeError, r"no epoch or metric: call scheduler.step\(\)"),
    (
        lambda o: ScheduleLR(o, PLAN).load_state_dict({"step": 3}),
        ValueError,
        "or that of a torch scheduler .* got {'step': 3}",
    ),
    (lambda o: ScheduleLR(o, PLAN).load_state_dict(None), ValueError, "or that of a torch scheduler .* got None"),
    (
        lambda o: ScheduleLR(o, PLAN).load_state_dict(torch.optim.lr_scheduler.ReduceLROnPlateau(o).state_dict()),
        ValueError,
        r"last_epoch=0 of a torch scheduler may count epochs, metrics or updates.\n.*\{'updates': n\}",
    ),
    (
        lambda o: ScheduleLR(o, PLAN).load_state_dict({"updates": -1}),
        ValueError,
        r"updates must be a whole number >= 0",
    ),
    (lambda o: setattr(ScheduleLR(o, PLAN), "last_epoch", 5), AttributeError, r"load_state_dict\(\{'updates': n\}\)"),
]


@pytest.mark.parametrize(("call", "kind", "words"), REFUSED)
def test_refused(call, kind, words):
    optimizer = torch.optim.AdamW(small_model().parameters(), lr=1e-3)
    with pytest.raises(kind, match=words):
        call(optimizer)


def test_deepspeeds_steps_of_parts_are_refused(monkeypatch):
    stage3 = "deepspeed.runtime.zero.stage3"
    model, optimizer, scheduler, _ = built()
    monkeypatch.setitem(sys.modules, stage3, None)
    list(trained(model, optimizer, 1))
    with pytest.raises(ValueError, match=r"stage 3 steps the optimizer once for each part.*\n.*LambdaLR\(optimizer"):
        eval("optimizer.step()", {"__name__": stage3, "optimizer": optimizer})
    assert scheduler.updates == 1


def test_a_group_without_a_rate_is_refused():
    optimizer = torch.optim.AdamW(small_model().parameters(), lr=1e-3)
    del optimizer.param_groups[0]["lr"]
    with pytest.raises(ValueError, match="AdamW has no 'lr' in parameter group 0"):
        ScheduleLR(optimizer, PLAN)


def test_an_lr_scale_that_is_no_factor_is_refused():
    with pytest.raises(ValueError, match=re.escape("parameter group 0(lr_scale=-1.0): lr_scale must be >= 0")):
        built(groups=lambda model: [{"params": model.parameters(), "lr_scale": -1.0}])


def test_whoever_builds_torchs_schedulers_by_their_class_builds_one():
    optimizer = torch.optim.AdamW(small_model().parameters(), lr=1e-3)
    assert ScheduleLR(optimizer, schedule=PLAN, last_epoch=-1).get_last_lr() == RATES[:1]


def test_a_plan_over_the_trainers_length():
    plan = warmup_cosine(peak=1e-3, warmup_steps=0.25, total_steps=1)
    assert [plan.over(UPDATES)(n) for n in range(1, UPDATES + 1)] == pytest.approx(RATES)
