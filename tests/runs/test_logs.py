"""Logs as trainers write them, and files that are none."""

import json
import sys
import time

import pytest

from optimsche import read_log

STATE = {"global_step": 30, "log_history": [
    {"step": 10, "loss": 2.0, "learning_rate": 1e-4},
    {"step": 20, "eval_loss": 1.9},
    {"step": 20, "loss": 1.8, "learning_rate": 5e-5},
]}  # fmt: skip
WANDB = (
    '"Step","run-1 - train/learning_rate","run-1 - train/learning_rate__MIN","run-1 - train/learning_rate__MAX"\n'
    '"10","0.0001","0.0001","0.0001"\n"20","0.00005","0.00005","0.00005"\n'
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("trainer_state.json", json.dumps(STATE)),
        ("list.json", json.dumps(STATE["log_history"])),
        ("records.jsonl", "\n".join(map(json.dumps, STATE["log_history"])) + "\n\n"),
        ("log.csv", "step,loss,lr\n10,2.0,1e-4\n15,1.9,\n20,1.8,5e-05\n"),
        ("log.tsv", "iteration\tlearning_rate\n10\t1e-4\n20\t5e-5\n"),
        ("wandb.csv", WANDB),
        ("train.log", "[step 10] loss 2.0 lr 1e-4\nsaved\nstep: 20 | loss: 1.8 | learning_rate: 5.0e-05\n"),
        ("train.txt", "iter 10: loss 2.0, lr-AdamW=[1e-4]\niter 20: loss 1.8, lr-AdamW=[5e-5]\n"),
    ],
)
def test_formats(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    assert read_log(tmp_path / name) == ((1e-4, 5e-5), (10, 20))


def test_printed_dictionaries_without_steps_are_numbered(tmp_path):
    (tmp_path / "out").write_text("{'loss': 2.0, 'learning_rate': 0.0001}\n{'loss': 1.8, 'learning_rate': 5e-05}\n")
    assert read_log(tmp_path / "out") == ((1e-4, 5e-5), (1, 2))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.log", "\x1b[32mstep: 1,000\x1b[0m  lr: \x1b[1m1e-4\x1b[0m\n\x1b[32mstep: 2,000\x1b[0m  lr: 5e-05\n"),
        ("a.log", "Iter(train) [1000/9000]  lr: 1.0000e-04\nIter(train) [2000/9000]  lr: 5.0000e-05\n"),
        ("a.csv", "_step,train/global_step,train/learning_rate\n1,1000,1e-4\n2,2000,5e-05\n"),
        ("a.csv", "step,lr-AdamW/pg1\n1000,1e-4\n2000,5e-05\n"),
        ("a.jsonl", '{"current_steps": 1000, "lr": 1e-4}\n{"current_steps": 2000, "lr": 5e-05}\n'),
    ],
)
def test_the_step_is_that_of_the_run(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    assert read_log(tmp_path / name) == ((1e-4, 5e-5), (1_000, 2_000))


@pytest.mark.parametrize(
    "text",
    [
        "Epoch: [0]  [10/100]  lr: 0.0001\nEpoch: [0]  [20/100]  lr: 0.0001\n",
        "10/100 [=====] - loss: 0.1 - lr: 1e-4\n20/100 [=====] - loss: 0.1 - lr: 1e-4\n",
        "[step=10/100]\n    optim/learning_rate=0.0001\n[step=20/100]\n    optim/learning_rate=0.0001\n",
        "{'learning_rate': 0.0001, 'epoch': 0.1}\n{'learning_rate': 0.0001, 'epoch': 0.2}\n",
    ],
)
def test_lines_are_not_numbered_where_something_else_may_be_the_step(text, tmp_path):
    (tmp_path / "a.log").write_text(text)
    with pytest.raises(ValueError, match=r"no number that is called a step, but there is .* pattern=r"):
        read_log(tmp_path / "a.log")


def test_a_pattern_and_named_columns(tmp_path):
    (tmp_path / "out").write_text("10> eta=1e-4\n20> eta=5e-5\n")
    assert read_log(tmp_path / "out", pattern=r"(?P<step>\d+)> eta=(?P<rate>\S+)") == ((1e-4, 5e-5), (10, 20))
    (tmp_path / "a.csv").write_text("n,lr_encoder,lr_decoder\n10,1e-4,3\n20,5e-5,3\n")
    with pytest.raises(ValueError, match="several columns of a rate: 'lr_encoder', 'lr_decoder'; say which, rate="):
        read_log(tmp_path / "a.csv")
    assert read_log(tmp_path / "a.csv", rate="lr_encoder", step="n") == ((1e-4, 5e-5), (10, 20))
    with pytest.raises(ValueError, match="has no 'lr_encode'; did you mean 'lr_encoder'"):
        read_log(tmp_path / "a.csv", rate="lr_encode")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b"", "is no JSON"),
        ("a.json", b"[" * 100_000, "is no JSON"),
        ("a.json", b'{"log_history": 7}', "must have records"),
        ("a.json", b'[{"step": 1}]', "no column that is called as a learning rate is; it has 'step'"),
        ("a.json", b'[{"step": 1, "lr": "fast"}]', "lr must be numbers >= 0, got 'fast'"),
        ("a.json", b'[{"step": 1, "lr": NaN}]', "lr must be numbers >= 0, got nan"),
        ("a.json", b'[{"step": 1.5, "lr": 1}]', "step must be whole numbers, got 1.5"),
        ("a.json", b'[{"lr": 1}, {"step": 3, "lr": 1}]', "a record with a rate has no 'step'"),
        ("a.jsonl", b'{"lr": 1}\n{"lr"', "line 2 is no JSON"),
        ("a.csv", b"", "it has none. Name it"),
        ("a.csv", b"step,lr\n", "has no learning rates"),
        ("a.csv", b"step,lr\n1," + b"9" * 400_000, "is no CSV"),
        ("a.csv", b"\xff\xfe\x00\x81", "is no text"),
        ("a.log", b"nothing here\n", "has no learning rates"),
        ("a.log", b"step 1 lr 0.1\nlr 0.2\n", "some lines with a rate have a step and others have none"),
        ("a.log", b"lr " * 2_000_000, "has no learning rates"),
        ("a.log", (b"lr" + b" " * 10_000 + b"step" + b" " * 10_000 + b"x\n") * 100, "has no learning rates"),
    ],
)
def test_hostile_files_are_answered_in_time(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    begin = time.perf_counter()
    with pytest.raises(ValueError, match=message):
        read_log(tmp_path / name)
    assert time.perf_counter() - begin < 10


def test_wrong_calls(tmp_path):
    (tmp_path / "a.log").write_text("step 1 lr 0.1\n")
    with pytest.raises(ValueError, match="it is no regular expression"):
        read_log(tmp_path / "a.log", pattern="(")
    with pytest.raises(ValueError, match=r"must have a group \(\?P<rate>"):
        read_log(tmp_path / "a.log", pattern=r"lr (\S+)")
    with pytest.raises(ValueError, match="which has no columns; give pattern="):
        read_log(tmp_path / "a.log", rate="lr")
    with pytest.raises(FileNotFoundError):
        read_log(tmp_path / "none.csv")


def test_tensorboard_is_needed_for_its_files_alone(tmp_path, monkeypatch):
    path = tmp_path / "events.out.tfevents.1.host"
    path.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ModuleNotFoundError, match="pip install tensorboard"):
        read_log(path)
