"""What type checkers must accept. Checked by mypy --strict and pyright; never run."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

from optimsche import Rate, Schedule, Steps, constant, cosine, linear, lr_fn, noam, parse, warmup, warmup_cosine


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
params: dict[str, Any] = cosine(steps=9).params
