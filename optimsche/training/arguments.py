"""The ranges that the arguments of :class:`OptimScheduler` may have, and a word on keys that are missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Lt

from optimsche.call_errors import closest
from optimsche.checking import admit
from optimsche.counting import AccumGrad, stages_of
from optimsche.ranges import Meaning

_EPOCH_LENGTH: Any = Annotated[int, Ge(1), Meaning("micro-batches in one epoch")]
_NORM: Any = Annotated[float, Gt(0), Meaning("the largest norm of the gradients", "For no clipping: None.")]

_RANGES: dict[str, Any] = {
    "step_per_update": Annotated[int, Ge(1), Meaning("windows from one update to the next")],
    "accum_grad": Annotated[int, Ge(1), Meaning("micro-batches in one window")],
    "steps_per_epoch": _EPOCH_LENGTH | None,
    "grad_clip": _NORM | None,
    "grad_norm_type": Annotated[float, Gt(0), Meaning("the p of the norm; math.inf for the largest gradient")],
    "ft_factor": Annotated[float, Gt(0), Lt(math.inf), Meaning("a factor on every rate, for fine-tuning")],
    "rates": Literal["absolute", "relative"],
    "max_skips": Annotated[int, Ge(1), Meaning("skipped updates in a row that end the run")],
    "epoch_num": Annotated[
        float, Ge(1), Lt(math.inf), Meaning("a pass over the data; the first is 1, and halfway through it is 1.5")
    ],
    "epochs": Annotated[int, Ge(1), Meaning("passes over the data")],
    "updates": Annotated[int, Ge(2), Meaning("how many updates")],
    "start": Annotated[int, Ge(1), Meaning("the micro-batch to begin with, from 1")],
}


def admitted(name: str, value: Any, call: str = "OptimScheduler") -> Any:
    """``value``, checked against the range of the argument ``name``.

    Raises:
        TypeError: the value is of the wrong kind.
        ValueError: it is outside its range.

    >>> admitted("grad_clip", 0)
    Traceback (most recent call last):
    ValueError: OptimScheduler(grad_clip=0): grad_clip must be > 0 (the largest norm of the gradients), got 0.
        For no clipping: None.
    """
    if name == "grad_norm_type" and value == math.inf:
        return math.inf
    return admit(call, name, _RANGES[name], value)


def admitted_accum_grad(value: Any) -> AccumGrad:
    """The size of a window, or a copy of the mapping that says how it changes.

    Raises:
        TypeError: the value is of the wrong kind.
        ValueError: it is outside its range.

    >>> admitted_accum_grad({1: 1, 11: 4})
    {1: 1, 11: 4}
    """
    if isinstance(value, Mapping):
        return dict(stages_of(value))
    return admitted("accum_grad", value)  # type: ignore[no-any-return]


def rename_hint(missing: str, given: Iterable[object]) -> str:
    """What to say beside "``missing`` is missing", if one of the ``given`` keys looks like it.

    >>> rename_hint("optim_type", ["optim_typ", "lr"])
    "; there is 'optim_typ': rename it"
    """
    close = closest(missing, map(str, given))
    return "" if close is None else f"; there is {close!r}: rename it"
