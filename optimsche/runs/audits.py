"""Whether the rates that were applied are the plan's, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from optimsche import call_errors, checking
from optimsche.curve import drawn_html
from optimsche.ranges import Count
from optimsche.runs import pictures
from optimsche.runs.causes import Cause, Setting
from optimsche.runs.explain import explanations
from optimsche.runs.planned import curve_of, epochs_known
from optimsche.runs.points import read_points
from optimsche.runs.precision import precision_of
from optimsche.runs.search import Log, wrong_points
from optimsche.schedule import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Counts = Literal["this", "next"]


@dataclass(frozen=True, repr=False)
class Audit:
    """What `audit` found. It prints as a few sentences, and draws itself in a notebook."""

    plan: Schedule
    """The plan that was meant."""
    updates: tuple[int, ...]
    """The updates that were logged."""
    rates: tuple[float, ...]
    """The rate that was logged for each."""
    expected: tuple[float, ...]
    """The plan's rate for each."""
    precision: str
    """How precisely the rates were logged."""
    first: int | None
    """The first update whose logged rate is not the plan's; None if there is none."""
    explanations: tuple[tuple[Cause, ...], ...]
    """What explains every point, the simplest first; each is one cause, or two together."""
    per_epoch: int | None = None
    """Updates in an epoch, where that was given."""

    @property
    def clean(self) -> bool:
        """Whether every rate is the plan's, to the precision of the log."""
        return self.first is None

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The causes of all explanations, those of the simplest first."""
        return tuple(dict.fromkeys(cause for causes in self.explanations for cause in causes))

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the plan as a line, the log as dots upon it, and mark the first update that is wrong."""
        return pictures.draw_log(self.plan, self.updates, self.rates, per_epoch=self.per_epoch, first=self.first, ax=ax)

    def draw(self, figure: Any) -> None:
        """Draw `plot` into a Matplotlib figure, and below it by how much each rate is off, where one is."""
        if self.first is None:
            self.plot(ax=figure.subplots())
            return
        above, below = figure.subplots(2, sharex=True, height_ratios=(2, 1))
        self.plot(ax=above)
        above.set_xlabel("")
        pictures.draw_difference(self.updates, self.rates, self.expected, first=self.first, ax=below)

    def __repr__(self) -> str:
        span = f"updates {self.updates[0]:,} to {self.updates[-1]:,}" if len(self.updates) > 1 else "one update"
        head = f"{len(self.rates):,} rates, of {span}, logged to {self.precision}"
        if self.first is None:
            return f"Clean: the plan's rates were applied ({head})."
        place = self.updates.index(self.first)
        text = (
            f"Not the plan's: update {self.first:,} should have {self.expected[place]:.6g} and has "
            f"{self.rates[place]:.6g} ({head})."
        )
        if not self.explanations:
            return f"{text}\nNo cause that is looked for, nor two of them together, explains every point."
        together = ["; and ".join(cause.text for cause in causes) for causes in self.explanations]
        if len(together) == 1:
            return (
                f"{text}\nOne cause explains every point: {together[0]}."
                if len(self.causes) == 1
                else (
                    f"{text}\nTwo causes together explain every point: {together[0]}.\n"
                    "Not every pair is tried: others may explain it, too."
                )
            )
        lines = [f"  {number}. {each}" for number, each in enumerate(together, 1)]
        return "\n".join(
            [text, "Each of these explains every point, the simplest first; the log cannot tell which:", *lines]
        )

    def _repr_html_(self) -> str | None:
        return drawn_html(repr(self), self.draw, height=4.0)


@call_errors.explained
def audit(
    plan: Schedule,
    rates: Any,
    steps: Any = None,
    *,
    accum_grad: int | None = None,
    world_size: int | None = None,
    steps_per_epoch: int | None = None,
    counts: Counts = "this",
) -> Audit:
    """Compare the rates that a run has logged with the plan that was meant, and find out what happened to it.

    Args:
        plan: the plan that was meant.
        rates: the learning rates that were logged; >= 0. How precisely they were written is found from their digits.
        steps: the update that each was logged at, whole numbers; by default 1, 2, 3, ... Of one that comes twice, as
            after a resume, the last rate counts.
        accum_grad: micro-batches in one update, where known: a clock that is so many times too fast is then named so.
        world_size: number of processes; likewise.
        steps_per_epoch: micro-batches in an epoch; likewise. A plan that counts epochs needs it.
        counts: which update's rate a line of the log has: `"this"` for the one that it names, `"next"` for the one
            after it, as the Trainer of Hugging Face logs it before transformers 4.51.

    Returns:
        The verdict, with `clean`, `first`, `causes` and `explanations`. The kinds of cause are `"shift"`,
        `"clock_factor"`, `"per_epoch"`, `"restart"`, `"stale"`, `"frozen"`, `"jump"`, `"skips"`, `"warmup"`, `"total"`,
        `"floor"`, `"factor"`, `"logged_next"` and `"logged_this"`. None is named that does not explain every point.

    Raises:
        ValueError, TypeError: an argument is outside its range or of the wrong kind.

    >>> from optimsche import warmup_linear
    >>> plan = warmup_linear(peak=0.1, warmup_steps=100, total_steps=1_100)
    >>> steps = range(50, 1_101, 50)
    >>> audit(plan, [plan(n) for n in steps], steps)
    Clean: the plan's rates were applied (22 rates, of updates 50 to 1,100, logged to all digits).
    >>> resumed = audit(plan, [plan(n if n <= 400 else n - 400) for n in steps], steps)
    >>> resumed.first, [cause.kind for cause in resumed.causes]
    (450, ['restart'])
    >>> print(resumed)
    Not the plan's: update 450 should have 0.065 and has 0.05 (22 rates, of updates 50 to 1,100, logged to all digits).
    One cause explains every point: after update 400 the schedule began again from 0.
    """
    if not isinstance(plan, Schedule):
        hint = f"\n    Text is read by parse: audit(parse({plan!r:.60}), ...)." if isinstance(plan, str) else ""
        hint = hint or ("\n    The plan comes first: audit(plan, rates)." if isinstance(rates, Schedule) else "")
        raise TypeError(f"audit(plan=...): plan must be a schedule, got {call_errors.shown(plan)}.{hint}")
    accum_grad = checking.admit("audit", "accum_grad", Count | None, accum_grad)
    world_size = checking.admit("audit", "world_size", Count | None, world_size)
    counts = checking.admit("audit", "counts", Counts, counts)
    per_epoch = epochs_known("audit", plan, steps_per_epoch, accum_grad)
    clock, values = read_points("audit", rates, steps)
    clock = clock + (counts == "next")
    precision = precision_of(values)
    log = Log(clock, precision.low, precision.high)
    curve = curve_of(plan, per_epoch, float(clock[-1]))
    wrong = wrong_points(curve, log)
    found = []
    if len(wrong):
        found = explanations(curve, log, Setting(accum_grad, world_size, per_epoch, steps_per_epoch, counts))
    return Audit(
        plan,
        tuple(clock.astype(np.int64).tolist()),
        tuple(values.tolist()),
        tuple(curve(clock).tolist()),
        precision.text,
        int(clock[wrong[0]]) if len(wrong) else None,
        tuple(explanation.causes for explanation in found),
        per_epoch,
    )
