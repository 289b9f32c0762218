"""SpeeChain's form of configuration, from a mapping and from YAML."""

import pytest
import torch

from optimsche import build_optim_sches, cosine, exponential, noam, parse
from tests.training.helpers import EncoderDecoder, small_model

RECIPE = """\
# SpeeChain's form, with its tags
warmup: 16000
width: &width 256
nest:
    kernel: !tuple (3, 3)
    layers: !list [1, 2]
train:
    name: !ref w<width>_<warmup>
optim_sches:
    type: noam.Noamlr
    conf:
        optim_type: Adam
        optim_conf:
            lr: 2e-3
            betas: [0.9, 0.98]
            eps: 1e-9
        warmup_steps: !ref <warmup>
"""


def test_the_recipes_form(tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text(RECIPE)
    for config in (path, str(path)):
        optim = build_optim_sches(config, small_model(), accum_grad=8, grad_clip=5.0)
        assert list(optim.members) == ["main"]
        assert optim.schedule == noam(peak=2e-3, warmup_steps=16_000)
        assert (optim.accum_grad, optim.grad_clip, optim.scaler) == (8, 5.0, None)
        assert isinstance(optim.optimizer, torch.optim.Adam)
        group = optim.optimizer.param_groups[0]
        assert (group["eps"], tuple(group["betas"])) == (1e-9, (0.9, 0.98))


SGD = {"optim_type": "SGD", "optim_conf": {"lr": "1e-1"}}


@pytest.mark.parametrize(
    ("section", "plan"),
    [
        ({"type": "noam.Noamlr", "conf": {**SGD, "warmup_steps": "16_000"}}, noam(peak=0.1, warmup_steps=16_000)),
        ({"type": "noam.NoamLr", "conf": {**SGD, "d_model": 256}}, noam(d_model=256, warmup_steps=4_000)),
        ({"type": "Noamlr", "conf": {"optim_type": "Adam"}}, noam(peak=1e-3, warmup_steps=4_000)),
        ({"type": "exp.ExponentDecayLr", "conf": SGD}, exponential(start=0.1, factor=0.999).by_epoch()),
        (
            {"type": "exp.ExponentDecayLr", "conf": {**SGD, "decay_factor": "0.5"}},
            exponential(start=0.1, factor=0.5).by_epoch(),
        ),
        ({"type": "cosine", "conf": {**SGD, "start": "3e-4", "steps": 9_000}}, cosine(start=3e-4, steps=9_000)),
        ({"type": "noam", "conf": {**SGD, "peak": "3e-4", "warmup_steps": 10}}, noam(peak=3e-4, warmup_steps=10)),
        ({"schedule": "cosine(steps=90).warmup(10)", "conf": SGD}, cosine(steps=90).warmup(10)),
        ({"conf": {**SGD, "schedule": "cosine(steps=90).warmup(10)"}}, cosine(steps=90).warmup(10)),
        ({"schedule": {"cosine": {"start": "3e-4", "steps": 90}}, "conf": SGD}, cosine(start=3e-4, steps=90)),
        (
            {"type": "warmup", "conf": {**SGD, "schedule_": 1}},
            "optim_sches.conf: unknown key 'schedule_'; did you mean 'schedule'?",
        ),
    ],
)
def test_kinds_of_schedule(section, plan):
    if isinstance(plan, str):
        with pytest.raises(ValueError) as caught:  # noqa: PT011  # the message is compared below
            build_optim_sches(section, small_model())
        assert str(caught.value) == plan
        return
    assert build_optim_sches(section, small_model()).schedule == plan


def test_several_optimizers_and_what_overrides_what():
    model = EncoderDecoder()
    optim = build_optim_sches(
        {
            "a": {"schedule": "constant(value=0.1)", "conf": {**SGD, "updated_modules": "encoder", "grad_clip": "0.5"}},
            "b": {"schedule": "constant(value=0.2)", "conf": {**SGD, "updated_modules": ["decoder"]}},
        },
        model,
        grad_clip=2.0,
    )
    assert {name: member.grad_clip for name, member in optim.members.items()} == {"a": 0.5, "b": 2.0}
    assert optim.grad_clip is None
    assert optim.members["a"].optimizer.param_groups[0]["params"] == list(model.encoder.parameters())


def two(first, second):
    """Two sections, each with options of its own."""
    return {
        name: {"schedule": "constant(value=0.1)", "conf": {**SGD, "updated_modules": name, **options}}
        for name, options in (("encoder", first), ("decoder", second))
    }


def test_what_several_optimizers_have_in_common_may_stand_in_each_section():
    same = {"accum_grad": 4, "use_amp": "fp16", "steps_per_epoch": 10}
    optim = build_optim_sches(two(same, same), EncoderDecoder())
    assert (optim.accum_grad, optim.steps_per_epoch) == (4, 10)
    assert optim.scaler is not None


@pytest.mark.parametrize(
    ("name", "first", "second"), [("accum_grad", 2, 4), ("use_amp", "fp16", False), ("steps_per_epoch", 10, 20)]
)
def test_what_several_optimizers_have_in_common_must_be_the_same(name, first, second):
    said = rf"optim_sches: optimizers that train together need the same {name}, got .*{first}.*{second}"
    with pytest.raises(ValueError, match=said):
        build_optim_sches(two({name: first}, {name: second}), EncoderDecoder())
    with pytest.raises(ValueError, match=f"need the same {name}"):
        build_optim_sches(two({name: first}, {}), EncoderDecoder())


def conf(**changes):
    return {"optim_sches": {"decoder": {"type": "noam.Noamlr", "conf": {**SGD, **changes}}}}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            conf(optim_losses="loss"),
            "optim_sches.decoder.conf: unknown key 'optim_losses'; did you mean 'optim_loss'?",
        ),
        (conf(warmup_step=10), "optim_sches.decoder.conf: unknown key 'warmup_step'; did you mean 'warmup_steps'?"),
        (
            conf(optim_type="Adm"),
            "optim_sches.decoder: optim_type='Adm': torch.optim has no optimizer of this name; did",
        ),
        (conf(optim_type="os.system"), "torch.optim has no optimizer of this name"),
        (conf(optim_type="lr_scheduler.StepLR"), "torch.optim has no optimizer of this name"),
        (conf(optim_type="__builtins__"), "torch.optim has no optimizer of this name"),
        (conf(optim_type=torch.optim.SGD), "optim_sches.decoder.conf.optim_type must be the name of an optimizer"),
        (conf(optim_conf={"lr": 0.1, "beta": 1}), "optim_sches.decoder: optim_conf: SGD has no argument 'beta'"),
        (conf(optim_conf=[1]), "optim_sches.decoder.conf.optim_conf must be a mapping, got [1]"),
        (conf(updated_modules="decodr"), "optim_sches.decoder: updated_modules: no part of EncoderDecoder is named"),
        (conf(warmup_steps=-1), "optim_sches.decoder: "),
        (conf(grad_clip=0), "optim_sches.decoder: Member(grad_clip=0): grad_clip must be > 0"),
        ({"type": "noam.Noamlr", "conf": {}}, "optim_sches.conf: 'optim_type' is missing"),
        ({"type": "noam.Noamlr", "conf": {"optim_typ": "SGD"}}, "there is 'optim_typ': rename it"),
        ({"type": "nom.Noamler", "conf": SGD}, "optim_sches.type: unknown lr function or plan 'nom.Noamler'"),
        ({"type": "noam.cosine", "conf": {**SGD, "steps": 9}}, "unknown lr function or plan 'noam.cosine'"),
        (conf(optim_conf={"lr": "fast"}), "optim_sches.decoder: optim_conf.lr must be a number (the rate), got 'fast'"),
        (conf(d_model=4, optim_conf={"lr": "fast"}), "optim_sches.decoder: optim_conf.lr must be a number, got 'fast'"),
        (conf(warmup_steps="long"), "optim_sches.decoder.conf.warmup_steps must be a number, got 'long'"),
        (
            {"type": "exp.ExponentDecayLr", "conf": {**SGD, "decay_factor": "slow"}},
            "optim_sches.conf.decay_factor must be a number, got 'slow'",
        ),
        ({"type": "os.system", "conf": SGD}, "optim_sches.type: unknown lr function or plan 'os.system'"),
        ({"conf": SGD}, "optim_sches: give either 'type' or 'schedule', got neither"),
        ({"type": "cosine", "schedule": "cosine(steps=1)", "conf": SGD}, "either 'type' or 'schedule', got type and"),
        ({"type": "cosine", "conf": SGD, "config": {}}, "optim_sches: unknown key 'config'; did you mean 'conf'?"),
        ({"schedule": "cosin(steps=9)", "conf": SGD}, "optim_sches: parse: "),
        ({"schedule": "__import__('os').system('true')", "conf": SGD}, "optim_sches: parse: "),
        ({"schedule": "cosine(steps=9)", "conf": {**SGD, "steps": 9}}, "optim_sches.conf: unknown key 'steps'"),
        ({"a": 1}, "optim_sches.a must be a mapping, got 1"),
        ({}, "optim_sches: there is no optimizer in it"),
        ({"optim_sches": None}, "optim_sches: there is no optimizer in it"),
        ([1], "optim_sches must be a mapping, got [1]"),
        (
            {
                "a": {"type": "cosine", "conf": {**SGD, "steps": 9}},
                "b": {"type": "cosine", "conf": {**SGD, "steps": 9}},
            },
            "optim_sches: 'a' and 'b' would both update 'encoder.0.weight'",
        ),
    ],
)
def test_mistakes_are_named_with_their_path(config, message):
    with pytest.raises((TypeError, ValueError)) as caught:
        build_optim_sches(config, EncoderDecoder())
    assert message in str(caught.value)


def test_unknown_training_options():
    with pytest.raises(ValueError, match="build_optim_sches: unknown key 'accum_grads'; did you mean 'accum_grad'"):
        build_optim_sches({"type": "cosine", "conf": {**SGD, "steps": 9}}, small_model(), accum_grads=2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !ref <b>", "a: !ref <b> refers to no top-level value"),
        ("warmup: 1\na: !ref <warmups>", "did you mean 'warmup'?"),
        ("a: !ref <a>", "!ref <a> refers to itself"),
        ("a: !ref <b>\nb: !ref x<a>", "refers to itself"),
        ("a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("a: !include x.yaml", "could not determine a constructor"),
        ("a: [1", "while parsing"),
    ],
)
def test_yaml_that_is_refused(tmp_path, text, message):
    path = tmp_path / "train.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"train\.yaml") as caught:
        build_optim_sches(path, small_model())
    assert message in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        build_optim_sches(tmp_path / "none.yaml", small_model())


def test_schedules_are_what_parse_reads():
    text = "0.1 * cosine(steps=90).warmup(10)"
    section = {"schedule": text, "conf": SGD}
    assert build_optim_sches(section, small_model()).schedule == parse(text)


def test_schedules_by_pattern_as_text_and_as_data():
    model = EncoderDecoder()
    rules = {
        "encoder.*": {"lr": "linear(start=1e-3, steps=1_000)", "weight_decay": "1e-2"},
        "decoder.bias": {"lr": {"constant": {"value": "2e-3"}}, "lr_scale": 0.5},
        "*": "constant(value=3e-3)",
    }
    optim = build_optim_sches({"conf": {"optim_type": "AdamW", "schedules": rules}}, model)
    assert [group["lr"] for group in optim.optimizer.param_groups] == pytest.approx([0.999e-3, 1e-3, 3e-3])
    assert optim.optimizer.param_groups[0]["weight_decay"] == 0.01


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"*": "linaer(steps=9)"}, r"optim_sches.conf.schedules\['\*'\]: .*did you mean 'linear'"),
        ({"*": {"lr": "linear(steps=0)"}}, r"optim_sches.conf.schedules\['\*'\]\['lr'\]: .*steps must be > 0"),
        ("linear(steps=9)", r"optim_sches.conf.schedules must be a mapping"),
        ({"*": {"weight_decay": 0.1}}, "optim_sches: .*'lr'"),
    ],
)
def test_mistakes_in_schedules_by_pattern(rules, message):
    with pytest.raises((TypeError, ValueError), match="(?s)" + message):
        build_optim_sches({"conf": {"optim_type": "AdamW", "schedules": rules}}, EncoderDecoder())


@pytest.mark.parametrize("conf", [{"betas": [0.9]}, {"betas": 0.9}, {"lr": None}, {"fused": "yes"}, {"momentum": 0.9}])
def test_arguments_that_the_optimizer_refuses_have_a_path(conf):
    config = {"schedule": "constant(value=0.1)", "conf": {"optim_type": "AdamW", "optim_conf": conf}}
    with pytest.raises((TypeError, ValueError), match=r"^optim_sches: optim_conf"):
        build_optim_sches(config, EncoderDecoder())
