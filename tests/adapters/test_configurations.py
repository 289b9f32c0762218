"""Each tool for configurations reads a plan and writes it, and shows what is wrong with one."""

from __future__ import annotations

import argparse
import collections
import json
import pickle
import subprocess
import sys
import types

import pytest

from optimsche import Schedule, cosine, from_dict, milestones, parse, warmup_cosine

PLAN = warmup_cosine(peak=1e-3, warmup_steps=2, total_steps=8)
STAIRS = milestones(start=0.1, at=(30, 60))
WRONG = "cosin(steps=9)"
HINT = "unknown lr function or plan 'cosin'; did you mean 'cosine'?"


# -- any mapping, any sequence, and what is a plan already ------------------------------------------------------------


@pytest.mark.parametrize("read", [parse, from_dict])
@pytest.mark.parametrize(
    "given",
    [
        STAIRS,
        repr(STAIRS),
        STAIRS.to_dict(),
        json.dumps(STAIRS.to_dict()),
        types.MappingProxyType({"milestones": collections.UserDict(start="0.1", at=collections.UserList([30, "60"]))}),
        {"milestones": {"start": 0.1, "at": range(30, 61, 30)}},
        {"_target_": "optimsche.milestones", "start": 0.1, "at": [30, 60]},
        {"_target_": "optimsche.lr_fns.milestones.milestones", "_convert_": "all", "start": 0.1, "at": [30, 60]},
        {"class_path": "optimsche.milestones", "init_args": {"start": 0.1, "at": [30, "60"]}},
    ],
)
def test_both_functions_take_all_forms(read, given):
    assert read(given) == STAIRS


def test_hydras_form_may_be_nested():
    inner = {"_target_": "optimsche.cosine", "start": "1e-3", "steps": 6}
    assert from_dict({"_target_": "optimsche.warmup", "schedule": inner, "steps": 2}) == PLAN
    assert from_dict({"warmup": {"schedule": inner, "steps": 2}}) == PLAN
    assert (
        from_dict({"_target_": "optimsche.sequence", "schedules": [inner, "linear(start=0, end=0, steps=2)"]}).length
        == 8
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"_target_": "optimsche.cosin", "steps": 9}, f"from_dict: {HINT}"),
        (
            {"_target_": "torch.optim.lr_scheduler.cosine"},
            "from_dict: 'torch.optim.*' is no lr .*; write optimsche.cosine",
        ),
        (
            {"_target_": "optimsche.peers.torch.StepLR", "step_size": 3},
            "other systems' .* in Python; store the repr of it",
        ),
        ({"class_path": "optimsche.cosin"}, f"from_dict: {HINT}"),
        ({"class_path": "optimsche.cosine", "step": 9}, "one name with its parameters, .* got {'class_path'"),
        (
            {"_target_": "optimsche.cosine", "step": 9},
            r"at optimsche.cosine: cosine\(\) has no parameter 'step'; did you",
        ),
        ({"_target_": "optimsche.cosine", "steps": 9, "_partial_": True}, "has no parameter '_partial_'"),
        (["cosine"], r"one name with its parameters, .* got \['cosine'\]"),
        (b"cosine(steps=9)", "got b'cosine"),
    ],
)
def test_a_wrong_form_is_refused(given, words):
    with pytest.raises((ValueError, TypeError), match=words.replace("?", r"\?")):
        from_dict(given)


# -- argparse ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [parse, from_dict])
def test_argparse_shows_what_is_wrong(read, capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument("--plan", type=read, default=PLAN)
    assert parser.parse_args([]).plan is PLAN
    assert parser.parse_args(["--plan", repr(STAIRS)]).plan == STAIRS
    with pytest.raises(SystemExit):
        parser.parse_args(["--plan", WRONG])
    assert HINT in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parser.parse_args(["--plan", "cosine(steps='a')"])
    assert "steps must be a number" in capsys.readouterr().err


def test_click(capsys):
    click = pytest.importorskip("click")
    command = click.Command("train", params=[click.Option(["--plan"], type=parse)], callback=lambda plan: plan)
    assert command.main(["--plan", repr(STAIRS)], standalone_mode=False) == STAIRS
    with pytest.raises(click.BadParameter, match=HINT.replace("?", r"\?")):
        command.main(["--plan", WRONG], standalone_mode=False)


def test_the_error_is_what_it_says():
    with pytest.raises(ValueError, match="cosin") as caught:
        parse(WRONG)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (ValueError, str(caught.value))
    assert type(caught.value).__name__ == "ValueError"
    with pytest.raises(TypeError):
        parse("cosine(steps='a')")


# -- YAML, OmegaConf, Hydra -------------------------------------------------------------------------------------------


def test_ml_collections():
    collections = pytest.importorskip("ml_collections")
    for kind in (collections.ConfigDict, collections.FrozenConfigDict):
        assert from_dict(kind({"plan": STAIRS.to_dict()}).plan) == parse(kind(STAIRS.to_dict())) == STAIRS


@pytest.mark.parametrize("write", ["dump", "safe_dump"])
def test_yaml_writes_text(write):
    yaml = pytest.importorskip("yaml")
    long = PLAN.then(STAIRS, at=8).jitter(0.1)
    assert getattr(yaml, write)({"plan": STAIRS}) == f"plan: {STAIRS!r}\n"
    assert parse(yaml.safe_load(getattr(yaml, write)([long]))[0]) == long


def test_yaml():
    yaml = pytest.importorskip("yaml")
    assert from_dict(yaml.safe_load(yaml.safe_dump(STAIRS.to_dict()))) == STAIRS
    assert parse(yaml.safe_load(yaml.safe_dump(str(STAIRS)))) == STAIRS


def test_omegaconf():
    omegaconf = pytest.importorskip("omegaconf").OmegaConf
    config = omegaconf.create({"at": 30, "plan": {"milestones": {"start": 0.1, "at": ["${at}", 60]}}})
    assert from_dict(config.plan) == STAIRS
    assert milestones(start=0.1, at=config.plan.milestones["at"]) == STAIRS
    assert parse(omegaconf.create({"plan": str(STAIRS)}).plan) == STAIRS
    assert from_dict(omegaconf.create(omegaconf.to_yaml(omegaconf.create(STAIRS.to_dict())))) == STAIRS


def test_hydra():
    instantiate = pytest.importorskip("hydra.utils").instantiate
    omegaconf = pytest.importorskip("omegaconf").OmegaConf
    config = omegaconf.create(
        {
            "_target_": "optimsche.then",
            "first": {"_target_": "optimsche.milestones", "start": 0.1, "at": [30, 60]},
            "second": {"_target_": "optimsche.cosine", "start": 0.001, "steps": 40},
            "at": 80,
        }
    )
    plan = STAIRS.then(cosine(start=0.001, steps=40), at=80)
    assert instantiate(config) == plan
    assert from_dict(config) == plan
    assert instantiate({"_target_": "optimsche.parse", "text": repr(plan)}) == plan
    assert instantiate({"_target_": "optimsche.from_dict", "data": {"cosine": {"steps": 9}}}) == cosine(steps=9)


# -- jsonargparse -----------------------------------------------------------------------------------------------------


def a_parser():
    jsonargparse = pytest.importorskip("jsonargparse")
    return jsonargparse.ArgumentParser(exit_on_error=False)


@pytest.mark.parametrize("given", [repr(STAIRS), json.dumps(STAIRS.to_dict())])
def test_jsonargparse_by_a_function(given, tmp_path):
    parser = a_parser()
    parser.add_argument("--plan", type=parse)
    parser.add_argument("--config", action="config")
    assert parser.parse_args(["--plan", given]).plan == STAIRS
    (tmp_path / "run.yaml").write_text("plan: {milestones: {start: 0.1, at: [30, 60]}}")
    assert parser.parse_args(["--config", str(tmp_path / "run.yaml")]).plan == STAIRS
    with pytest.raises(Exception, match=HINT.replace("?", r"\?")):
        parser.parse_args(["--plan", WRONG])


def test_jsonargparse_by_the_type(tmp_path):
    register_type = pytest.importorskip("jsonargparse.typing").register_type
    register_type(Schedule, serializer=str, deserializer=parse, fail_already_registered=False)

    def train(plan: Schedule = PLAN, seed: int = 0):
        return plan

    parser = a_parser()
    parser.add_function_arguments(train)
    parser.add_argument("--config", action="config")
    assert parser.parse_args([]).plan == PLAN
    read = parser.parse_args(["--plan", repr(STAIRS)])
    assert read.plan == STAIRS
    (tmp_path / "run.yaml").write_text(parser.dump(read))
    assert parser.parse_args(["--config", str(tmp_path / "run.yaml")]).plan == STAIRS
    (tmp_path / "run.yaml").write_text("plan: {milestones: {start: 0.1, at: [30, 60]}}")
    assert parser.parse_args(["--config", str(tmp_path / "run.yaml")]).plan == STAIRS
    (tmp_path / "run.yaml").write_text("plan: {class_path: optimsche.cosine, init_args: {steps: 9}}")
    assert parser.parse_args(["--config", str(tmp_path / "run.yaml")]).plan == cosine(steps=9)
    with pytest.raises(Exception, match=HINT.replace("?", r"\?")):
        parser.parse_args(["--plan", WRONG])


# -- pydantic ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", [STAIRS, repr(STAIRS), STAIRS.to_dict(), {"_target_": "optimsche.milestones", **STAIRS.params}]
)
def test_pydantic(given):
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Model", plan=(Schedule, ...), other=(Schedule | None, None))
    read = model(plan=given)
    assert read.plan == STAIRS
    assert read.model_dump() == {"plan": STAIRS, "other": None}
    assert json.loads(read.model_dump_json()) == {"plan": repr(STAIRS), "other": None}
    assert model.model_validate_json(read.model_dump_json()) == read
    assert model(other=given, plan=given).other == STAIRS
    taken = model.model_json_schema()["properties"]["plan"]["anyOf"]
    assert [kind["type"] for kind in taken] == ["string", "object"]
    assert model.model_json_schema(mode="serialization")["properties"]["plan"]["type"] == "string"


@pytest.mark.parametrize(
    ("given", "words"), [(WRONG, HINT), ("cosine(steps='a')", "steps must be a number"), (3, "got 3")]
)
def test_pydantic_shows_what_is_wrong(given, words):
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Model", plan=(Schedule, ...))
    with pytest.raises(pydantic.ValidationError, match=words.replace("?", r"\?")):
        model(plan=given)


# -- files and loggers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("imports", ["import optimsche, torch", "import torch, optimsche"])
def test_torch_load_reads_a_plan_by_its_default(imports, tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"plan": PLAN}, tmp_path / "plan.pt")
    code = f"{imports}\nprint(torch.load({str(tmp_path / 'plan.pt')!r}))"  # in a process that never wrote one
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == (f"{{'plan': {PLAN!r}}}\n", "")


def test_what_waits_for_torch_and_yaml_leaves_other_imports_alone():
    count = "print(len([f for f in sys.meta_path if 'optimsche' in type(f).__module__]))\n"
    code = f"import optimsche, json.tool, sys\n{count}import torch, yaml\n{count}"
    pytest.importorskip("torch")
    pytest.importorskip("yaml")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("1\n0\n", "")


def test_weights_and_biases_gets_text():
    json_friendly = pytest.importorskip("wandb.util").json_friendly_val
    assert json_friendly({"plan": STAIRS}) == {"plan": repr(STAIRS)}


def test_tensorboard_gets_text():
    pytest.importorskip("tensorboard")
    pytest.importorskip("lightning")
    from lightning.pytorch.loggers import TensorBoardLogger

    assert TensorBoardLogger._sanitize_params({"plan": STAIRS}) == {"plan": repr(STAIRS)}


def test_the_hyperparameters_beside_a_log_of_lightnings_are_read(tmp_path):
    saving = pytest.importorskip("lightning.pytorch.core.saving")
    saving.save_hparams_to_yaml(tmp_path / "hparams.yaml", {"plan": STAIRS})
    assert parse(saving.load_hparams_from_yaml(tmp_path / "hparams.yaml")["plan"]) == STAIRS


def test_mlflow_gets_text():
    entities = pytest.importorskip("mlflow.entities")
    assert entities.Param("plan", str(STAIRS)).value == repr(STAIRS)
