"""What `optimsche.theory` says of plans: `python -m benchmarks.theory [PICTURE]`.

How the best rate falls with the length of a run, how the best rates of plans compare, and when in a run the bound
falls.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from optimsche import Schedule, constant, cosine, linear, wsd
from optimsche.curve import canvas, style
from optimsche.theory import best_rate, bound

_STEPS = 10_000
_COOLDOWN = 0.2


def plans(steps: int) -> dict[str, Schedule]:
    """The plans that are compared, with a peak of 1."""
    return {
        "constant": constant(value=1.0),
        "cosine": cosine(steps=steps),
        "linear": linear(steps=steps),
        "wsd": wsd(peak=1.0, warmup_steps=0, decay_steps=round(_COOLDOWN * steps), total_steps=steps),
        "cosine to 10 %": cosine(end=0.1, steps=steps),
    }


def least(plan: Schedule, steps: int) -> float:
    """The bound at the best rate."""
    return bound(plan * best_rate(plan, steps), steps)


def exponent(name: str) -> float:
    """The power of the length with which the best rate of a plan changes, between 1,000 and 100,000 updates."""
    short, long = (best_rate(plans(steps)[name], steps) for steps in (1_000, 100_000))
    return math.log(long / short) / math.log(100)


def main(picture: str | None = None) -> None:
    """Print the figures, and draw the bound within a run."""
    print(f"A run of {_STEPS:,} updates; wsd falls in the last {_COOLDOWN:.0%}.\n")
    print("| plan | best rate, of cosine's | bound there, of cosine's | best rate as steps to the power of |")
    print("|---|---:|---:|---:|")
    all_plans = plans(_STEPS)
    for name, plan in all_plans.items():
        rate = best_rate(plan, _STEPS) / best_rate(all_plans["cosine"], _STEPS)
        loss = least(plan, _STEPS) / least(all_plans["cosine"], _STEPS)
        print(f"| {name} | {rate:.2f} | {loss:.3f} | {exponent(name):.2f} |")
    plan = all_plans["wsd"] * best_rate(all_plans["wsd"], _STEPS)
    places = {f"{share:.0%}": bound(plan, round(share * _STEPS)) for share in (0.4, 0.8, 0.9, 1.0)}
    print(
        "\nwsd at its best rate, the bound after parts of the run: "
        + ", ".join(f"{at} {b:.4f}" for at, b in places.items())
    )
    if picture is not None:
        draw(Path(picture))


def draw(path: Path) -> None:
    """The bound after each part of a run, of every plan at its best rate."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 3.6), layout="constrained")
    axes = figure.subplots()
    clocks = [round(_STEPS * part / 200) for part in range(4, 201)]
    for colour, (name, plan) in zip(style.COLOURS, plans(_STEPS).items(), strict=False):
        best = plan * best_rate(plan, _STEPS)
        axes.plot(clocks, [bound(best, clock) for clock in clocks], label=name, color=colour)
    axes.set_yscale("log")
    axes.set_xlabel("update")
    axes.set_ylabel("bound on the loss")
    axes.legend()
    canvas.set_ground(axes)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main(*sys.argv[1:2])
