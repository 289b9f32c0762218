"""Parameter groups by pattern, each with schedules of its own, for the rate and for everything else."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from optimsche import (
    OptimScheduler,
    bias_or_norm,
    clip_norm,
    clip_value,
    constant,
    cosine,
    layer_decay,
    linear,
    lr_fn,
    without_decay,
)
from optimsche.speechain import from_conf
from tests.training.helpers import loss_of, same, some_batches, train, weights

PLAN = linear(start=1.0, steps=10)
SLOW = linear(start=0.1, steps=10)


class Net(nn.Module):
    """A backbone of two blocks with a normalisation, and a head."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.backbone = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 8))
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.backbone(x))


def built(schedules, *, kind=torch.optim.AdamW, schedule=None, **options):
    model = Net()
    optimizer = kind(model.parameters(), lr=0.1)
    return model, OptimScheduler(optimizer, schedule, schedules=schedules, model=model, **options)


def values(optim, name):
    return [group[name] for group in optim.optimizer.param_groups]


def sizes(optim):
    return [len(group["params"]) for group in optim.optimizer.param_groups]


def test_several_hyperparameters_in_one_mapping():
    decay, momentum = cosine(start=0.1, end=0.2, steps=10), linear(start=0.85, end=0.95, steps=10)
    model, optim = built(
        {"backbone.*": {"lr": 0.1 * PLAN}, "*": {"lr": PLAN, "weight_decay": decay, "betas[0]": momentum}}
    )
    assert sizes(optim) == [6, 2]
    train(optim, model, some_batches(4))
    assert values(optim, "lr") == pytest.approx([0.06, 0.6])
    assert values(optim, "weight_decay") == pytest.approx([0.01, decay(4)])
    assert values(optim, "betas") == [(0.9, 0.999), (pytest.approx(momentum(4)), 0.999)]


def test_equal_to_groups_made_by_hand():
    decay = linear(start=0.1, end=0.5, steps=10)
    model, optim = built({"head": {"lr": PLAN, "weight_decay": decay}, bias_or_norm: SLOW, "*": {"lr": 0.5 * PLAN}})
    train(optim, model, some_batches(6))
    other = Net()
    small = [p for name, p in other.named_parameters() if p.dim() == 1 and not name.startswith("head")]
    large = [p for name, p in other.named_parameters() if p.dim() == 2 and not name.startswith("head")]
    groups = [{"params": list(other.head.parameters())}, {"params": small}, {"params": large}]
    optimizer = torch.optim.AdamW(groups, lr=0.1)
    for update, batch in enumerate(some_batches(6), 1):
        loss_of(other, batch).backward()
        for group, rate in zip(optimizer.param_groups, (PLAN, SLOW, 0.5 * PLAN), strict=True):
            group["lr"] = rate(update)
        optimizer.param_groups[0]["weight_decay"] = decay(update)
        optimizer.step()
        optimizer.zero_grad()
    assert same(weights(model), weights(other))


def test_the_first_pattern_that_matches_wins():
    _, optim = built({"head.bias": SLOW, "head.*": PLAN, "*": 0.5 * PLAN})
    by_size = sorted((len(group["params"]), group["lr"]) for group in optim.optimizer.param_groups)
    assert by_size == [(1, SLOW(1)), (1, PLAN(1)), (6, 0.5 * PLAN(1))]


def test_a_shared_schedule_is_evaluated_once_in_an_update():
    calls = []

    @lr_fn
    def counted(real_step, epoch, *, base):
        calls.append(real_step)
        return base

    shared = counted(base=0.1)
    model, optim = built({bias_or_norm: {"lr": shared, "weight_decay": shared}, "*": shared})
    calls.clear()
    train(optim, model, some_batches(3))
    assert calls == [1, 2, 3]


def test_a_plan_for_all_and_decay_by_name():
    model, optim = built({bias_or_norm: {"weight_decay": 0.0}, "*": {}}, schedule=PLAN)
    train(optim, model, some_batches(2))
    assert sorted(values(optim, "weight_decay")) == [0.0, 0.01]
    assert values(optim, "lr") == [0.8, 0.8]


def test_layer_decay_and_without_decay():
    layers = ["backbone.0", "backbone.1", "backbone.2", "head"]  # of backbone.1, a normalisation, nothing is left
    rules = without_decay(layer_decay(layers, 0.5, PLAN))
    model, optim = built(rules)
    train(optim, model, some_batches(1))
    found = {
        name: (group["lr"], group["weight_decay"])
        for name, parameter in model.named_parameters()
        for group in optim.optimizer.param_groups
        if any(parameter is each for each in group["params"])
    }
    assert found == {
        "backbone.0.weight": (0.1125, 0.01),
        "backbone.0.bias": (0.1125, 0.0),
        "backbone.1.weight": (0.225, 0.0),
        "backbone.1.bias": (0.225, 0.0),
        "backbone.2.weight": (0.45, 0.01),
        "backbone.2.bias": (0.45, 0.0),
        "head.weight": (0.9, 0.01),
        "head.bias": (0.9, 0.0),
    }


def test_a_clip_of_its_own():
    """The head is clipped to 1e-3 by itself, the rest not at all."""
    model, optim = built({"head": {"lr": PLAN, "grad_clip": 1e-3}, "*": PLAN}, kind=torch.optim.SGD)
    before, head = weights(model.backbone), weights(model.head)
    batch = some_batches(1)[0]
    reference = Net()
    loss_of(reference, batch).backward()
    result = optim.step(loss_of(model, batch), step_num=1)
    whole = [parameter.grad for parameter in reference.parameters()]
    assert result.grad_norm == pytest.approx(float(torch.nn.utils.get_total_norm(whole)))
    for old, new, other in zip(before, weights(model.backbone), reference.backbone.parameters(), strict=True):
        torch.testing.assert_close(old - new, 0.9 * other.grad)
    moved = torch.cat([(old - new).flatten() for old, new in zip(head, weights(model.head), strict=True)])
    assert float(moved.norm()) == pytest.approx(0.9e-3, rel=1e-2)


def test_a_group_with_a_clip_of_its_own_without_patterns():
    model = Net()
    groups = [{"params": model.head.parameters(), "grad_clip": 1e-3}, {"params": model.backbone.parameters()}]
    optim = OptimScheduler(torch.optim.SGD(groups, lr=0.1), constant(value=1.0), model=model, grad_clip=1e-2)
    head, backbone = weights(model.head), weights(model.backbone)
    train(optim, model, some_batches(1))

    def moved(before, part):
        return float(torch.cat([(a - b).flatten() for a, b in zip(before, weights(part), strict=True)]).norm())

    assert moved(head, model.head) == pytest.approx(1e-3, rel=1e-2)
    assert moved(backbone, model.backbone) == pytest.approx(1e-2, rel=1e-2)


def test_names_in_wrappers_and_after_compilation():
    model = Net()
    wrapped = torch.nn.DataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optim = OptimScheduler(optimizer, schedules={"head.*": PLAN, "*": SLOW}, model=wrapped)
    assert sorted(sizes(optim)) == [2, 6]


class Holder(nn.Module):
    """A model with a part that is called as wrappers call what they wrap."""

    def __init__(self):
        super().__init__()
        self.enc = nn.Linear(2, 2)
        self.module = nn.ModuleDict({"enc": nn.DataParallel(nn.Linear(2, 2))})


@pytest.mark.parametrize("wrapped", [lambda model: model, nn.DataParallel, partial(torch.compile, backend="eager")])
def test_a_part_that_is_called_module(wrapped):
    model = Holder()
    outer, inner = model.enc.weight, model.module["enc"].module.weight
    optim = OptimScheduler(
        torch.optim.SGD(model.parameters(), lr=0.1),
        schedules={"module.enc.weight": PLAN, "module.*": 0.5 * PLAN, "enc.weight": SLOW, "*": 0.5 * SLOW},
        model=wrapped(model),
    )
    rate_of = {id(group["params"][0]): group["lr"] for group in optim.optimizer.param_groups}
    assert rate_of[id(inner)] == PLAN(1)
    assert rate_of[id(outer)] == SLOW(1)
    for name, own in (("enc.weight", outer), ("module.enc.weight", inner), ("module", inner), ("enc", outer)):
        optim = from_conf("SGD", {}, wrapped(model), PLAN, updated_modules=name)
        assert optim.optimizer.param_groups[0]["params"][0] is own
        assert optim.optimizer.param_groups[0]["params"][-1].dim() == (2 if name.endswith("weight") else 1)
    with pytest.raises(ValueError, match=r"no part of Holder is named 'encoder'(.|\n)*Its parts are enc, module\."):
        from_conf("SGD", {}, wrapped(model), PLAN, updated_modules="encoder")


def test_names_that_the_optimizer_has():
    model = Net()
    optimizer = torch.optim.SGD(model.named_parameters(), lr=0.1)
    optim = OptimScheduler(optimizer, schedules={"head.*": PLAN, "*": SLOW})
    assert sorted(sizes(optim)) == [2, 6]
    assert sorted(name for group in optimizer.param_groups for name in group["param_names"]) == sorted(
        name for name, _ in model.named_parameters()
    )


def test_groups_added_later_fall_under_the_patterns():
    model = Net()
    optimizer = torch.optim.AdamW(model.head.parameters(), lr=0.1)
    optim = OptimScheduler(optimizer, schedules=without_decay({"backbone.*": SLOW, "*": PLAN}), model=model)
    train(optim, model, some_batches(2))
    assert all(parameter.grad is None for parameter in model.backbone.parameters())
    optimizer.add_param_group({"params": list(model.backbone.parameters())})
    before = weights(model.backbone)
    results = train(optim, model, some_batches(4), start=3)
    assert results[-1].updated
    assert not same(weights(model.backbone), before)
    assert sorted(values(optim, "lr")) == pytest.approx([0.06, 0.06, 0.6, 0.6])
    assert sorted(values(optim, "weight_decay")) == [0.0, 0.0, 0.01, 0.01]


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_freezing_and_unfreezing_while_training(kind, fused):
    """A parameter that joins late has no moments yet; fused SGD of torch fails on a mixture."""
    arguments = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    model = Net()
    optimizer = kind(model.parameters(), lr=0.01, fused=fused, **arguments)
    optim = OptimScheduler(optimizer, schedules={"head.*": PLAN, "*": SLOW}, model=model, grad_clip=1.0, accum_grad=2)
    batches = some_batches(12)
    model.backbone.requires_grad_(False)
    before = weights(model.backbone)
    train(optim, model, batches[:4])
    assert same(weights(model.backbone), before)
    model.backbone[0].requires_grad_(True)
    train(optim, model, batches[:8], start=5)
    assert not same(weights(model.backbone[0]), before[:2])
    assert same(weights(model.backbone[2]), before[4:])
    model.requires_grad_(True)
    model.head.requires_grad_(False)
    head = weights(model.head)
    assert train(optim, model, batches, start=9)[-1].updated
    assert same(weights(model.head), head)


def test_a_resumed_run_has_the_programs_numbers():
    model, optim = built({bias_or_norm: {"lr": PLAN, "weight_decay": 0.0}, "*": {"lr": PLAN, "weight_decay": 0.3}})
    train(optim, model, some_batches(2))
    again, other = built({bias_or_norm: {"lr": PLAN, "weight_decay": 0.0}, "*": {"lr": PLAN, "weight_decay": 0.4}})
    other.load_state_dict(optim.state_dict())
    train(other, again, some_batches(3), start=3)
    assert sorted(values(other, "weight_decay")) == [0.0, 0.4]


def test_replacing_the_schedules_in_mid_run():
    model, optim = built({"head.*": PLAN, "*": SLOW})
    train(optim, model, some_batches(2))
    optim.schedules = {"head.*": 2.0 * PLAN, "*": SLOW}
    train(optim, model, some_batches(3), start=3)
    assert sorted(values(optim, "lr")) == pytest.approx([0.07, 1.4])
    with pytest.raises(ValueError, match=r"groups were made from the patterns head.\*, \*, which stay; got \*"):
        optim.schedules = {"*": PLAN}
    assert optim.schedule in (PLAN, SLOW, 2.0 * PLAN)


def moved_by(part, before):
    return float(torch.cat([(a - b).flatten() for a, b in zip(before, weights(part), strict=True)]).norm())


def test_rules_that_replace_others_leave_nothing_of_them_behind():
    model, optim = built(
        {
            "head": {"lr": PLAN, "lr_scale": 0.5, "weight_decay": 0.3, "betas[0]": linear(start=0.5, steps=10)},
            "*": {"lr": PLAN, "weight_decay": linear(start=0.5, steps=10)},
        }
    )
    train(optim, model, some_batches(2))
    optim.schedules = {"head": PLAN, "*": {"lr": PLAN, "weight_decay": 0.2}}
    train(optim, model, some_batches(3), start=3)
    assert values(optim, "lr") == pytest.approx([PLAN(3)] * 2)
    assert values(optim, "weight_decay") == [0.01, 0.2]
    assert values(optim, "betas") == [(0.9, 0.999)] * 2
    assert all("lr_scale" not in group for group in optim.optimizer.param_groups)


def test_a_clip_that_is_replaced_is_the_clip():
    plan = constant(value=1.0)
    model, optim = built({"head": {"lr": plan, "grad_clip": 1e-3}, "*": plan}, kind=torch.optim.SGD)
    for step_num, rules in enumerate([{"head": plan}, {"head": {"lr": plan, "grad_clip": 1e-2}}], 1):
        optim.schedules = {**rules, "*": plan}
        before = weights(model.head)
        optim.step(loss_of(model, some_batches(1)[0]), step_num=step_num)
        assert (moved_by(model.head, before) == pytest.approx(1e-2, rel=1e-2)) == (step_num == 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"lr": SLOW, "weight_decay": 0.5, "momentun": linear(start=0.9, steps=10)},
        {"lr": SLOW, "weight_decay": 0.5, "betas[0]": constant(value=1.5)},  # only its first value says so
        {"weight_decay": 0.5},
    ],
)
def test_rules_that_are_refused_change_nothing(wrong):
    rules = {"head": {"lr": PLAN, "weight_decay": 0.3}, "*": PLAN}
    model, optim = built(rules)
    before = [dict(group) for group in optim.optimizer.param_groups]
    with pytest.raises(ValueError, match=r"momentun|would be 1.5|has no 'lr'"):
        optim.schedules = {"head": wrong, "*": SLOW}
    assert optim.schedules == rules
    assert [dict(group) for group in optim.optimizer.param_groups] == before
    assert train(optim, model, some_batches(1))[0].updated


@pytest.mark.parametrize(
    "wrong", [{"lr": PLAN, "momentun": 0.9}, {"lr": PLAN, "betas[0]": constant(value=1.5)}, {"weight_decay": 0.1}]
)
def test_a_construction_that_fails_leaves_the_optimizer_as_it_was(wrong):
    model = Net()
    rate = torch.tensor(0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    (before,) = ({**group, "params": list(group["params"])} for group in optimizer.param_groups)
    with pytest.raises((TypeError, ValueError)):
        OptimScheduler(optimizer, schedules={"head": {"lr": PLAN, "weight_decay": 0.3}, "*": wrong}, model=model)
    (group,) = optimizer.param_groups
    assert len(group["params"]) == len(before["params"])
    assert group.keys() == before.keys()
    assert group["lr"] is rate
    assert float(rate) == pytest.approx(0.1)
    assert group["weight_decay"] == 0.01


def test_rules_for_an_optimizer_that_had_none_must_match_something():
    _, optim = built(None, schedule=PLAN)
    with pytest.raises(ValueError, match=r"schedules: 'haed\.\*' matches no parameter"):
        optim.schedules = {"haed.*": SLOW, "*": {"weight_decay": 0.2}}
    assert optim.schedules is None


def test_rules_for_an_optimizer_that_had_none():
    model, optim = built(None, schedule=PLAN)
    train(optim, model, some_batches(1))
    optim.schedules = {"head.*": SLOW, "*": {"weight_decay": 0.2}}
    train(optim, model, some_batches(2), start=2)
    assert sizes(optim) == [2, 6]
    assert values(optim, "lr") == pytest.approx([SLOW(2), PLAN(2)])
    assert values(optim, "weight_decay") == [0.01, 0.2]


def with_tensors():
    model = Net()
    betas = torch.tensor(0.9), torch.tensor(0.999)
    optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.1), betas=betas, foreach=False)
    momentum = {"head": constant(value=0.5), "backbone.0": constant(value=0.75)}
    rules = {pattern: {"lr": PLAN, "betas[0]": beta} for pattern, beta in momentum.items()}
    return model, OptimScheduler(optimizer, schedules={**rules, "*": PLAN}, model=model), betas


def test_scheduled_tensors_are_each_groups_own():
    model, optim, betas = with_tensors()
    train(optim, model, some_batches(1))
    assert [float(beta) for beta, _ in values(optim, "betas")] == pytest.approx([0.5, 0.75, 0.9])
    assert values(optim, "betas")[0][0] is betas[0]  # the one that a compiled step may read already
    assert float(optim.optimizer.defaults["betas"][0]) == pytest.approx(0.9)


def test_a_loaded_state_fills_the_tensors_that_are_there():
    model, optim, _ = with_tensors()
    train(optim, model, some_batches(1))
    optim.optimizer.param_groups[2]["betas"][1].fill_(0.5)
    state = optim.state_dict()
    again, other, _ = with_tensors()
    tensors = [(group["lr"], *group["betas"]) for group in other.optimizer.param_groups]
    other.load_state_dict(state)
    train(other, again, some_batches(2), start=2)
    for group, (rate, *betas) in zip(other.optimizer.param_groups, tensors, strict=True):
        assert group["lr"] is rate
        assert all(new is old for new, old in zip(group["betas"], betas, strict=True))
    assert float(other.optimizer.param_groups[2]["betas"][1]) == 0.5


def test_groups_in_another_order_follow_their_own_rules():
    model, optim = built({"head.*": {"lr": PLAN, "weight_decay": 0.2}, "*": SLOW}, accum_grad=2)
    optim.optimizer.param_groups.reverse()
    batches = some_batches(4)
    train(optim, model, batches[:2])
    assert values(optim, "lr") == pytest.approx([SLOW(1), PLAN(1)])
    optim.step(loss_of(model, batches[2]), step_num=3)
    optim.optimizer.param_groups.reverse()  # within a window
    optim.step(loss_of(model, batches[3]), step_num=4)
    assert values(optim, "lr") == pytest.approx([PLAN(2), SLOW(2)])
    assert values(optim, "weight_decay") == [0.2, 0.01]


def test_parameters_that_are_replaced_follow_the_rule_of_their_name():
    model, optim = built({"head.*": {"lr": PLAN, "weight_decay": 0.2}, "*": SLOW}, kind=torch.optim.SGD)
    train(optim, model, some_batches(1))
    head, rest = optim.optimizer.param_groups
    head["params"], rest["params"] = rest["params"], head["params"]
    train(optim, model, some_batches(2), start=2)
    assert sizes(optim) == [6, 2]
    assert values(optim, "lr") == pytest.approx([SLOW(2), PLAN(2)])
    assert values(optim, "weight_decay") == [0, 0.2]


def test_a_group_that_is_added_with_a_rate_of_its_own_keeps_its_proportion_to_its_rule():
    model = Net()
    optimizer = torch.optim.SGD(model.head.parameters(), lr=0.1)
    optim = OptimScheduler(optimizer, schedules={"head.*": PLAN, "*": SLOW}, model=model)
    train(optim, model, some_batches(1))
    optimizer.add_param_group({"params": list(model.backbone.parameters()), "lr": 0.5 * SLOW(1)})
    train(optim, model, some_batches(2), start=2)
    assert values(optim, "lr") == pytest.approx([PLAN(2), 0.5 * SLOW(2)])


def test_a_group_without_parameters_stays():
    model = Net()
    optimizer = torch.optim.SGD([{"params": list(model.parameters())}, {"params": []}], lr=0.1)
    OptimScheduler(optimizer, schedules={"head.*": PLAN, "*": SLOW}, model=model)
    assert [len(group["params"]) for group in optimizer.param_groups] == [2, 6, 0]


def test_numbers_may_be_numpys():
    _, optim = built({"*": {"lr": PLAN, "weight_decay": np.float64(0.2), "lr_scale": np.float32(0.5)}})
    assert values(optim, "weight_decay") == [0.2]
    assert values(optim, "lr") == [0.5 * PLAN(1)]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: layer_decay(["a"], "0.5", PLAN), TypeError, r"layer_decay\(factor='0.5'\): factor must be a number"),
        (lambda: layer_decay(["a"], True, PLAN), TypeError, "factor must be a number"),
        (lambda: layer_decay(["a"], 1.5, PLAN), ValueError, "factor must be > 0 and <= 1"),
        (lambda: layer_decay(["a"], 0.5, 0.1), TypeError, r"must be a Schedule(.|\n)*constant\(value=0.1\)"),
        (lambda: layer_decay((name for name in "ab"), 0.5, PLAN), TypeError, "a list of patterns.*got generator"),
        (lambda: layer_decay("a", 0.5, PLAN), TypeError, "a list of patterns.*got str"),
        (lambda: layer_decay([], 0.5, PLAN), ValueError, "there must be a layer"),
        (lambda: layer_decay(["a", "b", "a"], 0.5, PLAN), ValueError, "'a' is there twice"),
        (lambda: without_decay(None), TypeError, "without_decay: rules must be a mapping from patterns.*got None"),
        (lambda: without_decay({"*": 0.1}), TypeError, r"schedules\['\*'\] must be a schedule or a mapping.*got float"),
        (lambda: without_decay({"*": PLAN}, None), TypeError, "where must be a predicate.*got None"),
    ],
)
def test_mistakes_in_what_makes_rules(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("schedules", "error", "message"),
    [
        ({"haed.*": PLAN, "*": SLOW}, ValueError, r"'haed.\*' matches no parameter(.|\n)*There are backbone.0.weight"),
        ({"*": PLAN, "head.*": SLOW}, ValueError, r"all that 'head.\*' matches is matched by a pattern before it"),
        ({"head.*": PLAN}, ValueError, "no pattern matches 'backbone.0.weight'. End with one for all that is left"),
        ({"*": {"lr": PLAN, "weight_decya": PLAN}}, ValueError, "no hyperparameter 'weight_decya'; did you mean"),
        (
            {"*": {"lr": PLAN, "betas": PLAN}},
            ValueError,
            r"betas=\(0.9, 0.999\) of AdamW has several.*'betas\[0\]'",
        ),
        ({"*": {"lr": PLAN, "betas[2]": PLAN}}, ValueError, r"no betas\[2\]"),
        ({"*": {"lr": PLAN, "betas[x]": PLAN}}, ValueError, "is no hyperparameter"),
        ({"*": {"lr": PLAN, "fused": PLAN}}, ValueError, "has no hyperparameter 'fused'"),
        ({"*": {"lr": 0.1}}, TypeError, r"lr must be a schedule, got 0.1"),
        ({"*": 0.1}, TypeError, r"must be a schedule or a mapping such as {'lr': plan}, got float"),
        ({"*": {"lr": PLAN, "weight_decay": "x"}}, TypeError, r"must be a schedule or a number, got 'x'"),
        ({"*": {"lr": PLAN, "weight_decay": -1}}, ValueError, "weight_decay would be -1, which AdamW refuses: Invalid"),
        ({"*": {"lr": PLAN, "lr_scale": -1}}, ValueError, "lr_scale must be >= 0 and finite .*, got -1"),
        ({"*": {"lr": PLAN, "grad_clip": 0}}, ValueError, "grad_clip must be > 0"),
        (
            {"*": {"weight_decay": PLAN}},
            ValueError,
            r"'\*' has no 'lr', and .* Give it one",
        ),
        ({"*": {"learning_rate": PLAN}}, ValueError, "no other schedule; 'learning_rate' is 'lr' here"),
        ({}, TypeError, "must be a mapping from patterns to schedules"),
        ([PLAN], TypeError, "must be a mapping from patterns to schedules"),
        ({3: PLAN}, TypeError, "3 must be a name, a glob or a predicate"),
        ({"*": linear(steps=0.5)}, ValueError, "shorter than one update"),
        ({"*": {"lr": PLAN, "lr_scale": "1"}}, TypeError, "lr_scale must be a number .*, got '1'"),
        ({"*": {"lr": PLAN, "weight_decay": np.float32("nan")}}, ValueError, "weight_decay must be finite"),
        ({lambda name: True: PLAN}, TypeError, r"the predicate <lambda> failed(.|\n)*takes a name and a parameter"),
        (
            {lambda name, parameter: parameter > 0: PLAN},
            TypeError,
            r"must give True or False, got a (Parameter|Tensor) of several",
        ),
    ],
)
def test_mistakes(schedules, error, message):
    with pytest.raises(error, match=message):
        built(schedules)


def test_names_need_a_model():
    with pytest.raises(ValueError, match="names come from the model"):
        OptimScheduler(torch.optim.SGD(Net().parameters(), lr=0.1), schedules={"*": PLAN})


def test_a_value_that_the_optimizer_refuses_later_in_the_run_is_refused_at_once():
    with pytest.raises(ValueError, match=r"betas\[0\] would be 1.5, which AdamW refuses: Invalid beta"):
        built({"*": {"lr": PLAN, "betas[0]": linear(start=0.5, end=1.5, steps=4)}})


def test_a_value_that_is_not_finite_is_refused_before_anything_is_written():
    @lr_fn
    def breaking(real_step, epoch, *, at: float):
        return float("nan") if real_step == at else 0.1

    model, optim = built({"*": {"lr": PLAN, "weight_decay": breaking(at=777_777)}})
    train(optim, model, some_batches(1))
    before = weights(model)
    with pytest.raises(ValueError, match=r"weight_decay would be nan; it is finite"):
        optim.step(loss_of(model, some_batches(1)[0]), step_num=777_777)
    assert values(optim, "lr") == [0.9]
    assert same(weights(model), before)


class OwnRules(torch.optim.SGD):
    """An optimizer with hyperparameters whose ranges only it knows, as AdEMAMix's alpha and Adafactor's beta2_decay."""

    def __init__(self, params, lr=0.1, alpha=2.0, beta2_decay=-0.8):
        if alpha < 0:
            raise ValueError(f"alpha={alpha}")
        super().__init__(params, lr)
        for group in self.param_groups:
            group.update(alpha=alpha, beta2_decay=beta2_decay)


def test_what_a_hyperparameter_may_be_is_the_optimizers_to_say():
    rules = {"*": {"lr": PLAN, "alpha": linear(start=0.0, end=5.0, steps=9), "beta2_decay": -0.5}}
    model, optim = built(rules, kind=OwnRules)
    train(optim, model, some_batches(9))
    assert values(optim, "alpha") == [5.0]
    assert values(optim, "beta2_decay") == [-0.5]
    with pytest.raises(ValueError, match="alpha would be -1, which OwnRules refuses: alpha=-1"):
        built({"*": {"lr": PLAN, "alpha": -1.0}}, kind=OwnRules)


def test_rates_that_would_be_lost_under_one_pattern():
    model = Net()
    groups = [{"params": model.head.parameters(), "lr": 1e-5}, {"params": model.backbone.parameters(), "lr": 1e-3}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    with pytest.raises(ValueError, match="rates of their own"):
        OptimScheduler(optimizer, schedules={"*": PLAN}, model=model)
    OptimScheduler(optimizer, schedules={"head.*": PLAN, "*": SLOW}, model=model)  # said by name: nothing is lost


def test_clips_may_be_of_any_kind():
    for clip in (clip_norm(1.0), clip_value(0.1), None):
        model, optim = built({"head": {"lr": PLAN, "grad_clip": clip}, "*": PLAN}, grad_clip=1.0)
        assert train(optim, model, some_batches(1))[0].updated


def test_another_optim_scheduler_on_the_same_optimizer_follows_its_own_rules():
    """As in a notebook, where a cell is run again with other rules."""
    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    first = {"head": {"lr": PLAN, "weight_decay": 0.3, "lr_scale": 0.5}, "*": SLOW}
    OptimScheduler(optimizer, schedules=first, model=model)
    again = OptimScheduler(optimizer, schedules={"backbone.0": 0.5 * PLAN, "*": PLAN}, model=model)
    rate_of = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rate_of[id(model.backbone[0].weight)] == 0.5 * PLAN(1)
    assert rate_of[id(model.head.weight)] == rate_of[id(model.backbone[2].weight)] == PLAN(1)
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.01}
    assert again.members["main"].optimizer is optimizer
    OptimScheduler(optimizer, PLAN)
    assert not any("follows" in group for group in optimizer.param_groups)
