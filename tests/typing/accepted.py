"""What type checkers must accept. Checked by mypy --strict and pyright; never run."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.optim.lr_scheduler import StepLR
from typing_extensions import assert_type

from optimsche import (
    Rate,
    Schedule,
    Steps,
    by_tokens,
    constant,
    cooldown,
    cosine,
    growth,
    linear,
    lr_fn,
    milestones,
    noam,
    one_minus_power,
    parse,
    warmup,
    warmup_cosine,
)
from optimsche.testing import check_laws, check_plan, check_scheduler, params, schedules


@lr_fn
def sawtooth(real_step: float, epoch: float, *, peak: Rate, every: Steps = 100) -> float:
    return peak * (1 - (real_step % every) / every)


@lr_fn(length=lambda schedule: schedule.length)
def halved(real_step: float, epoch: float, schedule: Schedule) -> float:
    return schedule(real_step, epoch) / 2


assert_type(cosine(start=1e-3, steps=9), Schedule)
assert_type(sawtooth(peak=0.1), Schedule)
assert_type(halved(sawtooth(peak=0.1, every=3)), Schedule)
assert_type(warmup(cosine(steps=9), 3, start=0.1), Schedule)
assert_type(cosine(steps=9).warmup(3).cooldown(at=4, steps=2).repeat(3, stretch=2), Schedule)
assert_type(3e-4 * cosine(steps=9) * 2 >> constant(value=0.0), Schedule)
assert_type(cosine(steps=9) * linear(steps=9), Schedule)
assert_type(warmup_cosine(peak=1e-3, warmup_steps=2, total_steps=9), Schedule)
assert_type(noam(warmup_steps=9, d_model=512), Schedule)
assert_type(parse("cosine(steps=9)"), Schedule)
assert_type(cosine(steps=9)(3), float)
assert_type(cosine(steps=9)(3.5, 2), float)
steps: NDArray[np.int64] = np.arange(9)
assert_type(cosine(steps=9)(steps), NDArray[np.float64])
own: dict[str, Any] = cosine(steps=9).params


rates: NDArray[np.float64] = cosine(steps=9).apply(steps, 1, {"start": np.array([0.1, 0.2])})
assert_type(0.5 * parse("linear(steps=9)"), Schedule)
assert_type(linear(steps=9).shift(-3).stretch(2).over(90).clamp(floor=0.1, ceiling=None), Schedule)
assert_type(linear(steps=9).staircase(3, closed="left").jitter(0.1, seed=3).by_epoch(), Schedule)
assert_type(linear(steps=9) + 0.1 - cosine(steps=9), Schedule)
assert_type(1 - linear(steps=9), Schedule)
assert_type(growth(factor=2, every=9).minimum(0.1).maximum(constant(0.01)), Schedule)
assert_type(linear(steps=9).clamp(floor=linear(end=0.5, steps=9)).sequence([constant(0.1, steps=9)]), Schedule)
assert_type(linear(steps=9).by_tokens(500_000).replace(per_update={1: 500_000, 1_001: 1_000_000}), Schedule)
assert_type(linear(steps=9).by_tokens({1: 500_000, 1_001: 1_000_000}), Schedule)
assert_type(by_tokens(linear(steps=9), "0:768 250B:1536"), Schedule)
assert_type(constant(0.1).cooldown(at=9, steps=3, along=one_minus_power(steps=1, power=0.5)), Schedule)
assert_type(cooldown(constant(0.1), at=9, steps=3, along=cosine), Schedule)
assert_type(cosine(steps=9).length, float)
assert_type(cosine(steps=9).reach, float)
assert_type(cosine(steps=9).repeat().boundaries(upto=90, most=3), tuple[float, ...])
assert_type(cosine(steps=9).boundaries(), tuple[float, ...])
assert_type(milestones(at=(30, 60)), Schedule)
assert_type(constant(steps=None), Schedule)
assert_type(check_laws(sawtooth, backends=["numpy"], every=st.just(9)), tuple[str, ...])
assert_type(check_laws([sawtooth, warmup_cosine, cosine(steps=9)]), tuple[str, ...])
assert_type(check_laws(cosine(steps=9)), tuple[str, ...])
assert_type(check_plan(cosine(steps=9), peak=1.0, monotone=True), tuple[str, ...])
assert_type(check_scheduler(lambda optimizer: StepLR(optimizer, 7), also=["pickle"]), tuple[str, ...])
assert_type(schedules([cosine, sawtooth], depth=3), st.SearchStrategy[Schedule])
assert_type(schedules(warmup_cosine), st.SearchStrategy[Schedule])
assert_type(params(sawtooth), st.SearchStrategy[dict[str, Any]])
