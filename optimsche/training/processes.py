"""The processes that train one model: they sum gradients, and have to agree.

Whether there are several is found once, when the optimizer is built; one that is alone has nothing of this.
"""

from __future__ import annotations

import copy
import math
import re
import weakref
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from optimsche.training import losses, sharded
from optimsche.training.gradients import multiply
from optimsche.training.loss_scaler import LossScaler
from optimsche.training.norms import Across
from optimsche.training.turn import Turn
from optimsche.training.window import Order, Weight, Window

if TYPE_CHECKING:
    from optimsche.training.members import Member


class Processes:
    """The processes that train one model, as one of them sees them.

    Args:
        holders: the modules that sum gradients over processes, and may be told not to: DDP, ``fully_shard``.
        shards: the modules of ``fully_shard``, which keep gradients of their own.
        data: the groups over which the data are spread: one, or one for each dimension of a mesh.
        parts: the groups over which the numbers of the model are spread, likewise.
        stages: the group over which whole parameters are spread, as pipeline stages; or None.
        trainer: who makes the backward passes, if it has to be somebody else.
        parameters: all that are updated.
    """

    def __init__(
        self,
        holders: Sequence[Any] = (),
        shards: Sequence[Any] = (),
        data: Sequence[Any] = (),
        parts: Sequence[Any] = (),
        stages: Any = None,
        trainer: str | None = None,
        *,
        parameters: Sequence[torch.Tensor],
    ) -> None:
        self.holders, self.shards, self.data, self.parts = list(holders), list(shards), list(data), list(parts)
        self.stages, self.trainer = stages, trainer
        self.passed = False
        self._lost: str | None = None  # why this process can no longer be in step with the others
        self._begun = False  # whether they have agreed on what they play
        self._kind: tuple[bool, bool] | None = None  # whether windows are weighted, and whether passes are the caller's
        self._device = parameters[0].device
        self._loose = [p for p in parameters if shards and p.requires_grad and not sharded.on_mesh(p)]
        self._note_passes(next((p for p in parameters if p.requires_grad and p.is_leaf), None))

    # -- when gradients are summed ------------------------------------------------------------------------------------

    @contextmanager
    def forward(self, autocast: AbstractContextManager[Any], due: bool) -> Iterator[Any]:
        """The context of a forward pass. DDP decides in it whether the backward pass sums gradients."""
        self.refuse_if_lost()
        self.passed = False
        with autocast, self._summing(due):
            yield

    def backward(
        self,
        window: Window,
        due: bool,
        loss: torch.Tensor,
        share: Weight,
        scaler: LossScaler | None,
        retain_graph: bool,
    ) -> None:
        """Add gradients as :func:`losses.add_gradients`, and sum them over processes only if ``due``.

        It reaches all parameters, since processes synchronise in hooks that a restricted pass does not run. Where this
        process has dropped the window, the others wait for its gradients: with nan all find the same norm, and all
        skip.
        """
        window.summed = due
        with self._summing(due):
            losses.add_gradients(loss * math.nan if window.dropped else loss, None, share, scaler, retain_graph)

    def _note_passes(self, parameter: Any) -> None:
        """Learn of backward passes, also of a loop's own, from one parameter, which keeps nothing of this alive."""
        here = weakref.ref(self)

        def note(_: torch.Tensor) -> None:
            processes = here()
            if processes is not None:
                processes.passed = True

        if parameter is not None:
            parameter.register_post_accumulate_grad_hook(note)

    def __deepcopy__(self, memo: dict[int, Any]) -> Processes:
        copied = copy.copy(self)  # groups of processes are no data
        copied.holders, copied.shards = copy.deepcopy((self.holders, self.shards), memo)
        copied._loose = copy.deepcopy(self._loose, memo)
        return copied

    @contextmanager
    def _summing(self, due: bool) -> Iterator[None]:
        with ExitStack() as stack:
            for holder in () if due else self.holders:
                if hasattr(holder, "set_requires_gradient_sync"):
                    holder.set_requires_gradient_sync(False)
                    stack.callback(holder.set_requires_gradient_sync, True)
                else:
                    stack.enter_context(holder.no_sync())
            yield

    def take_part(self, factor: float) -> None:
        """Sum gradients over processes without a loss: those that are there, and ``factor`` in each number.

        With nan, this process takes part in a window that it has dropped; with 0, it sums what was not summed yet.

        Raises:
            ValueError: there is no DDP around the whole model, through which that can be done.
        """
        (ddp,) = self.holders
        ddp.module, model = _Constant(ddp.module, factor), ddp.module
        try:
            with torch.enable_grad():
                loss = ddp()
        finally:
            ddp.module = model
        loss.backward()

    @property
    def can_take_part(self) -> bool:
        """Whether gradients can be summed without a loss: through one DDP."""
        holders = self.holders
        return len(holders) == 1 and isinstance(holders[0], DistributedDataParallel) and not holders[0].static_graph

    def poison(self, members: Iterable[Member]) -> None:
        """Put nan into all gradients of a window that this process has dropped, so that all find the same norm."""
        for member in members:
            for parameter in member.trainable():
                parameter.grad = torch.full_like(parameter, math.nan)

    def drop_gradients(self) -> None:
        """Drop the gradients that ``fully_shard`` keeps outside the parameters until they are summed."""
        sharded.drop_gradients(self.shards)

    def share(self, window: Window, turn: Turn, weight: Weight | None) -> Weight:
        """Count a micro-batch in; the factor on its loss.

        Raises:
            ValueError: gradients were, or were not, summed over processes in the wrong micro-batch.
        """
        if window.said == (turn.step_num, not turn.closes):
            raise ValueError(
                f"step_num={turn.step_num}: micro_batch({turn.step_num}) was called with last={not turn.closes}, and "
                f"step with last={turn.closes}. Where processes synchronise, say it to micro_batch: the "
                "forward pass decides."
            )
        share = window.add(weight)
        return share * self._stretch(window, turn) if turn.cut and weight is None else share

    def _stretch(self, window: Window, turn: Turn) -> float:
        """Let a window that is cut short count as a full one: all processes divide by the same number.

        Returns:
            What the gradients were multiplied by, and what the last pass is to be.
        """
        factor = window.size / turn.window.size
        for holder in self.holders:
            for parameter in holder.parameters():
                if parameter.grad is not None and not sharded.on_mesh(parameter):
                    multiply([parameter.grad], factor)
        sharded.multiply(self.shards, factor)
        return factor

    def end_late(self, window: Window, turn: Turn) -> None:
        """Sum the gradients of a window whose end is known only after its last pass, which did not sum them.

        Raises:
            ValueError: no way to do so.
        """
        if window.summed is not False or not self.holders:
            return
        step_num = turn.step_num
        if self.can_take_part:
            if turn.cut and not window.by_caller and not window.weighted:
                self._stretch(window, turn)
            self.take_part(0.0)
        elif not all(hasattr(each, "set_requires_gradient_sync") for each in self.holders) or sharded.kept(self.shards):
            raise ValueError(
                f"update(step_num={step_num}, last=True): the passes of micro-batch {step_num} have not summed its "
                f"gradients over the processes, and nothing else of {type(self.holders[0]).__name__} can. Say it to "
                f"the forward pass, micro_batch({step_num}, last=True), or give the length of an epoch, "
                "steps_per_epoch=. Here the window can only be dropped, by all processes: optim.discard()"
            )
        window.summed = True

    # -- what all agree on --------------------------------------------------------------------------------------------

    def micro_batch_ended(self) -> None:
        """What follows the backward pass of a micro-batch is over."""
        self.passed = False

    def fail(self, what: str) -> None:
        """Something has failed here that the others do not know of."""
        self._lost = what

    def start_again(self) -> None:
        """Go on from a checkpoint, as the others do."""
        self._lost = None

    def refuse_if_lost(self) -> None:
        """Refuse to go on where this process has failed and the others have not.

        Raises:
            RuntimeError: it has.
        """
        if self._lost is not None:
            raise RuntimeError(
                f"{self._lost}, and the other processes went on: the weights here are no longer theirs. End the run "
                "and resume it from a checkpoint; torchrun --max-restarts does so by itself."
            )

    def begin(self, settings: object, real_step: int) -> None:
        """Agree on what is played, once, before the first window; ``settings`` print it.

        Raises:
            ValueError: the processes were built differently, or begin at another update.
            RuntimeError: this process has failed, and the others have not.
        """
        self.refuse_if_lost()
        if self._begun:
            return
        self._begun = True
        # Stages may be updated by different optimizers. Where a function of one's own is in memory is no setting.
        settings = "" if self.stages is not None else re.sub(r" at 0x[0-9a-f]+", "", repr(settings))
        loose = b"".join(p.detach().float().cpu().numpy().tobytes() for p in self._loose)
        mine = [zlib.crc32(settings.encode()), real_step, zlib.crc32(loose)]
        alike = self._alike(mine)
        if not alike[0]:
            raise ValueError(f"the processes are not built alike. This one has {settings}")
        if not alike[1]:
            raise ValueError(
                f"the processes begin at different updates, this one at {real_step}. Load the same checkpoint "
                "everywhere, and count micro-batches from the same number."
            )
        if not alike[2]:
            raise ValueError(
                "the model has parameters beside those of fully_shard, which begin with other values on each process. "
                "Give them the same: torch.manual_seed before the model is built, or dist.broadcast."
            )

    def _alike(self, mine: Sequence[int]) -> list[bool]:
        """Whether each of some whole numbers is the same everywhere."""
        numbers = torch.tensor([*mine, *(-n for n in mine)], dtype=torch.int64, device=self._device)
        for group in self._all_groups():
            dist.all_reduce(numbers, dist.ReduceOp.MAX, group)
        highest, lowest = numbers.tolist()[: len(mine)], numbers.tolist()[len(mine) :]
        return [high == -low for high, low in zip(highest, lowest, strict=True)]

    def end(self, window: Window) -> None:
        """What comes before an update: agree on the kind of the window, and average what nobody has averaged.

        Plain parameters beside those of ``fully_shard`` (its ``ignored_params``) have no one else to do it.
        """
        self.refuse_if_lost()
        self._agree(window)
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in self._loose]
        alike: dict[torch.dtype, list[torch.Tensor]] = {}
        for gradient in grads:
            alike.setdefault(gradient.dtype, []).append(gradient)
        for each in alike.values():
            flat = self.mean(torch.cat([gradient.flatten() for gradient in each]))
            for gradient, part in zip(each, torch.split(flat, [g.numel() for g in each]), strict=True):
                gradient.copy_(part.reshape(gradient.shape))
        for parameter, gradient in zip(self._loose, grads, strict=True):
            parameter.grad = gradient

    def _agree(self, window: Window) -> None:
        """Agree on what kind the windows are of, once, before the first update. Later ones must be of this kind.

        Raises:
            ValueError: some processes have weights or backward passes of their own, and some have not.
        """
        weighted = False if window.by_caller else window.weighted
        if self._kind is None:
            asked = [weighted is True, weighted is False, window.by_caller is True, window.by_caller is False]
            flags = torch.tensor(asked, dtype=torch.int32, device=self._device)
            for group in self._all_groups():
                dist.all_reduce(flags, dist.ReduceOp.MAX, group)
            with_weights, without, by_caller, by_us = map(bool, flags.tolist())
            if (with_weights and without) or (by_caller and by_us):
                raise ValueError(_NOT_OF_A_KIND.format("on the other processes"))
            self._kind = with_weights, by_caller
        elif weighted not in (None, self._kind[0]) or window.by_caller not in (None, self._kind[1]):
            raise ValueError(_NOT_OF_A_KIND.format("before"))
        window.weighted, window.by_caller = self._kind

    @property
    def _alone(self) -> bool:
        return all(dist.get_world_size(group) == 1 for group in self._all_groups())

    def _all_groups(self) -> list[Any]:
        groups = {id(group): group for group in [*self.data, *self.parts, self.stages] if group is not None}
        return list(groups.values())

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """The mean of a number over the processes; nobody waits for it."""
        size = 1
        for group in self.data:
            dist.all_reduce(value, group=group)
            size *= dist.get_world_size(group)
        return value / size

    def divisor(self, window: Window) -> Weight:
        """What the sum of a window's gradients is divided by: the same everywhere; the host does not wait for it."""
        if not window.weighted:  # each process knows only its own gaps, and a divisor of its own would pull them apart
            return window.full()
        total = 1.0 if window.dropped else window.total
        return self.mean(torch.as_tensor(total, dtype=torch.float32, device=self._device).clone())

    def across(self, window: Window) -> Across | None:
        """How the norm of all gradients comes about; None where each process has it by itself.

        Under DDP every process has all gradients. Where backward passes are not ours, a process that has dropped its
        window says so through the norm.
        """
        parts = self.parts or (self.data if window.by_caller else [])
        if not parts and self.stages is None:
            return None
        return Across(parts, self.stages)

    # -- what is refused ----------------------------------------------------------------------------------------------

    def refuse_a_pass(self) -> None:
        """Refuse a backward pass that has to be made by somebody else.

        Raises:
            ValueError: it has to.
        """
        self.refuse_if_lost()
        if self.trainer is not None:
            raise ValueError(f"step and backward: {self.trainer}")

    def refuse_to_drop(self, turn: Turn, order: Order, *, skip_non_finite: bool) -> None:
        """Refuse to drop a window where the others cannot be told.

        Raises:
            ValueError: they cannot.
        """
        self.refuse_if_lost()
        if not skip_non_finite:
            raise ValueError(
                "discard: a process tells the others by gradients of nan that it has dropped a window, and "
                "skip_non_finite=False applies them. Leave it True."
            )
        if order.halfway and order.seen == turn.step_num and turn.closes:
            raise ValueError(
                f"discard(step_num={turn.step_num}): the gradients of its window are summed over the processes already."
                " Drop it before the backward pass."
            )
        waiting = (bool(self.holders) or self.trainer is not None) and not self._alone
        if turn.closes and waiting and not self.can_take_part and not self.passed:
            raise ValueError(
                f"discard(step_num={turn.step_num}): this micro-batch closes its window, and the other processes wait "
                "for its passes. Make them, with a loss of nan, and all processes skip the update: "
                f"optim.step(loss * math.nan, step_num={turn.step_num})"
            )


class _Constant(nn.Module):
    """Stands in for a model: its output depends on every parameter, and has the same gradient in each number."""

    def __init__(self, model: nn.Module, factor: float) -> None:
        super().__init__()
        self.parameters_of = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.factor = factor

    def forward(self) -> torch.Tensor:
        """A sum over all parameters."""
        sums = [parameter.sum().to(self.parameters_of[0].device).real for parameter in self.parameters_of]
        return torch.stack([each.float() for each in sums]).sum() * self.factor


_NOT_OF_A_KIND = (
    "the windows {} are of another kind. Where processes train together, all windows of a run are alike: every "
    "micro-batch has a weight=, or none; and every one goes through step, or through a backward pass of the loop's."
)
