"""The rate-range test ("LR finder"): the loss while the rate rises, as a schedule and a loop over results."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, NamedTuple, TypeVar

import torch
from annotated_types import Ge, Gt, Lt
from torch import nn

from optimsche.call_errors import called_here, explained
from optimsche.checking import admit
from optimsche.curve import axes_for, style
from optimsche.lr_fns import geometric
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule
from optimsche.training.compatibility import check_optimizer
from optimsche.training.losses import Losses, pick
from optimsche.training.optim_scheduler import OptimScheduler
from optimsche.training.outcomes import NonFiniteError
from optimsche.training.restoring import keep

BatchT = TypeVar("BatchT")

_RATE: Any = Annotated[float, Gt(0), Lt(math.inf), Meaning("a rate", "The rate must rise from start to end.")]
_STOP_AT: Any = Annotated[float, Gt(1), Meaning("how far the loss may rise", "To go on to the end: math.inf.")]
_UPDATES: Any = Annotated[int, Ge(2), Meaning("how many updates")]
_SMOOTHING = 0.9  # how much of the running mean of the loss is kept with each update


class RangeTest(NamedTuple):
    """What a rate-range test saw.

    Args:
        rates: the rate of each update, as a plan would have it; a group multiplies it with its ``lr_scale``.
        losses: the loss before each update; over several processes, the mean of theirs.
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
        """The rate at which the loss fell fastest: a peak to begin with. The largest usable one is above it.

        Raises:
            ValueError: there are no updates.
        """
        if not self.smoothed:
            raise ValueError("RangeTest: it has seen no update, so there is no steepest place.")
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
        ax = axes_for(ax)
        ax.plot(self.rates, self.losses, color=style.GREY, alpha=0.5, label="loss")
        ax.plot(self.rates, self.smoothed, color=style.COLOURS[0], label="running mean")
        ax.axvline(self.steepest, color=style.GREY, linestyle=":", label=f"steepest at {self.steepest:.2g}")
        low, high = min(self.smoothed), self.smoothed[0]
        room = (high - low) or abs(high) or 1.0  # what diverges in the end would leave no room for the rest
        ax.set(xscale="log", xlabel="rate", ylabel="loss", ylim=(low - 0.1 * room, high + room))
        ax.legend(**style.LEGEND)
        return ax


@explained
def range_test(
    optimizer: torch.optim.Optimizer,
    model: nn.Module,
    loss_of: Callable[[nn.Module, BatchT], Losses],
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
        model: the model; its parameters and buffers are put back, and so are the optimizer's state and its groups.
            Gradients are dropped, and random numbers go on.
        loss_of: the loss of the model on a batch, or losses by name, of which ``optim_loss`` is followed.
        batches: begun again when they end.
        start: rate of the first update; > 0.
        end: rate of the last; above ``start``.
        updates: how many; >= 2.
        stop_at: end where the running mean of the loss has risen above its lowest by more than ``stop_at - 1`` times
            the first or the lowest, whichever is larger without its sign; > 1.
        **options: arguments of :class:`OptimScheduler`, such as ``grad_clip`` and ``use_amp``.

    Returns:
        Rates and losses. An update that was skipped ends the test; but with a loss scale, which is searched for in this
        way, it is made again at the same rate as long as the loss itself is finite.

    Raises:
        ValueError, TypeError: a range that does not rise, or no batches; what the class refuses.

    >>> model = nn.Linear(1, 1)
    >>> batches = [torch.ones(4, 1)]
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> test = range_test(optimizer, model, lambda model, x: model(x).square().mean(), batches, start=1e-3, updates=20)
    >>> test.rates[0] < test.steepest <= 1.0, optimizer.param_groups[0]["lr"]
    (True, 0.1)
    """
    for name, value in options.items():
        if here := called_here(name, value, ("start", "end", "updates", "stop_at")):
            raise TypeError(f"range_test() has no parameter {name!r}{here}")
    _check(optimizer, model, loss_of)
    updates = admit("range_test", "updates", _UPDATES, updates)
    start, end = admit("range_test", "start", _RATE, start), admit("range_test", "end", _RATE, end)
    if start >= end:
        raise ValueError(f"range_test(start={start!r}, end={end!r}): the rate must rise, from above 0 to a finite end.")
    if stop_at != math.inf:
        stop_at = admit("range_test", "stop_at", _STOP_AT, stop_at)
    plan = geometric(start=start, end=end, steps=updates - 1)
    put_back = _keep(optimizer, model)
    try:
        optim = OptimScheduler(optimizer, plan.shift(1), model=model, **options)  # the first update has the rate start
        found = _watch(optim, plan, lambda batch: loss_of(model, batch), batches, updates, stop_at)
    finally:
        put_back()
    if not found.rates:
        raise ValueError("range_test: the first update already has inf or nan in its loss or gradients; lower start=")
    return found


def _check(optimizer: Any, model: Any, loss_of: Any) -> None:
    if isinstance(optimizer, nn.Module) and isinstance(model, torch.optim.Optimizer):
        raise TypeError("range_test(optimizer, model, ...): the optimizer comes first, and got the model first.")
    check_optimizer(optimizer)
    if not isinstance(model, nn.Module):
        raise TypeError(f"range_test: model must be a torch.nn.Module, got {type(model).__name__}.")
    if not callable(loss_of):
        raise TypeError(f"range_test: loss_of must be a function (model, batch) -> loss, got {type(loss_of).__name__}.")


def _watch(
    optim: OptimScheduler,
    plan: Schedule,
    loss_of: Callable[[BatchT], Losses],
    batches: Iterable[BatchT],
    updates: int,
    stop_at: float,
) -> RangeTest:
    """Train, and note the loss of each update, until it is enough."""
    found = RangeTest([], [], [])
    for step_num, batch in enumerate(_again_and_again(batches), 1):
        with optim.micro_batch(step_num):
            losses = loss_of(batch)
        loss = pick(losses, optim.optim_loss).detach()
        # Every process ends where the others do, and sees what one process would.
        value = float(loss if optim.processes is None else optim.processes.mean(loss.clone()))
        try:
            result = optim.step(losses, step_num=step_num)
            if not result.closed:
                continue
            skipped = result.skipped
        except NonFiniteError:
            break
        if not math.isfinite(value) or (skipped and optim.scaler is None):
            break
        if skipped:
            optim.schedule = plan.shift(1 + result.real_step - len(found.rates))
            continue
        before = found.smoothed[-1] if found.smoothed else value
        found.rates.append(float(plan(len(found.rates))))  # what a plan has to be, whatever a group makes of it
        found.losses.append(value)
        found.smoothed.append(_SMOOTHING * before + (1 - _SMOOTHING) * value)
        lowest = min(found.smoothed)
        size = max(abs(lowest), abs(found.smoothed[0]))
        if len(found.rates) == updates or found.smoothed[-1] - lowest > (stop_at - 1) * size:
            break
    return found


def _keep(optimizer: torch.optim.Optimizer, model: nn.Module) -> Callable[[], None]:
    """Remember an optimizer and a model; what is returned puts them back."""
    put_optimizer_back = keep(optimizer, moments=True)
    state = copy.deepcopy(model.state_dict())
    unsaved = [
        (module, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
        if name in module._non_persistent_buffers_set
    ]

    def put_back() -> None:
        put_optimizer_back()
        model.load_state_dict(state)
        with torch.no_grad():
            for module, name, buffer, value in unsaved:
                setattr(module, name, buffer.copy_(value))
        optimizer.zero_grad(set_to_none=True)

    return put_back


def _again_and_again(batches: Iterable[BatchT]) -> Iterator[BatchT]:
    while True:
        came = False
        for batch in batches:
            came = True
            yield batch
        if not came:
            raise ValueError("range_test: there are no batches (an iterator is used up after one pass; give a loader)")
