"""Parameter groups by pattern, each with schedules of its own, for the rate and for everything else."""

import pytest
import torch
from torch import nn

from optimsche import OptimScheduler, constant, cosine, linear, lr_fn
from optimsche.training import ClipByNorm, ClipByValue, bias_or_norm, layer_decay, without_decay
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


@pytest.mark.parametrize(
    ("schedules", "error", "message"),
    [
        ({"haed.*": PLAN, "*": SLOW}, ValueError, r"'haed.\*' matches no parameter(.|\n)*There are backbone.0.weight"),
        ({"*": PLAN, "head.*": SLOW}, ValueError, r"all that 'head.\*' matches is matched by a pattern before it"),
        ({"head.*": PLAN}, ValueError, "no pattern matches 'backbone.0.weight'. End with one for all that is left"),
        ({"*": {"lr": PLAN, "weight_decya": PLAN}}, ValueError, "no hyperparameter 'weight_decya'; did you mean"),
        ({"*": {"lr": PLAN, "betas": PLAN}}, ValueError, r"betas=\(0.9, 0.999\) has several numbers.*'betas\[0\]'"),
        ({"*": {"lr": PLAN, "betas[2]": PLAN}}, ValueError, r"no betas\[2\]"),
        ({"*": {"lr": PLAN, "betas[x]": PLAN}}, ValueError, "is no hyperparameter"),
        ({"*": {"lr": PLAN, "fused": PLAN}}, ValueError, "has no hyperparameter 'fused'"),
        ({"*": {"lr": 0.1}}, TypeError, r"\['lr'\] must be a schedule, got 0.1"),
        ({"*": 0.1}, TypeError, r"must be a schedule or a mapping such as {'lr': plan}, got float"),
        ({"*": {"lr": PLAN, "weight_decay": "x"}}, TypeError, r"must be a schedule or a number, got 'x'"),
        ({"*": {"lr": PLAN, "weight_decay": -1}}, ValueError, "weight_decay would be -1; it is finite and >= 0"),
        ({"*": {"lr": PLAN, "lr_scale": -1}}, ValueError, "must be a number >= 0, got -1"),
        ({"*": {"lr": PLAN, "grad_clip": 0}}, ValueError, "grad_clip must be > 0"),
        ({"*": {"weight_decay": PLAN}}, TypeError, "an 'lr' in every entry of schedules"),
        ({}, TypeError, "must be a mapping from patterns to schedules"),
        ([PLAN], TypeError, "must be a mapping from patterns to schedules"),
        ({3: PLAN}, TypeError, "3 must be a name, a glob or a predicate"),
        ({"*": linear(steps=0.5)}, ValueError, "shorter than one update"),
    ],
)
def test_mistakes(schedules, error, message):
    with pytest.raises(error, match=message):
        built(schedules)


def test_names_need_a_model():
    with pytest.raises(ValueError, match="names come from the model"):
        OptimScheduler(torch.optim.SGD(Net().parameters(), lr=0.1), schedules={"*": PLAN})


def test_a_value_that_may_not_be_is_refused_before_anything_is_written():
    model, optim = built({"*": {"lr": PLAN, "betas[0]": linear(start=0.5, end=1.5, steps=4)}})
    train(optim, model, some_batches(1))
    before = weights(model)
    with pytest.raises(ValueError, match=r"betas\[0\] would be 1.0; it is >= 0 and below 1"):
        optim.step(loss_of(model, some_batches(1)[0]), step_num=2)
    assert values(optim, "lr") == [0.9]
    assert same(weights(model), before)


def test_rates_that_would_be_lost_under_one_pattern():
    model = Net()
    groups = [{"params": model.head.parameters(), "lr": 1e-5}, {"params": model.backbone.parameters(), "lr": 1e-3}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    with pytest.raises(ValueError, match="rates of their own"):
        OptimScheduler(optimizer, schedules={"*": PLAN}, model=model)
    OptimScheduler(optimizer, schedules={"head.*": PLAN, "*": SLOW}, model=model)  # said by name: nothing is lost


def test_clips_may_be_of_any_kind():
    for clip in (ClipByNorm(1.0), ClipByValue(0.1), None):
        model, optim = built({"head": {"lr": PLAN, "grad_clip": clip}, "*": PLAN}, grad_clip=1.0)
        assert train(optim, model, some_batches(1))[0].updated
