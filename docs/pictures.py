"""Draw the pictures of the docs: ``python docs/pictures.py``."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from optimsche import (
    audit,
    cosine,
    cosine_restarts,
    geometric,
    hyperbolic,
    linear,
    one_minus_power,
    peers,
    polynomial,
    read_log,
    rex,
    tanh,
    warmup_cosine,
    wsd,
)
from optimsche.curve import canvas, figure_of, style

HERE = Path(__file__).parent / "pictures"
DPI = 90


def conventions():
    """The same plan in different systems: its first updates, its last ones, and what comes after."""
    hf, optax, titan, torch = peers.transformers, peers.optax, peers.torchtitan, peers.torch
    total, warmup, peak = 40, 8, 1.0
    lines = {
        "transformers linear": hf.get_linear_schedule_with_warmup(warmup, total, base_lr=peak),
        "torchtitan linear": titan.LRSchedulersContainer(warmup_steps=warmup, training_steps=total, base_lr=peak),
        "mmengine LinearLR, LinearLR": peers.mmengine.param_scheduler(
            [
                {"type": "LinearLR", "start_factor": 0.001, "begin": 0, "end": warmup},
                {"type": "LinearLR", "start_factor": 1.0, "end_factor": 0.0, "begin": warmup, "end": total},
            ],
            base_lr=peak,
        ),
        "axlearn linear": peers.axlearn.linear_schedule_with_warmup(
            peak_lr=peak, max_step=total, warmup_steps=warmup, begin_value=0.0, end_value=0.0
        ),
    }
    after = {
        "torch CosineAnnealingLR": torch.CosineAnnealingLR(T_max=total, base_lr=peak),
        "optax cosine_decay_schedule": optax.cosine_decay_schedule(peak, total, alpha=0.1),
        "torch CosineAnnealingWarmRestarts": torch.CosineAnnealingWarmRestarts(T_0=total, base_lr=peak),
        "Megatron inverse-square-root": peers.megatron.OptimizerParamScheduler(
            init_lr=0.0,
            max_lr=peak,
            min_lr=0.1,
            lr_warmup_steps=warmup,
            lr_decay_steps=total,
            lr_decay_style="inverse-square-root",
            start_wd=0.0,
            end_wd=0.0,
            wd_incr_steps=total,
            wd_incr_style="constant",
        ),
    }
    figure = Figure(figsize=(7, 8.5), layout="constrained")
    axes = figure.subplots(3, 1)
    for ax, curves, (first, last), title in (
        (axes[0], lines, (1, 11), f"first updates, warm-up of {warmup}"),
        (axes[1], lines, (total - 5, total + 3), f"last updates of {total}"),
        (axes[2], after, (1, 2 * total), f"after the end at {total}"),
    ):
        for k, (name, schedule) in enumerate(curves.items()):
            steps = range(first, last + 1)
            # Side by side, where two are the same.
            look = {"marker": "osd^"[k], "markersize": 4 if ax is not axes[2] else 2, "color": style.COLOURS[k]}
            ax.plot(steps, [schedule(n) for n in steps], label=name, alpha=0.8, **look)
        ax.set_title(title, color=style.GREY, pad=64)
        ax.set_xlabel("update")
        ax.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 1.0))  # above, where no curve is
        canvas.set_ground(ax)
    figure.savefig(HERE / "conventions.png", dpi=100)


def segments():
    """Every segment, from 1 to 0."""
    curves = {
        "linear": linear(steps=100),
        "cosine": cosine(steps=100),
        "polynomial, power 2": polynomial(steps=100, power=2),
        "one_minus_power, power 1/2": one_minus_power(steps=100),
        "geometric to 1/100": geometric(end=0.01, steps=100),
        "tanh": tanh(steps=100),
        "rex": rex(steps=100),
        "rex, beta -3": rex(steps=100, beta=-3),
        "hyperbolic, upper bound 150": hyperbolic(steps=100, upper_bound=150),
    }
    figure_of(curves, steps=100, size=(7, 3.6)).savefig(HERE / "segments.png", dpi=DPI)


def plans():
    """The comparison that the README draws."""
    total = {"peak": 3e-4, "warmup_steps": 2_000, "total_steps": 100_000}
    restarts = cosine_restarts(peak=3e-4, cycle_steps=14_000, cycles=3, warmup_steps=2_000, stretch=2, scale=0.7)
    curves = {
        "warmup_cosine": warmup_cosine(**total),
        "wsd": wsd(**total, decay_steps=20_000),
        "cosine_restarts": restarts,
    }
    figure_of(curves, size=(8, 2.8)).savefig(HERE / "plans.png", dpi=120)


def published():
    """The curves that the blocks of published.md build, one picture for each section; ``quantity`` if no rates."""
    (HERE / "published").mkdir(exist_ok=True)
    text = (HERE.parent / "published.md").read_text()
    for title, section in re.findall(r"^## (.+?)\n(.+?)(?=^## |\Z)", text, re.S | re.M):
        names = {}
        for block in re.findall(r"^```python\n(.*?)^```", section, re.S | re.M):
            exec(block, names)
        if "curves" in names:
            path = HERE / "published" / f"{'-'.join(re.findall(r'[a-z0-9]+', title.lower()))}.png"
            figure = figure_of(names["curves"], steps=names["total"], size=(6, 2.6))
            if "quantity" in names:
                figure.axes[0].set_ylabel(names["quantity"])
            figure.savefig(path, dpi=DPI)


def tutorial():
    """What its third section draws."""
    text = (HERE.parent / "tutorial.md").read_text().partition("## 4.")[0]
    names = {}
    for block in re.findall(r"^```python\n((?!>>>).*?)^```", text, re.S | re.M):
        exec(block, names)
    figure = plt.gcf()
    figure.set_size_inches(8, 2.8)
    figure.savefig(HERE / "tutorial.png", dpi=120)


def log_upon_its_plan():
    """A log in which eleven skipped updates were not counted."""
    plan = peers.transformers.get_scheduler("linear", 700, 27_420, base_lr=5e-5)
    figure = Figure(figsize=(7, 4), layout="constrained")
    log = read_log(HERE.parents[1] / "tests" / "runs" / "logs" / "run3.csv")
    audit(plan, *log, counts="next").draw(figure)
    for axes in figure.axes:
        canvas.set_ground(axes)
    figure.savefig(HERE / "audit.png", dpi=DPI)


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    conventions()
    segments()
    plans()
    tutorial()
    published()
    log_upon_its_plan()
