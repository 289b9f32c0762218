"""What the laws are searched over: what optimsche.testing draws from signatures, and the little that it does not."""

import math

from hypothesis import strategies as st

import optimsche as o
from optimsche import Fraction, Rate, Steps, testing
from optimsche.lr_fn import LrFn
from optimsche.names import known
from optimsche.testing.numbers import named

rates, lengths, fractions = (named(annotation) for annotation in (Rate, Steps, Fraction))
real_steps, epochs = testing.real_steps(), testing.epochs()
few_updates = st.integers(1, 50)

built_in = {f for f in known().values() if isinstance(f, LrFn) and f.__module__.startswith("optimsche.")}
segments = sorted((f for f in built_in if f.is_segment), key=lambda f: f.name)
any_segment = testing.schedules(segments, depth=1)

# running_product takes no tensors and no clock past its limit. In warp, what is steep magnifies the last bit of its
# clock, and a step falls a whole step early by it: no law to the ulp. growth goes up to 1e300, so products of it are
# inf, and XLA's power is off by as many ulp as its exponent is large.
EXACT = built_in - {o.running_product, o.warp, o.growth}
finite_shape = testing.schedules(EXACT, depth=1).filter(lambda schedule: 0 < schedule.length < math.inf)
trees = testing.schedules(EXACT, depth=4)
inner = testing.schedules(EXACT, depth=3)

_gentle = st.builds(o.linear, start=rates, end=rates, steps=st.just(1)) | st.builds(
    o.cosine, start=rates, end=rates, steps=st.just(1)
)
_clocks_to_one = st.one_of(
    *(st.builds(f, start=st.just(0.0), end=st.just(1.0), steps=lengths) for f in (o.linear, o.cosine, o.rex))
)
warps = st.builds(o.warp, _gentle, _clocks_to_one)
any_schedule = st.one_of(
    trees,
    trees,
    trees,
    warps,
    st.builds(o.then, warps, inner, at=lengths),
    st.builds(o.scale, inner, warps),
    st.builds(o.warmup, warps, st.integers(0, 1_000), start=rates),
)
updates_only = any_schedule.filter(lambda schedule: not schedule.counts_epochs)


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
