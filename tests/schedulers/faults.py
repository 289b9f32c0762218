"""Schedulers that are wrong in one way each, the law that says so, and the shortest program that shows it."""

import random

from tests.schedulers.right import Plateau, Right

FAULTS = []


def fault(law, *after):
    """A class with one fault, the name of the law that it breaks, and the shortest programs: any of them."""

    def add(cls):
        FAULTS.append((cls, law, after))
        return cls

    return add


@fault("finite", "['step'] * 11")
class NotANumberPastItsEnd(Right):
    def factor(self, number):
        return super().factor(number) if number <= 10 else float("nan")


@fault("finite", "['step'] * 12")
class ComplexPastItsEnd(Right):
    def factor(self, number):
        return (1 - number / 11) ** 0.5


@fault("finite", "['step']")
class TextForARate(Right):
    def rate_of(self, group):
        rate = super().rate_of(group)
        return rate if self.number == 0 else str(rate)


@fault("finite", "['step'] * 7")
class RaisesPastItsEnd(Right):
    def factor(self, number):
        return [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4][number]


@fault("not_negative", "['step'] * 11")
class FallsForEver(Right):
    def factor(self, number):
        return 1 - number / 10


@fault("repeatable", "[]")
class Random(Right):
    def factor(self, number):
        return random.random()


@fault("repeatable", "[]")
class CountsForAll(Right):
    steps_of_all = 0

    def factor(self, number):
        type(self).steps_of_all += 1
        return 1 / self.steps_of_all


@fault("groups_independent", "[]")
class LeavesAGroupOut(Right):
    def write(self):
        self.write_into(self.optimizer.param_groups[0], self.rate_of(self.optimizer.param_groups[0]))


@fault("groups_independent", "[]")
class SharesTheRateOut(Right):
    """The more groups there are, the less each has."""

    def factor(self, number):
        return super().factor(number) / len(self.optimizer.param_groups)


@fault("groups_independent", "[]")
class FirstGroupsRateForAll(Right):
    def rate_of(self, group):
        return super().rate_of(self.optimizer.param_groups[0])


@fault("groups_independent", "[]")
class StepsOnceForEachGroup(Right):
    def rate_of(self, group):
        self.rates_written = getattr(self, "rates_written", 0) + 1
        return self.base_of(group) * 0.9**self.rates_written


@fault("last_lr", "['step']")
class LastRateIsTheOneBefore(Right):
    def __init__(self, optimizer):
        super().__init__(optimizer)
        self.last = super().get_last_lr()

    def step(self):
        self.last = super().get_last_lr()
        super().step()

    def get_last_lr(self):
        return self.last


@fault("closed_form", "[]")
class ClosedFormIsAStepAhead(Right):
    def _get_closed_form_lr(self):
        return [group["initial_lr"] * self.factor(self.number + 1) for group in self.optimizer.param_groups]


@fault("tensor_rate", "['step']")
class BaseIsTheTensorItself(Right):
    def base_of(self, group):
        return group.setdefault("initial_lr", group["lr"])


@fault("reading", "['read']")
class ReadingCompounds(Right):
    def get_lr(self):
        for group in self.optimizer.param_groups:
            group["lr"] = group["lr"] * 0.9
        return self.get_last_lr()


@fault("reading", "['read', 'step']")
class SavingCounts(Right):
    def state_dict(self):
        state = super().state_dict()
        self.number += 1
        return state


@fault("resumed", "['resume']")
class HasNoState(Right):
    state_dict = None


@fault("resumed", "['step', 'resume'] + ['step'] * 6")
class ForgetsItsPhase(Right):
    """The stair counts for itself, and is not saved."""

    on_this_stair = stairs = 0

    def factor(self, number):
        return 0.5**self.stairs

    def step(self):
        self.on_this_stair += 1
        if self.on_this_stair == 7:
            self.on_this_stair, self.stairs = 0, self.stairs + 1
        super().step()

    def state_dict(self):
        return {**super().state_dict(), "stairs": self.stairs}

    def load_state_dict(self, state):
        self.stairs = state["stairs"]
        super().load_state_dict(state)


@fault("resumed", "['resume']")
class StepsWhenItLoads(Right):
    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.step()


@fault("resumed", "['step', 'resume']")
class OneStepBackWhenItLoads(Right):
    def load_state_dict(self, state):
        super().load_state_dict({"number": max(state["number"] - 1, 0)})


@fault("resumed", "['step(1.0)', 'resume', 'step(1.0)', 'step(1.0)']")
class ForgetsTheBest(Plateau):
    def load_state_dict(self, state):
        super().load_state_dict({**state, "best": float("inf")})


@fault("resumed", "['step', 'resume', 'step']")
class KnowsItsNextNumber(Right):
    """The number that comes next is kept beside the number, and is not saved."""

    next = 1

    def step(self):
        self.number, self.next = self.next, self.next + 1
        self.write()


@fault("resumed", "['resume', 'step']")
class HoldsTheGroupsThemselves(Right):
    """The groups that it was made with are no longer those of an optimizer that has loaded a state."""

    def __init__(self, optimizer):
        self.groups = optimizer.param_groups
        super().__init__(optimizer)

    def write(self):
        for group in self.groups:
            self.write_into(group, self.rate_of(group))


@fault(
    "resumed",
    "['step', 'step', 'resume', 'resume']",
    "['step', 'resume', 'step', 'resume']",
    "['resume', 'step', 'step', 'resume']",
)
class WrongOnlyWhenItLoadsTwice(Right):
    loads = 0

    def state_dict(self):
        return {**super().state_dict(), "loads": self.loads}

    def load_state_dict(self, state):
        self.loads = state["loads"] + 1
        super().load_state_dict({"number": state["number"] + (self.loads > 1 and state["number"] > 1)})


@fault("resumed_scheduler_first", "['step', 'resume', 'step']")
class BaseIsReadBackFromTheGroup(Right):
    """When it loads, it takes the base rates from the groups, which must have been loaded by then."""

    def __init__(self, optimizer):
        self.bases = [float(group["lr"]) for group in optimizer.param_groups]
        super().__init__(optimizer)

    def write(self):
        for group, base in zip(self.optimizer.param_groups, self.bases, strict=True):
            group["lr"] = base * self.factor(self.number)

    def _get_closed_form_lr(self):
        return self.get_last_lr()

    def load_state_dict(self, state):
        self.number = state["number"]
        self.bases = [group["lr"] / self.factor(self.number) for group in self.optimizer.param_groups]


@fault("load_keeps_argument", "['load']")
class EmptiesWhatItLoads(Right):
    def load_state_dict(self, state):
        self.number = state.pop("number")
        self.write()


class _WithAHistory(Right):
    def __init__(self, optimizer):
        self.history = [1.0]
        super().__init__(optimizer)

    def rate_of(self, group):
        return self.base_of(group) * self.history[-1]

    def step(self):
        self.history.append(self.history[-1] * 0.9)
        super().step()

    def _get_closed_form_lr(self):
        return self.get_last_lr()

    def state_dict(self):
        return {"history": list(self.history)}

    def load_state_dict(self, state):
        self.history = list(state["history"])
        self.write()


@fault("load_keeps_argument", "['load']")
class GoesOnInWhatItLoaded(_WithAHistory):
    """Two that load one state in memory would share it."""

    def load_state_dict(self, state):
        self.history = state["history"]
        self.write()


@fault("load_keeps_source", "['lend', 'step']")
class SharesItsHistory(_WithAHistory):
    def state_dict(self):
        return {"history": self.history}

    def load_state_dict(self, state):
        self.history = state["history"]
        self.write()


@fault("saved_state_stays", "['save', 'step']")
class SavesItsHistoryAsItIs(_WithAHistory):
    def state_dict(self):
        return {"history": self.history}


@fault("weights_only", "['save']")
class SavesAFunction(Right):
    def state_dict(self):
        return {**super().state_dict(), "factor": self.factor}

    def __deepcopy__(self, memo):
        copy = object.__new__(type(self))
        copy.optimizer, copy.number = memo.get(id(self.optimizer), self.optimizer), self.number
        return copy


@fault("copied", "['copy', 'step']")
class ACopySharesItsHistory(_WithAHistory):
    def __deepcopy__(self, memo):
        copy = object.__new__(type(self))
        copy.optimizer, copy.number, copy.history = memo[id(self.optimizer)], self.number, self.history
        return copy


@fault("copied", "['copy']")
class ACopyKeepsTheOldOptimizer(Right):
    def __deepcopy__(self, memo):
        copy = object.__new__(type(self))
        copy.optimizer, copy.number = self.optimizer, self.number
        return copy


@fault("base_rates", "[]")
class AbsoluteRates(Right):
    def base_of(self, group):
        return group.setdefault("initial_lr", 0.05)


@fault("added_groups", "['add_group', 'step']")
class KnowsItsGroupsByNumber(Right):
    def __init__(self, optimizer):
        self.groups = len(optimizer.param_groups)
        super().__init__(optimizer)

    def write(self):
        for group in self.optimizer.param_groups[: self.groups]:
            self.write_into(group, self.rate_of(group))


@fault("in_place", "[]")
class ReplacesTheTensor(Right):
    def write_into(self, group, rate):
        group["lr"] = rate if not hasattr(group["lr"], "fill_") else group["lr"].new_tensor(rate)


@fault("optimizer_first", "['resume']")
class CompoundsOnWhatWasRestored(Right):
    """What the group has when it is made is the base rate, also if a decayed one was restored into it."""

    def __init__(self, optimizer):
        self.bases = [float(group["lr"]) for group in optimizer.param_groups]
        super().__init__(optimizer)

    def write(self):
        for group, base in zip(self.optimizer.param_groups, self.bases, strict=True):
            self.write_into(group, base * self.factor(self.number))

    def _get_closed_form_lr(self):
        return self.get_last_lr()


@fault("pickle", "['pickle']")
class HoldsALambda(Right):
    def __init__(self, optimizer):
        self.hook = lambda: None
        super().__init__(optimizer)
