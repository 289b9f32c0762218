"""SpeeChain's schedulers: ``Noamlr`` counts training steps from 1, ``ExponentDecayLr`` epochs from 1."""

from __future__ import annotations

from optimsche.peers._peer import Gamma, Lr, SomeSteps, peer
from optimsche.peers._pieces import powers
from optimsche.plans import noam
from optimsche.schedule import Schedule

__all__ = [
    "Noamlr",
    "ExponentDecayLr",
]


@peer("speechain")
def Noamlr(
    d_model: SomeSteps | None = None,
    warmup_steps: SomeSteps = 4000,
    *,
    base_lr: Lr | None = None,
    accum_grad: SomeSteps = 1,
    ft_factor: Gamma = 1.0,
) -> Schedule:
    """A line up, then the inverse square root of the update; the peak is that of ``d_model``, or ``base_lr`` without.

    It counts training steps: ``accum_grad`` of them are one update.
    """
    if d_model is None and base_lr is None:
        raise ValueError("speechain.Noamlr: give d_model, or base_lr, the optimizer's own rate")
    peak = base_lr if d_model is None else (d_model * warmup_steps) ** -0.5
    plan = noam(peak=peak, warmup_steps=warmup_steps) * ft_factor
    if accum_grad == 1:
        return plan
    return plan.shift(-1).stretch(accum_grad).staircase(accum_grad, closed="left").shift(1)


@peer("speechain")
def ExponentDecayLr(decay_factor: Gamma = 0.999, *, base_lr: Lr) -> Schedule:
    """``base_lr * decay_factor ** (epoch - 1)``, as it is meant; its clock is the number of the epoch, from 1.

    In a plan by epochs it is ``ExponentDecayLr(...).shift(-1).by_epoch()``. The code of SpeeChain multiplies the rate
    in force on every call instead, so that there it falls with each step of an epoch.
    """
    return powers(base_lr, decay_factor).shift(1)
