"""Windows, weights, skips, saves and loads in any order: an OptimScheduler does what a loop written by hand does."""

import copy
import io

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from optimsche import OptimScheduler, warmup_cosine
from optimsche.counting import next_window, window_of
from tests.training.helpers import break_gradients, loss_of, small_model, some_batches

PLAN = warmup_cosine(peak=0.05, warmup_steps=3, total_steps=12)
BATCHES = [(x.double(), y.double()) for x, y in some_batches(16)]
# Windows of three micro-batches, and one of a single one where an epoch ends.
IN = {"accum_grad": 3, "steps_per_epoch": 7}
CLIP = 0.3


def optimizer_of(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def build():
    model = small_model().double()
    return model, OptimScheduler(optimizer_of(model), PLAN, grad_clip=CLIP, **IN)


class ByHand:
    """The same training as a loop of torch: the micro-batches of a window are kept, and their mean is one loss."""

    def __init__(self):
        self.model = small_model().double()
        self.optimizer = optimizer_of(self.model)
        self.window = []

    def state(self):
        return copy.deepcopy((self.model.state_dict(), self.optimizer.state_dict()))

    def load(self, state):
        model, optimizer = copy.deepcopy(state)
        self.model.load_state_dict(model)
        self.optimizer.load_state_dict(optimizer)
        self.window = []

    def update(self, rate):
        """The update of the window, and whether it is made."""
        window, self.window = self.window, []
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if any(bad for _, _, bad in window):
            return False
        total = sum(weight for _, weight, _ in window)
        self.optimizer.zero_grad()
        (sum(weight * loss_of(self.model, batch) for batch, weight, _ in window) / total).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        return True


class Training(RuleBasedStateMachine):
    """What a training loop may do, at any moment."""

    @initialize()
    def begin(self):
        self.model, self.optim = build()
        self.by_hand = ByHand()
        self.number = 1  # of the micro-batch that comes next
        self.again_from = 1  # where a run goes on that is resumed now
        self.weighted = None
        self.saved = []

    @rule(
        bad=st.sampled_from([False, False, False, True]),
        weight=st.sampled_from([1.0, 2.0, 0.25]),
        weighted=st.booleans(),
        last=st.sampled_from([False, False, False, True]),
        in_two=st.booleans(),
    )
    def micro_batch(self, bad, weight, weighted, last, in_two):
        if self.weighted is None:  # a window is weighted as a whole, or not
            self.weighted = weighted
        window, batch = window_of(self.number, **IN), BATCHES[self.number % len(BATCHES)]
        how = {"step_num": self.number, **({"weight": weight} if self.weighted else {})}
        with self.optim.micro_batch(self.number):
            loss = break_gradients(self.model) if bad else loss_of(self.model, batch)
        if in_two:
            self.optim.backward(loss, **how, last=last)
            result = self.optim.update(step_num=self.number, last=last)
        else:
            result = self.optim.step(loss, **how, last=last)
        self.by_hand.window.append((batch, weight if self.weighted else 1.0, bad))

        due = last or self.number == window.last
        assert (result.closed, result.real_step, result.lr) == (due, window.real_step, PLAN(window.real_step))
        if not due:
            assert not result.updated
            self.number += 1
            return
        made = self.by_hand.update(PLAN(window.real_step))
        assert (result.updated, result.skipped) == (made, not made)
        assert self.optim.get_lr() == PLAN(window.real_step)
        self.next_window()

    def next_window(self):
        self.number = self.again_from = next_window(self.number, **IN)
        self.weighted = None

    @precondition(lambda self: self.by_hand.window)
    @rule()
    def discard_the_open_window(self):
        self.optim.discard()
        self.by_hand.window = []
        # It is that of the micro-batch before, whether or not that was the last but one.
        self.number -= 1
        self.next_window()

    @rule()
    def discard_a_window_that_has_not_come(self):
        self.optim.discard(self.number)
        self.by_hand.window = []
        self.next_window()

    @rule()
    def save(self):
        file = io.BytesIO()
        torch.save({"model": self.model.state_dict(), "optim": self.optim.state_dict()}, file)
        self.saved.append((file, self.again_from, self.by_hand.state()))

    @precondition(lambda self: self.saved)
    @rule(data=st.data(), fresh=st.booleans())
    def load(self, data, fresh):
        file, self.number, by_hand = data.draw(st.sampled_from(self.saved))
        file.seek(0)
        state = torch.load(file)
        if fresh:
            self.model, self.optim = build()
        self.model.load_state_dict(state["model"])
        self.optim.load_state_dict(state["optim"])
        self.by_hand.load(by_hand)
        self.again_from, self.weighted = self.number, None

    @rule()
    def look(self):
        self.optim.state_dict(), self.optim.get_lr(), repr(self.optim)

    @invariant()
    def the_weights_are_those_of_the_loop(self):
        ours, theirs = self.model.parameters(), self.by_hand.model.parameters()
        for mine, by_hand in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine, by_hand, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("one_thread")
class TestTraining(Training.TestCase):
    settings = settings(max_examples=40, stateful_step_count=30)
