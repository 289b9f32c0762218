"""Several optimizers on one model: every backward pass first, then every update, with one loss scaler."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import torch

from optimsche.training import norms, parameters
from optimsche.training.losses import Losses, pick, run_backward
from optimsche.training.micro_batch import Planned
from optimsche.training.optim_scheduler import OptimScheduler
from optimsche.training.result import StepResult
from optimsche.training.stepping import LOG
from optimsche.training.synchronisation import synchronised
from optimsche.training.timing import TimeFunc, timed
from optimsche.training.window_weights import Weight, admitted_weight


@contextmanager
def micro_batch_all(optims: Mapping[str, OptimScheduler], step_num: int, *, last: bool = False) -> Iterator[None]:
    """The context of a forward pass for several optimizers: see :meth:`OptimScheduler.micro_batch`.

    Args:
        optims: optimizers by name.
        step_num: number of the micro-batch over the whole run, from 1.
        last: whether its window is cut short here.

    Raises:
        ValueError, TypeError: optimizers that cannot work together.
    """
    _refuse_strangers(optims)
    prepare(optims)
    due = any(optim._turn(step_num, last=last).due for optim in optims.values())
    with next(iter(optims.values()))._synchronised_forward(due):
        yield


def step_all(
    optims: Mapping[str, OptimScheduler],
    losses: Losses,
    *,
    step_num: int,
    epoch_num: float | None = None,
    weight: Weight | None = None,
    last: bool = False,
    time_func: TimeFunc | None = None,
    logger: logging.Logger | None = None,
) -> dict[str, StepResult]:
    """What follows the forward pass of a micro-batch, for several optimizers on one model.

    No weight changes before the last backward pass, and each optimizer's parameters get the gradient of its own loss
    only. Optimizers that follow the same loss share one pass. All use one loss scaler, the first one's. A call that is
    refused has changed nothing and may be made again; if an update fails half-way, what was not yet made is dropped.

    Args:
        optims: optimizers by name, as :func:`build_optim_sches` gives them; all with the same windows.
        losses: a loss, or losses by name, of which each optimizer follows its ``optim_loss``.
        step_num: number of the micro-batch over the whole run, from 1; rises with every call.
        epoch_num: pass over the data, from 1; None counts it by ``steps_per_epoch``.
        weight, last: as in :meth:`OptimScheduler.step`.
        time_func: as in :meth:`OptimScheduler.step`, called with each optimizer's name.
        logger: for skipped updates and warnings; by default the logger ``"optimsche"``.

    Returns:
        What happened, by name.

    Raises:
        ValueError, TypeError: optimizers that cannot work together; whatever :meth:`OptimScheduler.step` refuses.
        NonFiniteError: ``max_skips`` updates of one optimizer in a row were skipped.

    >>> from torch import nn
    >>> from optimsche import constant
    >>> model = nn.ModuleDict({"encoder": nn.Linear(2, 2), "decoder": nn.Linear(2, 1)})
    >>> optims = {
    ...     name: OptimScheduler(torch.optim.SGD(part.parameters()), constant(value=0.1), model=model)
    ...     for name, part in model.items()
    ... }
    >>> with micro_batch_all(optims, step_num=1):
    ...     loss = model["decoder"](model["encoder"](torch.ones(2))).sum()
    >>> results = step_all(optims, loss, step_num=1)
    >>> results["encoder"].updated, results["decoder"].updated
    (True, True)
    """
    _refuse_strangers(optims)
    if len(optims) == 1:
        ((name, optim),) = optims.items()
        optim._take_its_own_scaler()
        result = optim.step(
            losses,
            step_num=step_num,
            epoch_num=epoch_num,
            weight=weight,
            last=last,
            time_func=time_func,
            optim_name=name,
            logger=logger,
        )
        return {name: result}
    prepare(optims)
    # All that can be refused comes first: the call may be corrected and made again.
    weight = admitted_weight(weight)
    planned = {name: optim._planned(step_num, epoch_num, last=last) for name, optim in optims.items()}
    chosen = {name: optim._loss(planned[name].turn, losses, weight) for name, optim in optims.items()}
    if any(optim._synchronising is not None for optim in optims.values()):
        chosen = _one_loss(optims, losses, chosen)
    for name, optim in optims.items():
        optim._windows.check(planned[name].turn, updating=False)

    _backward_all(optims, chosen, planned, weight, time_func, logger)
    results = {}
    scaler = next(iter(optims.values())).scaler
    with ExitStack() as on_failure:
        for optim in optims.values():
            on_failure.enter_context(optim._dropped_on_failure(logger, "an update beside it"))
        for name, optim in optims.items():
            with timed(time_func, "optim_time", name):
                results[name] = optim._update(planned[name], weight, logger)
    found = [result.found_inf for result in results.values() if result.found_inf is not None]
    if scaler is not None and found:
        scaler.update(found)
    with ExitStack() as told:  # all of them, also if one has to end the run
        for name, optim in reversed(list(optims.items())):
            if results[name].found_inf is not None:
                told.callback(optim._outcomes.add, results[name], scaler, logger or LOG)
    return results


def prepare(optims: Mapping[str, OptimScheduler]) -> None:
    """Make optimizers ready to step together: one ``steps_per_epoch`` and one loss scaler for all.

    Raises:
        ValueError: they cannot work together.
    """
    _share_steps_per_epoch(optims)
    _refuse_misfits(optims)
    first, *others = optims.values()
    together = [(name, id(optim), optim._owned.version()) for name, optim in optims.items()]
    if first._seen_together != together:  # once, and again whenever parameters have changed
        parameters.refuse_shared(
            {name: optim._owned.all() for name, optim in optims.items()},
            [optim.model for optim in optims.values()],
            "Give it to one of them.",
        )
        _refuse_apart(optims)
        first._seen_together = together
    if any(optim.scaler is not first.scaler for optim in others):
        share_scaler(optims)


def share_scaler(optims: Mapping[str, OptimScheduler]) -> None:
    """Give all the first one's loss scaler: gradients of different loss scales cannot be added up."""
    first = next(iter(optims.values()))
    for optim in optims.values():
        optim.scaler = first.scaler
        optim._scaler_is_shared = first.scaler is not None and len(optims) > 1


def _share_steps_per_epoch(optims: Mapping[str, OptimScheduler]) -> None:
    """Give the length of an epoch to those that do not know it, where ``batches`` has told one of them."""
    known = {optim.steps_per_epoch for optim in optims.values()} - {None}
    if len(known) == 1:
        for optim in optims.values():
            if optim.steps_per_epoch is None and optim._windows.seen == 0:
                (optim.steps_per_epoch,) = known


def _backward_all(
    optims: Mapping[str, OptimScheduler],
    losses: Mapping[str, torch.Tensor | None],
    planned: Mapping[str, Planned],
    weight: Weight | None,
    time_func: TimeFunc | None,
    logger: logging.Logger | None,
) -> None:
    followers: dict[object, dict[str, OptimScheduler]] = {}  # by the loss that they follow, and the factor on it
    loss_of: dict[object, torch.Tensor] = {}
    shares: dict[object, Weight] = {}
    for name, optim in optims.items():
        share = optim._begin_backward(planned[name].turn, weight, logger)
        loss, held = losses[name], optim._windows.held
        if loss is not None:
            # Processes have one backward pass for all; the factors of their weights are the same.
            apart = None if optim._synchronising is not None or held is None else held.terms
            followers.setdefault((id(loss), apart), {})[name] = optim
            loss_of[id(loss), apart] = loss
            shares[id(loss), apart] = share
    due = any(plan.turn.due for plan in planned.values())
    with ExitStack() as on_failure:
        for optim in optims.values():
            on_failure.enter_context(optim._dropped_on_failure(logger, "a backward pass of its window"))
        for passes_left, key in zip(reversed(range(len(followers))), followers, strict=True):
            group = followers[key]
            with ExitStack() as clocks:
                for name in group:
                    clocks.enter_context(timed(time_func, "loss_backward_time", name))
                first = next(iter(group.values()))
                inputs = _inputs(optims, group)
                clocks.enter_context(synchronised(first._synchronising, due))
                run_backward(loss_of[key], shares[key], first.scaler, inputs, retain_graph=passes_left > 0)


def _one_loss(
    optims: Mapping[str, OptimScheduler], losses: Losses, chosen: Mapping[str, torch.Tensor | None]
) -> dict[str, torch.Tensor | None]:
    """The loss that processes meet over in one backward pass; nan for all if this one has dropped its window.

    Raises:
        ValueError: there are several.
    """
    picked = {name: pick(losses, optims[name].optim_loss) for name, loss in chosen.items() if loss is not None}
    if len({id(loss) for loss in picked.values()}) > 1:
        names = ", ".join(f"{name!r} follows {optims[name].optim_loss or 'loss'!r}" for name in picked)
        raise ValueError(
            f"optimizers on a model that is synchronised over processes must follow the same loss: {names}. "
            "Wrappers allow one backward pass after each forward pass: follow the sum of the losses."
        )
    dropped = [loss for name, loss in chosen.items() if loss is not None and loss is not picked[name]]
    return {name: None if loss is None else (dropped[0] if dropped else picked[name]) for name, loss in chosen.items()}


def _inputs(optims: Mapping[str, OptimScheduler], group: Mapping[str, OptimScheduler]) -> list[torch.Tensor] | None:
    """The only parameters that get a gradient from a loss; None if all of the model's follow it."""
    if next(iter(group.values()))._synchronising is not None:
        return None  # processes synchronise in hooks that a restricted backward pass does not run
    own = [parameter for optim in group.values() for parameter in optim._owned.all()]
    ids = {id(parameter) for parameter in own}
    foreign = (parameter for optim in group.values() for parameter in optim._owned.foreign())
    if len(group) == len(optims) and not any(p.requires_grad and id(p) not in ids for p in foreign):
        return None
    return [parameter for parameter in own if parameter.requires_grad]


def _refuse_strangers(optims: Mapping[str, OptimScheduler]) -> None:
    if not isinstance(optims, Mapping) or not optims:
        raise TypeError(f"optims must be a dictionary of OptimScheduler by name, got {optims!r:.80}")
    for name, optim in optims.items():
        if not isinstance(optim, OptimScheduler):
            raise TypeError(f"optims[{name!r}] must be an OptimScheduler, got {type(optim).__name__}.")


def _refuse_apart(optims: Mapping[str, OptimScheduler]) -> None:
    """Refuse optimizers that do not make up one whole model, where gradients are summed over processes."""
    models = [optim._synchronising for optim in optims.values()]
    first = next((model for model in models if model is not None), None)
    if first is None:
        return
    if any(model is not first for model in models):
        kinds = {name: type(optim.model).__name__ for name, optim in optims.items()}
        raise ValueError(
            "optimizers that step together where gradients are summed over processes need one model, which is wrapped "
            f"as a whole and given to each as model=, got {kinds}"
        )
    if norms.sums_norms_itself(first):
        raise ValueError(
            "FSDP's first version knows the norm of the whole model only, not of each optimizer's part: use fully_shard"
        )
    parameters.refuse_a_part(first, *(optim._foreign for optim in optims.values()))


def _refuse_misfits(optims: Mapping[str, OptimScheduler]) -> None:
    in_common: dict[str, Callable[[OptimScheduler], object]] = {
        "accum_grad": lambda optim: optim.accum_grad,
        "steps_per_epoch": lambda optim: optim.steps_per_epoch,
        "use_amp": lambda optim: optim.precision.dtype,
    }
    for what, value_of in in_common.items():
        values = {name: value_of(optim) for name, optim in optims.items()}
        first = next(iter(values.values()))
        if any(value != first for value in values.values()):
            one = next(value for value in values.values() if value is not None)
            cure = f"\n    Build them all with {what}={one}." if what != "use_amp" else ""
            raise ValueError(f"optimizers that step together need the same {what}, got {values}{cure}")
