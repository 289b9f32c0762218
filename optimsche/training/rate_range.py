"""The rate-range test ("LR finder"): the loss while the rate rises, as a schedule and a loop over results."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import torch
from torch import nn

from optimsche.lr_fns import geometric
from optimsche.training import checkpoints
from optimsche.training.arguments import admitted
from optimsche.training.optim_scheduler import OptimScheduler

BatchT = TypeVar("BatchT")

_SMOOTHING = 0.9  # how much of the running mean of the loss is kept with each update


class RangeTest(NamedTuple):
    """What a rate-range test saw.

    Args:
        rates: the rate of each update.
        losses: the loss before each update.
        smoothed: its running mean.

    >>> test = RangeTest([1e-3, 1e-2, 1e-1, 1.0], [4.0, 3.0, 1.0, 9.0], [4.0, 3.0, 1.0, 9.0])
    >>> test.steepest
    0.1
    """

    rates: list[float]
    losses: list[float]
    smoothed: list[float]

    @property
    def steepest(self) -> float:
        """The rate at which the loss fell fastest: a peak to begin with. The largest usable one is above it."""
        lowest = min(range(len(self.smoothed)), key=self.smoothed.__getitem__)
        slopes = [
            (self.smoothed[n] - self.smoothed[n - 1]) / math.log(self.rates[n] / self.rates[n - 1])
            for n in range(1, lowest + 1)
        ]
        return self.rates[1 + slopes.index(min(slopes))] if slopes else self.rates[0]

    def plot(self, ax: Any = None) -> Any:
        """Draw the loss over the rate, and mark the steepest place.

        Args:
            ax: matplotlib's axes to draw on; None for new ones.

        Returns:
            The axes.

        Raises:
            ModuleNotFoundError: matplotlib is missing.
        """
        if ax is None:
            try:
                from matplotlib import pyplot
            except ModuleNotFoundError as error:
                raise ModuleNotFoundError(
                    "drawing needs matplotlib: pip install 'optimsche[plot]'", name=error.name
                ) from None
            ax = pyplot.subplots()[1]
        ax.plot(self.rates, self.losses, color="0.8", label="loss")
        ax.plot(self.rates, self.smoothed, label="running mean")
        ax.axvline(self.steepest, color="0.4", linestyle=":", label=f"steepest at {self.steepest:.2g}")
        low, high = min(self.smoothed), self.smoothed[0]
        room = (high - low) or abs(high) or 1.0  # what diverges in the end would leave no room for the rest
        ax.set(xscale="log", xlabel="rate", ylabel="loss", ylim=(low - 0.1 * room, high + room))
        ax.legend()
        return ax


def range_test(
    optimizer: torch.optim.Optimizer,
    model: nn.Module,
    loss_of: Callable[[nn.Module, BatchT], torch.Tensor],
    batches: Iterable[BatchT],
    *,
    start: float = 1e-7,
    end: float = 1.0,
    updates: int = 100,
    stop_at: float = 4.0,
    **options: Any,
) -> RangeTest:
    """Train with a rate that rises from ``start`` to ``end``, watch the loss, and put everything back.

    Args:
        optimizer: with its parameters; each group's ``lr_scale`` is honoured.
        model: the model; its parameters and buffers are put back, and so is the optimizer's state.
        loss_of: the loss of the model on a batch.
        batches: begun again when they end.
        start: rate of the first update; > 0.
        end: rate of the last; above ``start``.
        updates: how many; >= 2.
        stop_at: end where the running mean of the loss is this many times the lowest; > 1.
        **options: arguments of :class:`OptimScheduler`, such as ``grad_clip`` and ``use_amp``.

    Returns:
        Rates and losses; an update that was skipped ends the test.

    Raises:
        ValueError: a range that does not rise, or no batches.

    >>> model = nn.Linear(1, 1)
    >>> batches = [torch.ones(4, 1)]
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> test = range_test(optimizer, model, lambda model, x: model(x).square().mean(), batches, start=1e-3, updates=20)
    >>> test.rates[0] < test.steepest <= 1.0, optimizer.param_groups[0]["lr"]
    (True, 0.1)
    """
    updates = admitted("updates", updates, "range_test")
    if not 0 < start < end < math.inf:
        raise ValueError(f"range_test(start={start!r}, end={end!r}): the rate must rise, from above 0 to a finite end.")
    if not stop_at > 1:
        raise ValueError(f"range_test(stop_at={stop_at!r}): stop_at must be > 1, got {stop_at!r}.")
    kept = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    found = RangeTest([], [], [])
    plan = geometric(start=start, end=end, steps=updates - 1).shift(1)  # the first update has the rate start
    try:
        optim = OptimScheduler(optimizer, plan, model=model, **options)
        for step_num, batch in enumerate(_again_and_again(batches), 1):
            with optim.micro_batch(step_num):
                loss = loss_of(model, batch)
            result = optim.step(loss, step_num=step_num)
            if not result.closed:
                continue
            value = loss.item()
            if result.skipped or not math.isfinite(value):
                break
            before = found.smoothed[-1] if found.smoothed else value
            found.rates.append(result.lr)
            found.losses.append(value)
            found.smoothed.append(_SMOOTHING * before + (1 - _SMOOTHING) * value)
            if result.real_step == updates or found.smoothed[-1] > stop_at * min(found.smoothed):
                break
    finally:
        model.load_state_dict(kept[0])
        checkpoints.load(optimizer, None, {"optimizer": kept[1], "scaler": None})
        optimizer.zero_grad(set_to_none=True)
    if not found.rates:
        raise ValueError("range_test: the first update already has inf or nan in its loss; lower start=")
    return found


def _again_and_again(batches: Iterable[BatchT]) -> Iterator[BatchT]:
    while True:
        came = False
        for batch in batches:
            came = True
            yield batch
        if not came:
            raise ValueError("range_test: there are no batches (an iterator is used up after one pass; give a loader)")
