"""One schedule of every lr function of ours, with boundaries and slopes where clocks of some thousands see them."""

import optimsche as o

PLAN = o.cosine(start=3e-4, steps=9_000).warmup(1_000)


def example(lr_fn):
    """The schedule of an lr function."""
    return {
        o.linear: o.linear(steps=9),
        o.cosine: o.cosine(steps=9),
        o.polynomial: o.polynomial(steps=9),
        o.one_minus_power: o.one_minus_power(steps=9),
        o.geometric: o.geometric(end=0.1, steps=9),
        o.tanh: o.tanh(steps=9_000),
        o.rex: o.rex(steps=9_000),
        o.hyperbolic: o.hyperbolic(steps=9_000, upper_bound=20_000),
        o.expression: o.expression(text="0.1 if t < 5 else min(0.2, 1 / sqrt(t - 4.5), 3 - 2 * cos(t // 7))"),
        o.piecewise_linear: o.piecewise_linear(at=(0, 900, 5_000), values=(0.1, 0.2, 0.0)),
        o.constant: o.constant(value=0.1),
        o.exponential: o.exponential(factor=0.9, every=700),
        o.inverse_sqrt: o.inverse_sqrt(timescale=500),
        o.power_law: o.power_law(timescale=500, power=2),
        o.growth: o.growth(start=0.1, factor=1.01, every=700),
        o.step_decay: o.step_decay(factor=0.9, every=700),
        o.milestones: o.milestones(at=(999, 5_000)),
        o.piecewise_constant: o.piecewise_constant(at=(999, 5_000), values=(0.1, 0.2, 0.3)),
        o.then: PLAN >> PLAN,
        o.warmup: PLAN,
        o.cooldown: PLAN.cooldown(at=4_000, steps=500),
        o.scale: PLAN * PLAN,
        o.add: PLAN.add(PLAN),
        o.subtract: o.constant(value=0.1).subtract(PLAN),
        o.minimum: PLAN.minimum(o.linear(start=2e-4, end=1e-5, steps=9_000)),
        o.maximum: PLAN.maximum(o.linear(start=2e-4, end=1e-5, steps=9_000)),
        o.clamp: PLAN.clamp(floor=1e-5, ceiling=2e-4),
        o.shift: PLAN.shift(-7),
        o.stretch: PLAN.stretch(3),
        o.over: PLAN.over(4_321),
        o.staircase: PLAN.staircase(100),
        o.warp: o.cosine(steps=1).warp(o.one_minus_power(start=0.0, end=1.0, steps=9_000)),
        o.jitter: PLAN.jitter(0.5, seed=3),
        o.running_product: o.milestones(factor=0.5, at=(990, 995)).running_product(),
        o.by_epoch: PLAN.by_epoch(),
        o.by_tokens: o.cosine(start=3e-4, steps=9_000_000).warmup(1_000_000).by_tokens({1: 500, 2_001: 1_000}),
        o.repeat: PLAN.repeat(4, every=500, stretch=2, scale=0.5),
    }[lr_fn]
