"""Stages of an update: functions of :class:`Gradients`, one after the other, between the backward pass and the step.

A stage is there or it is not. One of a user's own is a function that takes the gradients and gives nothing back::

    def centralise(gradients):
        for tensor in gradients.tensors():
            if tensor.dim() > 1:
                tensor -= tensor.mean(dim=tuple(range(1, tensor.dim())), keepdim=True)


    OptimScheduler(optimizer, plan, stages=[centralise, clip_norm(1.0)])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from ctypes import c_float
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, overload

import torch
from annotated_types import Gt, Lt

from optimsche.checking import admit
from optimsche.ranges import Meaning
from optimsche.schedule import Schedule
from optimsche.training.gradients import Gradients, Joint, Number, measure
from optimsche.training.norms import unit_norms
from optimsche.training.sharded import here

if TYPE_CHECKING:
    from optimsche.training.updates import Update

Stage: TypeAlias = Callable[[Gradients], object]

_EPS = 1e-6  # torch's, in clip_grad_norm_

_BOUND: Any = Annotated[float, Gt(0), Lt(math.inf), Meaning("a bound of gradients", "For no clipping: grad_clip=None.")]
_NORM: Any = Annotated[float, Gt(0), Meaning("the largest norm of the gradients", "For no clipping: None.")]


class _Bounded:
    """What is checked when a stage is made: its bounds are above 0 and finite, or schedules."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]  # each of them is a dataclass
            value = getattr(self, field.name)
            if not isinstance(value, Schedule):
                value = admit(type(self).__name__, field.name, _BOUND, value)
            object.__setattr__(self, field.name, value)

    def _now(self, bound: float | Schedule, gradients: Gradients) -> float:
        """A bound, or the value that its schedule has in this update."""
        if not isinstance(bound, Schedule):
            return bound
        value = float(bound(gradients.update, gradients.epoch))
        if not value > 0:
            raise ValueError(f"{self}: the bound is {value} in update {gradients.update}; it must be > 0.")
        return value


def skip_non_finite(gradients: Gradients) -> None:
    """Leave the update out where the norm is inf or nan: no parameter, no moment and no counter changes.

    It is there by default, before all other stages and after each of a user's own.

    >>> from torch import nn
    >>> weight = nn.Parameter(torch.ones(1))
    >>> weight.grad = torch.tensor([math.nan])
    >>> gradients = Gradients(torch.optim.SGD([weight]), [[weight]])
    >>> skip_non_finite(gradients)
    >>> gradients.found_inf
    True
    """
    norm = gradients.norm
    if isinstance(norm, torch.Tensor):
        gradients.skip(1.0 - norm.isfinite().float())
    elif not math.isfinite(norm):
        gradients.skip()


@dataclass(frozen=True)
class clip_norm(_Bounded):  # a stage is a function; this one remembers its bound
    """Scale all gradients down together, so that their global norm becomes at most ``max_norm``.

    gradient * min(max_norm / (norm + 1e-6), 1), as torch's ``clip_grad_norm_``.

    Args:
        max_norm: > 0; a number, or a schedule of it.

    >>> clip_norm(1.0)
    clip_norm(max_norm=1.0)
    """

    max_norm: float | Schedule

    def __call__(self, gradients: Gradients) -> None:
        """Scale them down."""
        bound = self.max_norm if isinstance(self.max_norm, float | int) else self._now(self.max_norm, gradients)
        factor = coefficient(gradients.norm, bound, float64=gradients.in_float64)
        if isinstance(factor, torch.Tensor) or factor != 1.0:
            gradients.multiply(factor)


@dataclass(frozen=True)
class clip_value(_Bounded):
    """Cut each gradient off at plus and minus ``max_value``. It changes their direction.

    min(max(gradient, -max_value), max_value)

    Args:
        max_value: > 0; a number, or a schedule of it.

    >>> clip_value(0.0)
    Traceback (most recent call last):
    ValueError: clip_value(max_value=0.0): max_value must be > 0 and finite (a bound of gradients), got 0.0.
        For no clipping: grad_clip=None.
    """

    max_value: float | Schedule

    def __call__(self, gradients: Gradients) -> None:
        """Cut them off in place."""
        bound = self._now(self.max_value, gradients)
        for parameter in gradients.parameters():
            gradient: Any = parameter.grad
            if gradient.is_complex():
                raise ValueError("clip_value needs real gradients; give complex parameters a clip_norm.")
            if gradient.is_sparse:
                parameter.grad = gradient = gradient.coalesce()  # a row that is named twice is the sum of both
                gradient = gradient.values()
            here(gradient).clamp_(-bound, bound)


@dataclass(frozen=True)
class clip_each_group(_Bounded):
    """Scale the gradients of each parameter group down by themselves, to a norm of at most ``max_norm``.

    Args:
        max_norm: > 0; a number, or a schedule of it.
    """

    max_norm: float | Schedule

    def __call__(self, gradients: Gradients) -> None:
        """Scale those of each group down."""
        each = clip_norm(self._now(self.max_norm, gradients))
        groups = list(gradients.by_group())
        measure(groups)
        for group in groups:
            each(group)


@dataclass(frozen=True)
class clip_adaptive(_Bounded):
    """Adaptive gradient clipping (AGC): bound each unit's gradient by the size of its weights.

    gradient * min(ratio * max(norm of the unit's weights, eps) / norm of its gradient, 1)

    A unit is one row of a matrix, one filter of a convolution, or a whole vector; both norms are 2-norms. Its authors
    leave the last layer out, with a rule of its own: ``{"head.*": {"grad_clip": None}, "*": {}}``.

    Args:
        ratio: > 0; 0.01 for large batches; a number, or a schedule of it.
        eps: > 0.

    Source: Brock et al., High-Performance Large-Scale Image Recognition Without Normalization (2021), section 4.1,
    arXiv:2102.06171.
    """

    ratio: float | Schedule = 0.01
    eps: float = 1e-3

    @torch.no_grad()
    def __call__(self, gradients: Gradients) -> None:
        """Scale them down in place, unit by unit."""
        ratio = self._now(self.ratio, gradients)
        parameters = gradients.parameters()
        each: list[Any] = [parameter.grad for parameter in parameters]
        if any(gradient.is_sparse for gradient in each):
            raise ValueError("clip_adaptive needs dense gradients; give sparse parameters another clip.")
        norms = unit_norms([*parameters, *each])
        for gradient, weight, found in zip(each, norms, norms[len(each) :], strict=False):
            largest = weight.clamp(min=self.eps) * ratio
            here(gradient).mul_((largest / found.clamp(min=1e-6)).clamp(max=1.0).to(gradient.dtype))


@dataclass(frozen=True)
class skip_above(_Bounded):
    """Leave an update out whose norm is larger than a bound; it is counted as skipped.

    Args:
        max_norm: > 0; a number, or a schedule of it.

    >>> skip_above(100.0)
    skip_above(max_norm=100.0)
    """

    max_norm: float | Schedule

    def __call__(self, gradients: Gradients) -> None:
        """Look at the norm."""
        norm, bound = gradients.norm, self._now(self.max_norm, gradients)
        gradients.skip((norm > bound).float() if isinstance(norm, torch.Tensor) else norm > bound)


def admitted_clip(value: Any, call: str = "OptimScheduler") -> Stage | None:
    """The stage that ``grad_clip`` asks for: a number is the largest global norm.

    Raises:
        TypeError: neither a number, nor a schedule, nor a stage.
        ValueError: a number that is not above 0.

    >>> admitted_clip(5)
    clip_norm(max_norm=5)
    """
    if value is None or (callable(value) and not isinstance(value, Schedule | type)):
        return value
    if isinstance(value, type):
        raise TypeError(f"{call}(grad_clip={value.__name__}): give it its bound: grad_clip={value.__name__}(1.0)")
    return clip_norm(value if isinstance(value, Schedule) else admit(call, "grad_clip", _NORM, value))


class GradClip:
    """The setting ``grad_clip``: the object keeps the stage that it asks for, ``clip``.

    Read, it is what it was set to; a :class:`clip_norm` is its bound, which says the same.
    """

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type) -> GradClip: ...
        @overload
        def __get__(self, instance: object, owner: type) -> float | Schedule | Stage | None: ...

    def __get__(self, instance: Any, owner: type) -> Any:
        clip = self if instance is None else instance.clip
        return clip.max_norm if type(clip) is clip_norm else clip

    def __set__(self, instance: Any, value: Any) -> None:
        instance.clip = admitted_clip(value, type(instance).__name__)


def admitted(stages: Any) -> tuple[Stage, ...]:
    """Stages, checked.

    Raises:
        TypeError: not a list of functions.
    """
    if isinstance(stages, str | bytes) or not isinstance(stages, Sequence):
        raise TypeError(f"stages must be a list of stages, such as [skip_above(100.0)], got {stages!r:.80}.")
    for stage in stages:
        if isinstance(stage, type) or not callable(stage) or isinstance(stage, Schedule):
            raise TypeError(
                f"stages: each must be a function of the gradients, such as clip_norm(1.0), got {stage!r:.80}."
            )
    return tuple(stages)


def run(
    gradients: Mapping[str, Gradients],
    updates: Mapping[str, Update],
    stages: Sequence[Stage],
    clip: Stage | None,
    *,
    skip: bool,
) -> None:
    """Run the stages of an update: of each optimizer by itself, then those of all.

    Args:
        gradients: of each optimizer that has any.
        updates: what is planned for each optimizer.
        stages: what is done with all gradients together.
        clip: how they are clipped then, together.
        skip: whether what is not finite is skipped: at the beginning, and after each stage of a user's own.
    """
    several = len(gradients) > 1
    if skip and several:
        measure(list(gradients.values()))  # with one read from the device for all
    for name, own in gradients.items():
        if skip:
            skip_non_finite(own)
        if updates[name].member.stages:
            _play(own, updates[name].member.stages, skip)
    whole = next(iter(gradients.values()))
    if several and (stages or clip is not None):
        whole = Joint(list(gradients.values()))
        if skip:
            skip_non_finite(whole)
    _play(whole, stages, skip)
    rests = []
    for name, own in gradients.items():
        clips, of_member = updates[name].clips, updates[name].member.clip
        rest = _clipped_by_themselves(own, clips) if clips and not own.left_out else own
        if rest is not None:
            if of_member is not None:
                _play(rest, [of_member], skip)
            rests.append(rest)
    if clip is not None and rests:
        if rests != list(gradients.values()):
            whole = Joint(rests) if len(rests) > 1 else rests[0]
        _play(whole, [clip], skip)


def _play(gradients: Gradients, stages: Sequence[Stage], skip: bool) -> None:
    for stage in stages:
        if gradients.left_out:
            return
        stage(gradients)
        if skip and not isinstance(stage, _Bounded):
            skip_non_finite(gradients)


def _clipped_by_themselves(gradients: Gradients, clips: Mapping[int, Stage | None]) -> Gradients | None:
    """Clip the groups that have a clip of their own; the gradients of the others."""
    parts = [
        (clip, gradients.part([group]))
        for clip, group in ((clip, gradients.groups[number]) for number, clip in clips.items())
        if clip is not None and any(parameter.grad is not None for parameter in group)
    ]
    by_norm = [part for clip, part in parts if isinstance(clip, clip_norm)]
    if by_norm:
        measure(by_norm)  # at once
    for clip, part in parts:
        clip(part)
    rest = [group for number, group in enumerate(gradients.groups) if number not in clips]
    return gradients.part(rest) if any(p.grad is not None for group in rest for p in group) else None


def coefficient(norm: Number, max_norm: float, *, float64: bool = False) -> Number:
    """What gradients are multiplied by to have a norm of at most ``max_norm``: min(max_norm / (norm + 1e-6), 1).

    A number is rounded to float32 at each step, unless the norm is a ``float64``: the same as torch's to the last bit.

    >>> coefficient(0.5, 1.0), coefficient(1e39, 1.0, float64=True) > 0  # a norm that float32 does not have
    (1.0, True)
    """
    if isinstance(norm, torch.Tensor):
        return (max_norm / (norm + _EPS)).clamp(max=1.0)
    if norm < 0.999 * max_norm:
        return 1.0
    if float64:
        return min(1 / (norm + _EPS) * max_norm, 1.0)
    reciprocal = c_float(1 / c_float(norm + c_float(_EPS).value).value).value
    return min(c_float(reciprocal * c_float(max_norm).value).value, 1.0)
