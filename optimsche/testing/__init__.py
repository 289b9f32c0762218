"""Property tests for schedules, one's own included: what they are drawn from, and the laws that they keep.

Needs hypothesis: ``pip install hypothesis``.

- strategies: schedules, params, real_steps, epochs; which of them were drawn: coverage
- all laws that apply to an lr function, or to a plan: check_laws; what is believed of a plan: check_plan
- the laws of a scheduler that is stepped, whoever wrote it: check_scheduler
- laws of a schedule: assert_pure, assert_finite, assert_not_negative, assert_bounded, assert_monotone,
  assert_continuous, assert_same_on_every_backend, assert_same_in_float32, assert_apply, assert_round_trips,
  assert_length_and_boundaries
- laws of what a formula may rely on: assert_sees_one_kind, assert_may_write_into_its_clock
- laws of segments: assert_exact_ends, assert_inside, assert_one_way
- laws of combinations: assert_then_associates, assert_then_plays_both, assert_scale_distributes,
  assert_scale_composes, assert_shift_adds, assert_stretch_multiplies, assert_warmup_meets, assert_repeats,
  assert_clamps, assert_over_fits

>>> from optimsche import Rate, Steps, lr_fn
>>> @lr_fn
... def descending(real_step, epoch, *, peak: Rate, every: Steps):
...     return peak - peak * real_step / every
>>> check_laws(descending, backends=["numpy"])
Traceback (most recent call last):
AssertionError: assert_not_negative: descending(peak=1.0, every=1)
    at real_step=2, epoch=1 it is -1.0
"""

from optimsche.missing import needs

try:
    import hypothesis as _hypothesis  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "hypothesis":
        raise
    raise needs("optimsche.testing", "hypothesis") from None

from optimsche.testing.algebra import (
    assert_clamps,
    assert_over_fits,
    assert_repeats,
    assert_scale_composes,
    assert_scale_distributes,
    assert_shift_adds,
    assert_stretch_multiplies,
    assert_then_associates,
    assert_then_plays_both,
    assert_warmup_meets,
)
from optimsche.testing.backends import assert_same_on_every_backend, available_backends
from optimsche.testing.check import check_laws
from optimsche.testing.check_plan import check_plan
from optimsche.testing.drawn import Coverage, coverage
from optimsche.testing.kinds import assert_may_write_into_its_clock, assert_same_in_float32, assert_sees_one_kind
from optimsche.testing.laws import (
    assert_apply,
    assert_bounded,
    assert_continuous,
    assert_finite,
    assert_length_and_boundaries,
    assert_monotone,
    assert_not_negative,
    assert_pure,
    assert_round_trips,
    clocks,
)
from optimsche.testing.numbers import epochs, real_steps
from optimsche.testing.purity import impurities
from optimsche.testing.schedulers import check_scheduler
from optimsche.testing.segments import assert_exact_ends, assert_inside, assert_one_way
from optimsche.testing.strategies import params, schedules

__all__ = [
    "Coverage",
    "assert_apply",
    "assert_bounded",
    "assert_clamps",
    "assert_continuous",
    "assert_exact_ends",
    "assert_finite",
    "assert_inside",
    "assert_length_and_boundaries",
    "assert_may_write_into_its_clock",
    "assert_monotone",
    "assert_not_negative",
    "assert_one_way",
    "assert_over_fits",
    "assert_pure",
    "assert_repeats",
    "assert_round_trips",
    "assert_same_in_float32",
    "assert_same_on_every_backend",
    "assert_scale_composes",
    "assert_scale_distributes",
    "assert_sees_one_kind",
    "assert_shift_adds",
    "assert_stretch_multiplies",
    "assert_then_associates",
    "assert_then_plays_both",
    "assert_warmup_meets",
    "available_backends",
    "check_laws",
    "check_plan",
    "check_scheduler",
    "clocks",
    "coverage",
    "epochs",
    "impurities",
    "params",
    "real_steps",
    "schedules",
]
