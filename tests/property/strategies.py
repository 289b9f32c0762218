"""What the laws are searched over: every lr function and combinator, whole-numbered lengths, realistic magnitudes."""

from hypothesis import strategies as st

import optimsche as o
from optimsche.schedule import LrFn, known

# A rate of a real run: 0, or anything from 1e-30 to 1e6.
rates = st.one_of(st.just(0.0), st.floats(1e-30, 1e6), st.sampled_from([1e-3, 0.1, 1.0, 3e-4]))
positive_rates = rates.filter(lambda rate: rate > 0)
lengths = st.one_of(st.integers(1, 20), st.integers(1, 10**9), st.integers(1, 100).map(float))
edges = st.sampled_from(["right", "left"])
few_updates = st.integers(1, 50)
fractions = st.floats(1e-6, 1.0)
powers = st.one_of(st.sampled_from([0.5, 1.0, 2.0, 3]), st.floats(0.01, 50.0))
epochs = st.one_of(st.integers(1, 1_000), st.floats(0.0, 1e6))
real_steps = st.one_of(st.integers(0, 60), st.integers(0, 10**10))

increasing = st.lists(lengths, min_size=1, max_size=5, unique_by=float).map(lambda points: tuple(sorted(points)))


def _with_values(build, more):
    """A table or polyline: as many values as it has points, and ``more``."""
    return increasing.flatmap(
        lambda at: st.builds(
            build,
            at=st.just(at),
            values=st.lists(rates, min_size=len(at) + more, max_size=len(at) + more).map(tuple),
        )
    )


segments = {
    o.linear: st.builds(o.linear, start=rates, end=rates, steps=lengths),
    o.cosine: st.builds(o.cosine, start=rates, end=rates, steps=lengths),
    o.polynomial: st.builds(o.polynomial, start=rates, end=rates, steps=lengths, power=powers),
    o.one_minus_power: st.builds(o.one_minus_power, start=rates, end=rates, steps=lengths, power=powers),
    o.geometric: st.builds(o.geometric, start=positive_rates, end=positive_rates, steps=lengths),
    o.tanh: st.builds(
        o.tanh, start=rates, end=rates, steps=lengths, lower=st.floats(-8.0, 0.0), upper=st.floats(0.5, 8.0)
    ),
    o.rex: st.builds(o.rex, start=rates, end=rates, steps=lengths, beta=st.floats(-100.0, 0.99)),
    o.hyperbolic: st.builds(
        lambda start, end, steps, more: o.hyperbolic(start=start, end=end, steps=steps, upper_bound=steps * more),
        rates,
        rates,
        lengths,
        st.floats(1.0, 100.0),
    ),
}
finite_shapes = {
    **segments,
    o.piecewise_linear: _with_values(o.piecewise_linear, more=0),
}
endless_shapes = {
    o.constant: st.builds(o.constant, value=rates, steps=st.none() | lengths),
    o.exponential: st.builds(o.exponential, start=rates, factor=fractions, every=lengths),
    o.inverse_sqrt: st.builds(o.inverse_sqrt, start=rates, timescale=lengths),
    o.power_law: st.builds(o.power_law, start=rates, timescale=lengths, power=powers),
    o.step_decay: st.builds(o.step_decay, start=rates, factor=fractions, every=lengths),
    o.milestones: st.builds(o.milestones, start=rates, factor=st.floats(1e-6, 2.0), at=increasing),
    o.piecewise_constant: _with_values(o.piecewise_constant, more=1),
    o.expression: st.sampled_from(
        ["0.1 / (1 + 0.1 * t)", "0.5 if t < 100 else 1 / (t + 1)", "3e-4 * min((t + 1) ** -0.5, t * 1e-3)"]
    ).map(lambda text: o.expression(text=text)),
}
any_segment = st.one_of(*segments.values())
finite_shape = st.one_of(*finite_shapes.values())
shape = st.one_of(*finite_shapes.values(), *endless_shapes.values())


def _finite_of(inner):
    return inner.filter(lambda schedule: 1 <= schedule.length <= 10**9)


# What is steep magnifies the last bit of its clock, and a step falls a whole step early by it: no law to the ulp.
gentle = st.builds(o.linear, start=rates, end=rates, steps=st.just(1)) | st.builds(
    o.cosine, start=rates, end=rates, steps=st.just(1)
)
clocks_to_one = st.one_of(
    *(st.builds(f, start=st.just(0.0), end=st.just(1.0), steps=lengths) for f in (o.linear, o.cosine, o.rex))
)


def combinators_of(inner):
    """Each combinator over schedules drawn from ``inner``."""
    return {
        o.then: st.builds(o.then, inner, inner, at=lengths),
        o.warmup: st.builds(o.warmup, inner, st.integers(0, 1_000), start=rates),
        o.cooldown: st.builds(o.cooldown, inner, at=lengths, steps=lengths, end=rates),
        o.scale: st.builds(o.scale, inner, st.one_of(st.floats(0.0, 100.0), inner)),
        o.add: st.builds(o.add, inner, inner),
        o.clamp: st.builds(
            lambda s, low, more: o.clamp(s, floor=low, ceiling=None if more is None else low + more),
            inner,
            rates,
            st.none() | rates,
        ),
        o.shift: st.builds(o.shift, inner, st.integers(-1_000, 1_000)),
        o.stretch: st.builds(o.stretch, inner, st.integers(1, 100)),
        o.over: st.builds(lambda s, k: o.over(s, s.length * k), _finite_of(inner), st.integers(1, 5)),
        o.staircase: st.builds(o.staircase, inner, lengths, closed=edges),
        o.warp: st.builds(o.warp, gentle, clocks_to_one),
        o.jitter: st.builds(o.jitter, inner, st.floats(0.0, 1.0), seed=st.integers(0, 2**32 - 1)),
        o.by_epoch: st.builds(o.by_epoch, inner),
        o.repeat: st.builds(
            o.repeat,
            inner,
            st.none() | st.integers(1, 6),
            every=lengths,
            stretch=st.sampled_from([1.0, 2.0, 3, 1.5]),
            scale=fractions,
            closed=edges,
        ),
    }


@st.composite
def schedules(draw, depth=3):
    """Any schedule: shapes, and combinators of them up to ``depth`` deep."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(shape)
    return draw(st.one_of(*combinators_of(schedules(depth - 1)).values()))


any_schedule = schedules()
updates_only = any_schedule.filter(lambda schedule: not schedule.counts_epochs)
# Takes no tensors and no clock past its limit, so it is not among the schedules that every law is searched over.
running_products = {o.running_product: st.builds(o.running_product, shape)}
every_lr_fn = {**finite_shapes, **endless_shapes, **combinators_of(shape), **running_products}
built_in = {f for f in known().values() if isinstance(f, LrFn) and f.__module__.startswith("optimsche.")}


@st.composite
def plans(draw):
    """Any named plan."""
    peak, warmup_steps, more = draw(rates), draw(st.integers(1, 1_000)), draw(lengths)
    floor = peak * draw(st.floats(0.0, 1.0))
    total = warmup_steps + 10 + int(more)
    return draw(
        st.sampled_from(
            [
                o.warmup_cosine(peak=peak, warmup_steps=warmup_steps, total_steps=total, floor=floor),
                o.warmup_linear(peak=peak, warmup_steps=warmup_steps, total_steps=total, floor=floor),
                o.warmup_constant(peak=peak, warmup_steps=warmup_steps),
                o.wsd(peak=peak, warmup_steps=warmup_steps, decay_steps=10, total_steps=total, floor=floor),
                o.one_cycle(peak=peak, total_steps=total),
                o.noam(peak=peak, warmup_steps=warmup_steps),
                o.noam(d_model=512, warmup_steps=warmup_steps),
                o.cosine_restarts(peak=peak, cycle_steps=more, floor=floor, stretch=2, scale=0.5),
                o.triangular(peak=peak, floor=floor, cycle_steps=2 * int(more), scale=0.5),
            ]
        )
    )
