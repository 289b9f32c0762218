"""A sample of the enumerated faults; all of them: ``python -m tests.training.faults``."""

import contextlib

import pytest

from optimsche.training import gradients, stages
from optimsche.training.members import Member
from optimsche.training.window import Order
from tests.training import faults

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("precision", faults.PRECISIONS)
@pytest.mark.parametrize("optimizer", faults.OPTIMIZERS)
def test_every_optimizer_survives_in_every_precision(optimizer, precision):
    found = list(faults.enumerate_all([optimizer], [precision], every=17))
    assert len({kind for kind, _, _ in found}) >= 10 or not found
    assert [(kind, place) for kind, place, survived in found if not survived] == []


@pytest.mark.parametrize("kind", faults.KINDS)
def test_every_kind_strikes_everywhere(kind):
    ends = {}
    for place in faults.places(kind, "float32"):
        assert faults.survives(kind, place, "AdamW", "float32", ends), place


# -- the comparison itself: each of these bugs is one line, and is seen ----------------------------------------------


def broken(monkeypatch, bug):
    """Put one bug in, and say which kinds of fault show it."""
    bug(monkeypatch)
    shown, ends = set(), {}
    for kind in faults.KINDS:
        for place in faults.places(kind, "float32")[:12]:
            with contextlib.suppress(Exception):
                if faults.survives(kind, place, "fused AdamW", "float32", ends):
                    continue
            shown.add(kind)
            break
    return shown


def never_infinite(patch):
    patch.setattr(stages, "skip_non_finite", lambda gradients: None)


def nothing_dropped(patch):
    patch.setattr(Order, "fail", lambda *arguments: None)


def gradients_kept(patch):
    patch.setattr(Member, "drop_gradients", lambda self: None)


def no_order(patch):
    patch.setattr(Order, "admit", lambda self, turn, **_: self.window_of(turn))


@pytest.mark.parametrize(
    ("bug", "kind"),
    [
        (never_infinite, "nan in a gradient"),
        (nothing_dropped, "exception in backward"),
        (gradients_kept, "killed and resumed"),
        (no_order, "step_num repeated"),
    ],
)
def test_a_bug_is_seen(bug, kind, monkeypatch):
    assert kind in broken(monkeypatch, bug)


def test_a_flag_that_never_says_skip_is_seen_on_the_device(monkeypatch):
    honest = gradients.fused_step
    monkeypatch.setattr(gradients, "fused_step", lambda *a: honest(*a[:-1], a[-1] * 0))
    with faults.on_the_device():
        place = faults.places("nan in a gradient", "float32")[0]
        assert not faults.survives("nan in a gradient", place, "fused AdamW", "float32", {})


def test_a_run_on_real_data_with_faults_is_as_good():
    """A tenth of the documented run: ``python -m tests.training.faults_on_digits``."""
    from tests.training.faults_on_digits import accuracy

    clean, none, made = accuracy(0, faults=False, updates=300)
    struck, injected, fewer = accuracy(0, faults=True, updates=300)
    assert (none, made, injected, fewer) == (0, 300, 6, 294)
    assert struck > clean - 0.03
