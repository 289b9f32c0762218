"""check_scheduler names what is wrong with a scheduler, with the shortest program, and leaves right ones alone."""

import math
import os
import subprocess
import sys

import optax
import pytest
import torch
from torch.optim import lr_scheduler

import optimsche as o
from optimsche.testing import check_scheduler
from optimsche.testing.schedulers.laws import ASKED_FOR, BY_DEFAULT
from tests.schedulers import right
from tests.schedulers.faults import FAULTS
from tests.schedulers.systems import systems

RIGHT = [right.Right, right.ByNumber, right.ByPosition, right.Plateau, right.ChainedForm]
TORCH = next(schedulers for system, schedulers in systems() if system == "torch")


@pytest.mark.parametrize(("faulty", "law", "programs"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_fault_is_named_with_the_shortest_program(faulty, law, programs):
    with pytest.raises(AssertionError) as caught:
        check_scheduler(faulty, horizon=16, also=[law] if law in ASKED_FOR else [])
    first, second = str(caught.value).split("\n")[:2]
    assert first.startswith(f"{law}: {faulty.__name__}: ")
    assert second.startswith(tuple(f"    after {program} " for program in programs))


def test_every_law_has_a_fault_that_it_names():
    assert {law for _, law, _ in FAULTS} == {*BY_DEFAULT, *ASKED_FOR}
    assert len(FAULTS) >= 20


@pytest.mark.parametrize("make", RIGHT)
def test_what_is_right_keeps_every_law(make):
    also = [] if make is right.ChainedForm else list(ASKED_FOR)
    missing = {"closed_form"} if make is right.ChainedForm else set()
    assert check_scheduler(make, horizon=16, also=also, examples=10) == tuple(
        law for law in (*BY_DEFAULT, *also) if law not in missing
    )


@pytest.mark.parametrize("name", TORCH)
def test_torchs_own_keep_the_laws_that_are_asked_by_default(name):
    without = ["load_keeps_argument"] if name == "CyclicLR" else []
    assert "resumed" in check_scheduler(TORCH[name], horizon=16, without=without, examples=3)


def test_torchs_cyclic_changes_the_state_that_it_loads():
    with pytest.raises(AssertionError) as caught:
        check_scheduler(TORCH["CyclicLR"])
    assert str(caught.value) == (
        "load_keeps_argument: CyclicLR: loading a state does not change it\n"
        "    after ['load'] in the state that was loaded, state['_scale_fn_custom'] was None and is gone"
    )
    scheduler = TORCH["CyclicLR"](torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9))
    state = scheduler.state_dict()
    scheduler.load_state_dict(state)
    with pytest.raises(KeyError, match="_scale_fn_custom"):
        scheduler.load_state_dict(state)


# -- what else may be checked -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        lambda n: 0.1 * 0.9**n,
        optax.cosine_decay_schedule(0.1, 20),
        o.warmup_cosine(peak=0.1, warmup_steps=5, total_steps=20),
    ],
    ids=["function", "optax", "ours"],
)
def test_a_function_of_the_step(function):
    also = ["added_groups", "in_place", "optimizer_first"]
    tried = check_scheduler(lambda optimizer: function, horizon=8, also=also, examples=3)
    assert {"finite", "repeatable", "reading", "resumed", "copied"} < set(tried)
    assert "load_keeps_argument" not in tried


def test_a_function_that_remembers_is_found():
    def remembers(optimizer):
        rate = [0.1]

        def next_rate(n):
            rate[0] *= 0.9
            return rate[0]

        return next_rate

    with pytest.raises(
        AssertionError, match=r"^reading: function: reading changes nothing\n +after \['read', 'step'\]"
    ):
        check_scheduler(remembers)


def test_a_metric_of_its_own_is_drawn():
    class Forgetful(right.Plateau):
        """Has seen the best metric, and forgets it only where that was below 1."""

        def load_state_dict(self, state):
            super().load_state_dict({**state, "best": max(state["best"], 1.0)})

    with pytest.raises(AssertionError, match=r"^resumed: Forgetful: .*\n +after \['step\(0\.5\)', .*'resume', "):
        check_scheduler(Forgetful, horizon=8, examples=100, without=[law for law in BY_DEFAULT if law != "resumed"])


def test_the_number_of_the_step_may_come_in_several_ways():
    class Updated(right.Right):
        """Of timm's kind, and fairseq's: told the number, and nothing else."""

        def step(self, epoch):
            """Nothing is scheduled by epochs."""

        def step_update(self, num_updates):
            self.number = num_updates
            self.write()

    assert "resumed" in check_scheduler(Updated, horizon=8, examples=3)


def test_a_metric_that_may_be_given_is_given():
    class NeedsAMetric(right.Plateau):
        def step(self, epoch=None, val_loss=None):
            assert val_loss is not None
            super().step(val_loss)

    assert "resumed" in check_scheduler(NeedsAMetric, horizon=8, examples=3)


def test_one_that_is_made_for_so_many_groups_is_asked_with_these():
    def make(optimizer):
        return lr_scheduler.LambdaLR(optimizer, [lambda n: 0.9**n, lambda n: 0.9**n])

    assert "groups_independent" in check_scheduler(make, horizon=8, examples=3)


def test_a_law_that_is_broken_on_purpose_is_left_out():
    class FallsForEver(right.Right):
        def factor(self, number):
            return 1 - number / 10

    assert "not_negative" not in check_scheduler(FallsForEver, horizon=16, without=["not_negative"], examples=3)


def test_another_optimizer():
    class NeedsMomentum(right.Right):
        def __init__(self, optimizer):
            assert "momentum" in optimizer.defaults
            super().__init__(optimizer)

    assert check_scheduler(
        NeedsMomentum, horizon=8, optimizer=lambda groups: torch.optim.SGD(groups, momentum=0.9), examples=3
    )


def test_one_that_ends_says_where_when_it_is_stepped_past_its_end():
    def make(optimizer):
        return lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=10)

    said = (
        r"^finite: OneCycleLR: a rate is a real, finite number\n +after \['step'\] \* 11 it raises ValueError: .*\n +If"
    )
    with pytest.raises(AssertionError, match=rf"{said} it ends before that, say so: horizon=10$"):
        check_scheduler(make)
    assert check_scheduler(make, horizon=10, examples=3)


def test_what_a_scheduler_raises_is_the_cause():
    class Raises(right.Right):
        def load_state_dict(self, state):
            raise RuntimeError("the file of the state is gone")

    with pytest.raises(AssertionError, match=r"^resumed: Raises: .*\n +after \['resume'\] it raises RuntimeError: the"):
        check_scheduler(Raises)


@pytest.mark.parametrize("odd", [0.01 + 0.02j, "0.1", None, [0.1], math.inf, True])
def test_an_odd_rate_is_a_finding_of_the_first_law_and_of_no_other(odd):
    class Odd(right.Right):
        def rate_of(self, group):
            return super().rate_of(group) if self.number < 2 else odd

    with pytest.raises(AssertionError, match=r"^finite: Odd: .*\n +after \['step', 'step'\] the rates are \["):
        check_scheduler(Odd)
    assert "resumed" in check_scheduler(Odd, horizon=8, without=["finite", "closed_form", "tensor_rate"], examples=3)


# -- wrong calls ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: check_scheduler(3), TypeError, "make must be a function of an optimizer, got int"),
        (lambda: check_scheduler(lambda optimizer: None), TypeError, "must return a scheduler, got NoneType: an obj"),
        (
            lambda: check_scheduler(lambda optimizer: right.Right),
            TypeError,
            "must return a scheduler, got type: an obj",
        ),
        (lambda: check_scheduler(right.Right, examples=0), ValueError, "examples must be a whole number >= 1"),
        (
            lambda: check_scheduler(lambda optimizer: o.OptimScheduler(optimizer, o.constant(), rates="relative")),
            TypeError,
            "step of OptimScheduler needs losses, step_num; make must return one whose step",
        ),
        (
            lambda: check_scheduler(lambda optimizer: lambda n: 1 / n),
            ValueError,
            "no value at 0, before the first step",
        ),
        (lambda: check_scheduler(right.Right, horizon=0), ValueError, r"horizon=0\): horizon must be a whole number"),
        (lambda: check_scheduler(right.Right, also="pickle"), TypeError, r"write a list, also=\['pickle'\]"),
        (lambda: check_scheduler(right.Right, also=["pickles"]), ValueError, "'pickles'; did you mean 'pickle'"),
        (lambda: check_scheduler(right.Right, also=["finite"]), ValueError, "'finite'; it is asked by default"),
        (lambda: check_scheduler(right.Right, without=["pickle"]), ValueError, "'pickle'; it is asked only with also"),
        (lambda: check_scheduler(right.Right, without=["zzz"]), ValueError, "no law 'zzz'; they are finite, not_neg"),
    ],
)
def test_wrong_calls(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_it_needs_torch_and_says_so():
    code = (
        "import sys; sys.modules['torch'] = None\nfrom optimsche.testing import check_scheduler\ncheck_scheduler(len)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ModuleNotFoundError: check_scheduler needs PyTorch: pip install torch" in ran.stderr


def test_nothing_is_left_behind(tmp_path):
    test = (
        "from optimsche import Rate, lr_fn\n"
        "from optimsche.testing import check_laws, check_scheduler\n"
        "from torch.optim.lr_scheduler import StepLR\n"
        "@lr_fn\n"
        "def flat(real_step, epoch, *, peak: Rate, name: str = 'flat'):\n"
        "    return peak + 0.0 * real_step\n"
        "check_laws(flat, backends=[], examples=3)\n"
        "check_scheduler(lambda optimizer: StepLR(optimizer, 7), examples=3)\n"
    )
    (tmp_path / "mine.py").write_text(test)
    settings = {name: value for name, value in os.environ.items() if not name.startswith("HYPOTHESIS")}
    subprocess.run([sys.executable, "-B", "mine.py"], cwd=tmp_path, env=settings, check=True)
    assert os.listdir(tmp_path) == ["mine.py"]
