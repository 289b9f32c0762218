"""From what a model returned to gradients."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import torch

from optimsche.call_errors import did_you_mean
from optimsche.training.loss_scaler import LossScaler
from optimsche.training.members import Member
from optimsche.training.norms import is_here

# What torch says where the graph is freed already, or an optimizer has changed what it needs.
_TWICE = ("backward through the graph a second time", "modified by an inplace operation")

_REENTRANT = (
    "activation checkpoints with use_reentrant=True get no gradient in a backward pass for an optimizer's own "
    "parameters alone: torch leaves them out. Write checkpoint(..., use_reentrant=False)."
)

Losses: TypeAlias = torch.Tensor | Mapping[str, torch.Tensor]
Inputs: TypeAlias = Sequence[torch.Tensor] | None
Chosen: TypeAlias = Sequence[tuple[torch.Tensor, list[torch.Tensor]]]  # losses, and the parameters that follow each


def pick(losses: Losses, optim_loss: str | None) -> torch.Tensor:
    """The loss that an optimizer works on.

    Args:
        losses: a loss, or losses by name.
        optim_loss: the name; by default ``"loss"``, or the only one there is.

    Raises:
        TypeError: not a tensor.
        ValueError: no loss of that name; not one real number; a loss without a graph behind it.

    >>> pick({"loss": torch.ones((), requires_grad=True), "ctc": torch.zeros(())}, None)
    tensor(1., requires_grad=True)
    """
    plain = type(losses) is torch.Tensor and optim_loss is None and losses.requires_grad and losses.numel() == 1
    if plain and not losses.is_complex():  # type: ignore[union-attr]  # as nearly always
        return losses  # type: ignore[return-value]
    name = "loss"
    if isinstance(losses, Mapping):
        name = next(iter(losses)) if optim_loss is None and len(losses) == 1 else optim_loss or "loss"
        if name not in losses:
            cure = "" if optim_loss else "\n    Choose one with OptimScheduler(..., optim_loss=...)."
            known = ", ".join(map(repr, losses)) or "none"
            raise ValueError(f"no loss named {name!r}{did_you_mean(name, losses) or '.'} There are: {known}.{cure}")
        loss = losses[name]
    elif optim_loss is not None:
        raise TypeError(
            f"optim_loss={optim_loss!r} needs losses by name, {{{optim_loss!r}: ...}}, got {type(losses).__name__}."
        )
    else:
        loss = losses
    if not isinstance(loss, torch.Tensor):
        raise TypeError(f"{name} must be a tensor of one number, got {type(loss).__name__}.")
    if loss.numel() != 1:
        raise ValueError(
            f"{name} must be a tensor of one number, got shape {tuple(loss.shape)}. Take its mean or its sum first."
        )
    if loss.is_complex():
        raise ValueError(f"{name} must be a real number, got {loss.dtype}. Take its absolute value or its real part.")
    if not loss.requires_grad:
        raise ValueError(
            f"{name} has no graph behind it, so it has no gradient. Was it made under torch.no_grad(), or detached?"
        )
    return loss


def followed(members: Iterable[Member], losses: Losses) -> Chosen:
    """The losses that optimizers follow, each with the parameters that get its gradient.

    Raises:
        TypeError, ValueError: as :func:`pick`.
    """
    chosen: list[tuple[torch.Tensor, list[torch.Tensor]]] = []
    for member in members:
        own = member.trainable()
        if own:
            loss = pick(losses, member.optim_loss)
            for other, inputs in chosen:
                if other is loss:
                    inputs.extend(own)
                    break
            else:
                chosen.append((loss, own))
    return chosen


def refuse_what_was_left_out(chosen: Chosen, passes: int) -> None:
    """Refuse parameters that passes of a window have given nothing, if an activation checkpoint is the cause.

    Torch leaves a reentrant checkpoint out where only some parameters get gradients. Then those inside have no
    gradient, or one to which less was added: each addition in place raises a tensor's version.

    Args:
        chosen: the losses of the last pass, with their parameters.
        passes: how many there were.
    """
    for loss, inputs in chosen:
        for parameter in inputs:
            if parameter.grad is None or parameter.grad._version < passes - 1:
                _refuse_reentrant_checkpoints(loss)
                break


def _refuse_reentrant_checkpoints(loss: torch.Tensor) -> None:
    """Refuse activation checkpoints whose own backward pass torch leaves out where only some parameters get gradients.

    Raises:
        ValueError: there is one in the graph of the loss.
    """
    nodes, seen = [loss.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name() == "CheckpointFunctionBackward":
            raise ValueError(_REENTRANT)
        nodes += [following for following, _ in node.next_functions]


def point_out_a_division(chosen: Chosen, size: int, log: logging.Logger) -> None:
    """Warn of a loss that was divided by the size of the window, as loops by hand do: the update does so as well.

    Args:
        chosen: the losses.
        size: micro-batches in the window.
        log: for the warning.
    """
    for loss, _ in chosen if size > 1 else ():
        if _is_divided_by(size, loss):
            log.warning(
                "the loss was divided by %d, as many micro-batches as the window has, and the update takes their mean "
                "by itself: its gradient is %d times too small. Write optim.step(loss, ...) with the mean over the "
                "micro-batch. If the division is meant, all is well.",
                size,
                size,
            )


def _is_divided_by(number: int, loss: torch.Tensor) -> bool:
    """Whether a loss was divided by a whole number at last, and not to write a mean: sum(losses) / n, (a + b) / 2."""
    node: Any = loss.grad_fn
    if node is None or node.name() != "DivBackward0":
        return False
    summed, before = 0, node.next_functions[0][0]
    while before is not None and before.name() == "AddBackward0" and summed < number:
        summed, before = summed + 1, before.next_functions[0][0]
    if summed >= number - 1 or (before is not None and before.name() == "SumBackward0"):
        return False
    try:
        if getattr(node._raw_saved_other, "unpack_hook", "not known") is not None:  # it may unpack only once
            return False
        divisor = node._saved_other
        return divisor.dtype is torch.int64 and divisor.numel() == 1 and is_here(divisor) and divisor.item() == number
    except Exception:  # of a graph that is used up, or fake tensors: a hint fails no pass, which says it better
        return False


def add_gradients(
    loss: torch.Tensor, inputs: Inputs, share: float | torch.Tensor, scaler: LossScaler | None, retain_graph: bool
) -> None:
    """Add this micro-batch's gradients to those of its window; the caller's loss stays as it is.

    Args:
        loss: a loss that is a mean over the micro-batch.
        inputs: the only parameters that get a gradient; None for all.
        share: what it counts for in its window; the sum is divided when the update is made.
        scaler: multiplies the loss, if there is one.
        retain_graph: whether another backward pass will go through the same graph.

    Raises:
        RuntimeError: the backward pass failed; with a hint if the graph was used before.
    """
    if type(share) is not float or share != 1.0:
        loss = loss * share
    if scaler is not None:
        loss = scaler.scale(loss)
    try:
        torch.autograd.backward(loss, inputs=inputs, retain_graph=retain_graph)
    except RuntimeError as error:
        if "use_reentrant=True" in str(error):
            raise ValueError(_REENTRANT) from error
        if "fabric.backward" in str(error):
            raise RuntimeError(
                f"{error}\n    Write fabric.backward(loss / size), with size = counting.window_size(step_num, "
                "accum_grad, steps_per_epoch), and optim.update(step_num=...)"
            ) from error
        if any(sign in str(error) for sign in _TWICE):
            raise RuntimeError(
                f"{error}\n    Was loss.backward() called before? Then no loss is needed: optim.update(step_num=...)"
                "\n    Several optimizers on one loss? Then they are members of one OptimScheduler, so that every "
                "backward pass comes before every update: OptimScheduler({'encoder': Member(...), "
                "'decoder': Member(...)})"
            ) from error
        raise
