"""Gradients at the end of a window, and the one number that they are still to be multiplied by.

The size of the window, its weights, the loss scale and the clipping coefficient are that number. Where the optimizer's
fused kernel divides by it and skips by itself, the gradients are read once for their norm and once by the kernel, and
nothing is read back from the device. Elsewhere it is one multiplication, or none where it is 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import torch

from optimsche.training.kernels import fused_kernel, fused_step, skips_by_itself
from optimsche.training.norms import Across, combined, is_here, total_norm
from optimsche.training.sharded import here

Number: TypeAlias = float | torch.Tensor
Groups: TypeAlias = Sequence[Sequence[torch.Tensor]]  # the parameters of each group


class Gradients:
    """What a stage of an update works on: the gradients of one optimizer, or of several.

    A stage reads :attr:`norm`, multiplies with :meth:`multiply`, leaves the update out with :meth:`skip`, or changes
    the numbers that :meth:`tensors` gives in place.

    Args:
        optimizer: with gradients.
        groups: the parameters of some of its groups; None for all.
        scale: what the sum of the window's gradients is divided by to become their mean, the loss scale included.
        update: number of the update, from 1, in the optimizer's own count.
        epoch: pass over the data, from 1.
        norm_type: the p of the norm.
        across: how norms come about where each process holds a part of the gradients.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        groups: Groups | None = None,
        *,
        scale: Number = 1.0,
        update: int = 1,
        epoch: float = 1,
        norm_type: float = 2.0,
        across: Across | None = None,
    ) -> None:
        if groups is None:
            groups = [group["params"] for group in optimizer.param_groups]
        self.optimizer, self.groups, self.update, self.epoch = optimizer, groups, update, epoch
        self.found_inf: bool | torch.Tensor = False  # whether the update is left out
        self.first_norm: Number | None = None  # the first one that was measured: before clipping
        self._norm_type, self._across = norm_type, across
        self._scale: Number | None = scale  # None: it is in what is pending
        self._pending: Number = 1.0
        self._raw: Number | None = None  # the norm of the tensors as they are; None: not measured
        self._parts: list[Gradients] = []
        self._touched = False  # whether a stage may have put other tensors in their place
        self._tensors = _gradients(groups)
        self._kernel = fused_kernel(optimizer)
        self.stays_on_device = skips_by_itself(self._kernel) and not is_here(self._tensors[0])
        self.in_float64 = self._tensors[0].dtype is torch.float64

    @property
    def left_out(self) -> bool:
        """Whether it is known that the update is left out."""
        return self.found_inf is True

    @property
    def norm(self) -> Number:
        """The norm of the gradients as they are by now; a tensor if it stays on the device."""
        if self._raw is None or self._scale is not None or self._parts:
            measure([self])
        raw, pending = self._raw, self._pending
        return raw * pending if isinstance(pending, torch.Tensor) or pending != 1.0 else raw  # type: ignore[operator,return-value]

    def multiply(self, factor: Number) -> None:
        """Multiply the gradients by a number; it is carried out when the update is made."""
        self._divide()
        if self._parts:
            self.carry_out()
        self._pending = self._pending * factor

    def skip(self, found: bool | torch.Tensor = True) -> None:
        """Leave the update out if ``found``: a bool, or a tensor of one number that is 1 or 0."""
        if self.stays_on_device and isinstance(found, torch.Tensor):
            earlier = self.found_inf
            self.found_inf = torch.maximum(found, earlier) if isinstance(earlier, torch.Tensor) else earlier or found
        elif found:
            self.found_inf = True

    def parameters(self) -> list[torch.Tensor]:
        """The parameters with their gradients in true numbers, which may be changed or replaced."""
        self.carry_out()
        self._raw, self._touched = None, True
        return [parameter for group in self.groups for parameter in group if parameter.grad is not None]

    def tensors(self) -> list[torch.Tensor]:
        """The gradients with their true numbers, to be changed in place."""
        return [parameter.grad for parameter in self.parameters() if parameter.grad is not None]

    def by_group(self) -> Iterator[Gradients]:
        """The gradients of each parameter group by itself."""
        for group in self.groups:
            if any(parameter.grad is not None for parameter in group):
                yield self.part([group])

    def part(self, groups: Groups) -> Gradients:
        """The gradients of some of the groups, with a number of their own."""
        self._carry_out_own()
        self._raw = None
        shared: Any = {"update": self.update, "epoch": self.epoch, "norm_type": self._norm_type, "across": self._across}
        part = _Part(self.optimizer, groups, **shared)
        part.whole = self
        part.stays_on_device = not is_here(self._tensors[0])  # nothing is decided by it, so nothing is read
        self._parts.append(part)
        return part

    def carry_out(self) -> None:
        """Multiply the gradients by what is pending now."""
        for part in self._parts:
            part.carry_out()
            self._raw = None
        self._parts = []
        self._carry_out_own()

    def step(self) -> None:
        """Step the optimizer, unless the update is left out; the pending number by the kernel, where it can."""
        if self._parts:
            self.carry_out()
        if self._scale is not None:
            self._divide()
        pending, found = self._pending, self.found_inf
        plain = type(pending) is float and pending == 1.0
        if self.stays_on_device:
            device = self._tensors[0].device
            flag = found if isinstance(found, torch.Tensor) else torch.full((), float(found), device=device)
            divisor: Any = None if plain else 1.0 / pending
            divisor = flag.new_full((), divisor) if type(divisor) is float else divisor
            fused_step(self.optimizer, self._kernel, divisor, flag)
        elif found:
            return
        elif plain:
            self.optimizer.step()
        elif self._kernel is not None and not self.in_float64 and type(pending) is float and pending != 0.0:
            # The kernel divides by a float32.
            divisor = torch.scalar_tensor(1.0 / pending, device=self._tensors[0].device)
            fused_step(self.optimizer, self._kernel, divisor, None)
        else:
            self._carry_out_own()
            self.optimizer.step()

    def _divide(self) -> None:
        """Take the scale over into what is pending."""
        scale, self._scale = self._scale, None
        if isinstance(scale, torch.Tensor) or scale not in (None, 0.0, 1.0):
            self._pending = self._pending / scale
        elif scale == 0.0:  # of a window that weighs nothing, as is known only now
            self.skip()

    def _carry_out_own(self) -> None:
        self._divide()
        pending, self._pending = self._pending, 1.0
        if isinstance(pending, torch.Tensor) or pending != 1.0:
            multiply(_gradients(self.groups), pending)  # a stage may have put others in their place
            self._raw = None if self._raw is None else self._raw * pending

    def _away(self) -> list[torch.Tensor]:
        """Measure; what has still to be read from the device is handed back."""
        if self._parts:
            self.carry_out()
        if self._raw is None:
            tensors = _gradients(self.groups) if self._touched else self._tensors
            norm = total_norm(tensors, self._norm_type)
            self._raw = norm.item() if is_here(norm) and not self.stays_on_device else norm
        if self.stays_on_device or not (isinstance(self._raw, torch.Tensor) or isinstance(self._scale, torch.Tensor)):
            return []
        return [number for number in (self._raw, self._scale) if isinstance(number, torch.Tensor)]

    def _know(self, numbers: Iterator[float]) -> None:
        """Take the numbers of what was handed out."""
        if isinstance(self._raw, torch.Tensor):
            self._raw = next(numbers)
        if isinstance(self._scale, torch.Tensor):
            self._scale = next(numbers)


class _Part(Gradients):
    """The gradients of some groups of an optimizer: whether the update is left out is a matter of all."""

    whole: Gradients

    @property
    def left_out(self) -> bool:
        """Whether it is known that the update is left out."""
        return self.whole.left_out

    def skip(self, found: bool | torch.Tensor = True) -> None:
        """Leave the update out if ``found``."""
        self.whole.skip(found)


class Joint(Gradients):
    """The gradients of several optimizers as one: one norm, one number, one decision."""

    def __init__(self, members: Sequence[Gradients]) -> None:
        self.members = members
        self.update, self.epoch = members[0].update, members[0].epoch
        self.groups = [group for one in members for group in one.groups]
        self.in_float64 = any(one.in_float64 for one in members)
        if not all(one.stays_on_device for one in members):
            for one in members:
                one.stays_on_device = False  # one of them has to know on the host what concerns all
        self.stays_on_device = members[0].stays_on_device

    @property
    def left_out(self) -> bool:
        """Whether it is known that the updates are left out."""
        return all(one.left_out for one in self.members)

    @property
    def norm(self) -> Number:
        """The norm of all gradients as one vector."""
        measure(self.members)
        norm: Number = combined([one.norm for one in self.members], self.members[0]._norm_type)
        return norm

    def multiply(self, factor: Number) -> None:
        """Multiply the gradients of all by a number."""
        for one in self.members:
            device = one._tensors[0].device
            one.multiply(factor.to(device) if isinstance(factor, torch.Tensor) else factor)

    def skip(self, found: bool | torch.Tensor = True) -> None:
        """Leave the updates of all out if ``found``."""
        for one in self.members:
            one.skip(found.to(one._tensors[0].device) if isinstance(found, torch.Tensor) else found)

    def parameters(self) -> list[torch.Tensor]:
        """The parameters of all that have gradients."""
        return [parameter for one in self.members for parameter in one.parameters()]

    def carry_out(self) -> None:
        """Multiply the gradients of all by what is pending now."""
        for one in self.members:
            one.carry_out()

    def by_group(self) -> Iterator[Gradients]:
        """The gradients of each parameter group of all by itself."""
        for one in self.members:
            yield from one.by_group()


def measure(gradients: Sequence[Gradients]) -> None:
    """Find the norms, with at most one read from the device for all that has to be known on the host."""
    away: list[torch.Tensor] = []
    if gradients[0]._across is not None:
        _measure_across(gradients, gradients[0]._across)
    for one in gradients:
        away += one._away()
    if away:
        numbers = iter(torch.stack([x.to(away[0].device, torch.float32) for x in away]).cpu().tolist())
        for one in gradients:
            if not one.stays_on_device:
                one._know(numbers)
    for one in gradients:
        one._divide()
        if one.first_norm is None:
            one.first_norm = one.norm


def _measure_across(gradients: Sequence[Gradients], across: Across) -> None:
    """Measure the norms of gradients of which this process holds a part, by one sum over the processes."""
    for one in gradients:
        if one._parts:
            one.carry_out()
    unknown = [one for one in gradients if one._raw is None]
    if unknown:
        norms = across.norms([_gradients(one.groups) for one in unknown], unknown[0]._norm_type)
        for one, norm in zip(unknown, norms.unbind(), strict=True):
            norm = norm if one.in_float64 else norm.float()
            one._raw = norm.item() if is_here(norm) and not one.stays_on_device else norm


def _gradients(groups: Groups) -> list[torch.Tensor]:
    return [parameter.grad for group in groups for parameter in group if parameter.grad is not None]


def multiply(gradients: list[torch.Tensor], factor: Number) -> None:
    """Multiply gradients in place by a number or a tensor of one number.

    >>> gradient = torch.ones(2)
    >>> multiply([gradient], 0.5)
    >>> gradient
    tensor([0.5000, 0.5000])
    """
    if isinstance(factor, float) and all(type(g) is torch.Tensor and not g.is_sparse for g in gradients):
        torch._foreach_mul_(gradients, factor)  # pyright: ignore[reportPrivateImportUsage]
        return
    for gradient in map(here, gradients):
        gradient.mul_(factor.to(gradient.device, gradient.dtype) if isinstance(factor, torch.Tensor) else factor)
