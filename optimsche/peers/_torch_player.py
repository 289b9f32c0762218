"""PyTorch's schedulers together on one optimizer, as ``SequentialLR`` and ``ChainedScheduler`` step them.

They are constructed in the order of the list and share a rate. A tree of ``Leaf``, ``Chain`` and ``Sequence`` holds
what PyTorch's objects hold (each one's counter, the ``initial_lr`` that it found) and steps as they do. Between two
changes of the pieces in play, what follows is written as an expression: the product of those that multiply, the last of
those that set the rate, a cosine from the rate in force. A cosine and others that move the rate all the time have no
closed form; they are listed update by update, up to where the list repeats itself, or refused.
"""

from __future__ import annotations

import bisect
import copy
import itertools
import math
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from optimsche.combinators import sequence
from optimsche.lr_fns import constant, cosine
from optimsche.peers._pieces import stairs, wave
from optimsche.peers._torch_rules import Cosine, Rule, Sets
from optimsche.schedule import Schedule

# Of updates and pieces that are listed one by one.
_MOST_VALUES, _MOST_PIECES = 20_000, 1_000


@dataclass(frozen=True)
class Chained:
    """What a ``ChainedScheduler`` was made of."""

    members: tuple[Recipe, ...]


@dataclass(frozen=True)
class Sequential:
    """What a ``SequentialLR`` was made of."""

    members: tuple[Recipe, ...]
    milestones: tuple[int, ...]


Recipe: TypeAlias = "Rule | Chained | Sequential"


class Scheduler(Schedule):
    """A schedule that knows which of PyTorch's schedulers it is, for those that play several; no part of the value."""

    __slots__ = ("base_lr", "recipe")
    recipe: Recipe
    base_lr: float | None


def scheduler(recipe: Recipe, base_lr: float | None) -> Schedule:
    """The schedule of a scheduler on an optimizer of this rate, from update 1."""
    played = play(recipe, 0.0 if base_lr is None else base_lr)
    made = Scheduler._of(played.lr_fn, played.arguments)
    object.__setattr__(made, "recipe", recipe)
    object.__setattr__(made, "base_lr", base_lr)
    return made


@dataclass
class Optimizer:
    """The rate in force, and what PyTorch keeps in its group: ``initial_lr``, and what a ``OneCycleLR`` does."""

    rate: float
    initial: float | None = None
    kept: tuple[float, float, float] | None = None


# ---------------------------------------------------------------------------------------------------------------------
# The schedulers as objects that step
# ---------------------------------------------------------------------------------------------------------------------


@dataclass
class Leaf:
    """One scheduler with its counter and its base."""

    rule: Rule
    optimizer: Optimizer
    initial: float = 0.0
    counter: int = 0

    @property
    def base(self) -> Any:
        """What its rule starts from: the ``initial_lr`` that it found, or what the optimizer keeps by now."""
        return self.optimizer.kept if isinstance(self.rule, Sets) and self.rule.kept else self.initial

    def construct(self, optimizer: Optimizer) -> None:
        if isinstance(self.rule, Sets):
            if self.rule.sets_first is not None:
                optimizer.rate = self.rule.sets_first
            if self.rule.kept is not None:
                optimizer.initial, optimizer.kept = self.rule.kept[0], self.rule.kept
        if optimizer.initial is None:
            optimizer.initial = optimizer.rate
        self.initial = optimizer.initial
        self.initial_step(optimizer)
        if isinstance(self.rule, Sets) and self.rule.sets_first is not None:
            optimizer.rate = optimizer.initial  # a CyclicLR knows its own lowest rate only when it has been constructed

    def undo(self) -> None:
        self.counter = -1

    def initial_step(self, optimizer: Optimizer) -> None:
        self.counter = 0
        sets = isinstance(self.rule, Sets)
        optimizer.rate = self.rule.entered(0.0, self.base) if sets else self.rule.first(optimizer.rate)

    def step(self, optimizer: Optimizer) -> None:
        self.counter += 1
        if self.counter == 0:
            optimizer.rate = self.rule.again(optimizer.rate, self.base)
        else:
            optimizer.rate = self.rule.step(self.counter, optimizer.rate, self.base)

    def enter(self, optimizer: Optimizer) -> None:
        self.counter = 0
        optimizer.rate = self.rule.entered(optimizer.rate, self.base)

    def advance(self, steps: int) -> None:
        self.counter += steps

    def leaves(self) -> list[Leaf]:
        return [self]

    def until_switch(self) -> float:
        return math.inf

    def goes_on(self, rate: float) -> Schedule:
        return self.rule.goes_on(self.counter, rate, self.base)


@dataclass
class Chain:
    """Schedulers of which each steps."""

    members: list[Tree]

    def construct(self, optimizer: Optimizer) -> None:
        for member in self.members:
            member.construct(optimizer)

    def undo(self) -> None:
        for member in self.members:
            member.undo()

    def initial_step(self, optimizer: Optimizer) -> None:
        self.step(optimizer)

    def step(self, optimizer: Optimizer) -> None:
        for member in self.members:
            member.step(optimizer)

    def enter(self, optimizer: Optimizer) -> None:
        raise ValueError("torch raises NotImplementedError when a ChainedScheduler's turn comes after another piece's")

    def advance(self, steps: int) -> None:
        for member in self.members:
            member.advance(steps)

    def leaves(self) -> list[Leaf]:
        return [leaf for member in self.members for leaf in member.leaves()]

    def until_switch(self) -> float:
        return min(member.until_switch() for member in self.members)


@dataclass
class Sequence:
    """Schedulers of which one steps, each in its turn."""

    members: list[Tree]
    milestones: tuple[int, ...]
    counter: int = field(default=0)

    @property
    def place(self) -> int:
        return bisect.bisect_right(self.milestones, self.counter)

    def construct(self, optimizer: Optimizer) -> None:
        for member in self.members:
            member.construct(optimizer)
        optimizer.rate = optimizer.initial or 0.0
        self.undo()
        self.members[self.place].initial_step(optimizer)

    def undo(self) -> None:  # not its own counter: one inside of another one switches early
        for member in self.members:
            member.undo()

    def initial_step(self, optimizer: Optimizer) -> None:
        self.step(optimizer)

    def step(self, optimizer: Optimizer) -> None:
        self.counter += 1
        member = self.members[self.place]
        if self.place > 0 and self.milestones[self.place - 1] == self.counter:
            member.enter(optimizer)
        else:
            member.step(optimizer)

    def enter(self, optimizer: Optimizer) -> None:
        raise ValueError("torch raises NotImplementedError when a SequentialLR's turn comes after another piece's")

    def advance(self, steps: int) -> None:
        self.counter += steps
        self.members[self.place].advance(steps)

    def leaves(self) -> list[Leaf]:
        return self.members[self.place].leaves()

    def until_switch(self) -> float:
        own = self.milestones[self.place] - self.counter if self.place < len(self.milestones) else math.inf
        return min(own, self.members[self.place].until_switch())


Tree: TypeAlias = "Leaf | Chain | Sequence"


def _tree(recipe: Recipe, optimizer: Optimizer) -> Tree:
    match recipe:
        case Chained(members):
            return Chain([_tree(member, optimizer) for member in members])
        case Sequential(members, milestones):
            return Sequence([_tree(member, optimizer) for member in members], milestones)
    return Leaf(recipe, optimizer)


# ---------------------------------------------------------------------------------------------------------------------
# What they play, as an expression
# ---------------------------------------------------------------------------------------------------------------------


def play(recipe: Recipe, base_lr: float) -> Schedule:
    """The rates of an optimizer with these schedulers, from update 1."""
    optimizer = Optimizer(base_lr)
    tree = _tree(recipe, optimizer)
    tree.construct(optimizer)
    pieces: list[tuple[float, Schedule]] = []
    while True:
        until = tree.until_switch()
        leaves = tree.leaves()
        for leaf in leaves:
            if leaf.counter + until > leaf.rule.lasts and until < math.inf:
                raise ValueError(
                    f"a {leaf.rule.name} of {leaf.rule.lasts} steps cannot be played for {int(leaf.counter + until)}: "
                    "torch leaves its range, or divides by a factor of 0, and raises"
                )
        curve = _together(leaves, optimizer.rate, until)
        pieces.append((until, curve))
        if until == math.inf:
            return _joined(pieces)
        optimizer.rate = curve(until)
        tree.advance(int(until) - 1)
        tree.step(optimizer)


def _together(leaves: SequenceOf[Leaf], rate: float, upto: float) -> Schedule:
    """Schedulers that all step, in this order, from the rate in force, for so many updates."""
    if rate < -1e-15:
        raise ValueError(f"torch's rate is negative when a scheduler's turn comes: {rate:g}")
    rate = max(rate, 0.0)
    setting = [number for number, leaf in enumerate(leaves) if isinstance(leaf.rule, Sets)]
    leaves = leaves[setting[-1] :] if setting else leaves  # which drops what came before it
    if len(leaves) == 1:
        return _from(leaves[0], rate)
    if rate == 0 and not any(isinstance(leaf.rule, Cosine | Sets) for leaf in leaves):
        return constant(value=0.0)
    if any(isinstance(leaf.rule, Cosine | Sets) for leaf in leaves):
        return _walked(leaves, rate, upto)
    return _product(leaves, rate)


def _from(leaf: Leaf, rate: float) -> Schedule:
    """What one scheduler plays from the rate in force, which others may have changed."""
    curve = leaf.goes_on(rate)
    if not isinstance(leaf.rule, Sets) or curve(1) == rate:
        return curve
    return constant(value=rate).then(curve.shift(-1), at=1)


def _product(leaves: SequenceOf[Leaf], rate: float) -> Schedule:
    """Schedulers that multiply the rate; a cosine to 0 among them up to its lowest point."""
    shares = [leaf.rule.first(1.0) or 1.0 if leaf.counter == 0 else 1.0 for leaf in leaves]
    product: Schedule | None = None
    for number, (leaf, share) in enumerate(zip(leaves, shares, strict=True)):
        start, base = (share, 1.0) if number else (rate / math.prod(shares[1:]), leaf.base)
        if isinstance(leaf.rule, Cosine):
            height = start / leaf.rule.share(leaf.counter)
            place = leaf.counter % (2 * leaf.rule.T_max)
            fall = cosine(start=height, steps=leaf.rule.T_max)
            curve = fall.shift(1) if place == 0 else wave(height, 0.0, leaf.rule.T_max).shift(1 - place)
        else:
            curve = leaf.rule.goes_on(leaf.counter, start, base)
        product = curve if product is None else product * curve
    assert product is not None
    return product


def _walked(leaves: SequenceOf[Leaf], rate: float, upto: float) -> Schedule:
    """Schedulers of which some do not multiply the rate: in stretches that have a closed form, the rest as a list."""
    leaves, optimizer = copy.deepcopy(list(leaves)), Optimizer(rate)
    special = [leaf for leaf in leaves if isinstance(leaf.rule, Cosine | Sets)]
    for leaf in special:
        if isinstance(leaf.rule, Cosine):
            leaf.rule.refuse_parts()
    pieces: list[tuple[float, Schedule]] = []
    listed: list[float] = []
    place, values = 0, 0
    cycle_piece, cycle_begin, cycle_end = 0, 0, math.inf

    def close_list() -> None:
        if listed:
            pieces.append((len(listed), stairs(list(listed), range(1, len(listed)))))
            listed.clear()

    while place < upto:
        moving = [leaf for leaf in leaves if leaf not in special and leaf.counter < leaf.rule.ends]
        if not moving and len(special) == 1:
            close_list()
            return _joined([*pieces, (math.inf, _from(special[0], optimizer.rate))])
        periods = [leaf.rule.period for leaf in [*special, *moving]]
        lowest = any(isinstance(leaf.rule, Cosine) and leaf.rule.is_lowest(leaf.counter) for leaf in special)
        over = all(leaf.rule.ends == math.inf or leaf.counter > leaf.rule.ends for leaf in leaves)
        if place > 0 and lowest and over and cycle_end == math.inf and all(periods):
            close_list()  # from here on it depends on the counters alone
            cycle_piece, cycle_begin = len(pieces), place
            cycle_end = place + math.lcm(*(period for period in periods if period))
        elif place == cycle_end:
            close_list()
            block = _joined(pieces[cycle_piece:]).shift(-1)
            again = block.repeat(every=cycle_end - cycle_begin, closed="left").shift(1)
            return _joined([*pieces[:cycle_piece], (math.inf, again)])
        steps, curve = _closed(special, moving, optimizer.rate)
        if cycle_end == math.inf and isinstance(special[0].rule, Cosine):
            steps = min(steps, special[0].rule.until_lowest(special[0].counter) or math.inf)
        steps = int(min(steps, upto - place, cycle_end - place))
        if curve is not None and steps > 1:
            close_list()
            pieces.append((steps, curve))
            optimizer.rate = curve(steps)
            for leaf in leaves:
                leaf.advance(steps - 1)
        else:
            if optimizer.rate < -1e-15:
                raise ValueError(f"torch's rate is negative at last_epoch={place}: {optimizer.rate:g}")
            listed.append(max(optimizer.rate, 0.0))
            steps, values = 1, values + 1
        if values > _MOST_VALUES or len(pieces) > _MOST_PIECES:
            names = " and ".join(leaf.rule.name for leaf in [*special, *moving])
            raise ValueError(
                f"torch's {names} on one rate have no closed form, and a list of their values does not repeat itself "
                f"within {_MOST_VALUES:,} updates. If their product is meant, multiply the schedules"
            )
        place += steps
        for leaf in leaves:
            leaf.step(optimizer)
    close_list()
    return _joined(pieces)


def _closed(special: list[Leaf], moving: list[Leaf], rate: float) -> tuple[float, Schedule | None]:
    """For how many updates, this one included, there is a closed form, and what it is."""
    if len(special) > 1:
        return 1, None
    (only,) = special
    if not any(leaf.rule.is_smooth for leaf in moving):
        return min(leaf.rule.next_change(leaf.counter) - leaf.counter for leaf in moving), _from(only, rate)
    if isinstance(only.rule, Cosine) and only.rule.eta_min == 0 and not only.rule.is_lowest(only.counter):
        return only.rule.until_lowest(only.counter), _product([*moving, only], rate)
    return 1, None


def _joined(pieces: SequenceOf[tuple[float, Schedule]]) -> Schedule:
    lengths = itertools.accumulate(length for length, _ in pieces[:-1])
    return sequence([curve for _, curve in pieces], at=lengths)
