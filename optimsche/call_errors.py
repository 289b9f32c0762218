"""What a call with wrong names is answered: the word that is used here, what is near, what is missing."""

from __future__ import annotations

import functools
import inspect
import reprlib
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from optimsche.annotations import meaning_of, takes_schedule

P = ParamSpec("P")
ResultT = TypeVar("ResultT")
KindT = TypeVar("KindT")


class DoNotFit(TypeError):
    """Parameters that do not go together: one too few of them, or one too many."""


def shown(value: Any) -> str:
    """`value` in an error message: shortened, and never an error itself."""
    try:
        return reprlib.repr(value)
    except ValueError:  # Python refuses to write out whole numbers of thousands of digits
        return f"a number of {value.bit_length()} bits"


def warn(text: str) -> None:
    """Warn the nearest caller that is not this library."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("optimsche."):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)


def explained(function: Callable[P, ResultT]) -> Callable[P, ResultT]:
    """`function`, that answers a call with wrong names in the words of an lr function. A right one goes straight on.

    >>> @explained
    ... def train(*, grad_clip: float) -> None: ...
    >>> train(max_grad_norm=1.0)
    Traceback (most recent call last):
    TypeError: train() has no parameter 'max_grad_norm'; here that is 'grad_clip'
    """

    @functools.wraps(function)
    def calling(*args: P.args, **kwargs: P.kwargs) -> ResultT:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # it comes from inside
            refused = error
        _explain(function, args, kwargs)
        raise refused

    return calling


def explained_methods(kind: type[KindT]) -> type[KindT]:
    """A class whose public methods, and whose construction, are `explained`."""
    for name, method in list(vars(kind).items()):
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(method, classmethod):
            setattr(kind, name, classmethod(explained(method.__func__)))
        elif inspect.isfunction(method):
            setattr(kind, name, explained(method))
    return kind


def _explain(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    signature = inspect.signature(function)
    parameters = {n: p.replace(annotation=_read(function, p.annotation)) for n, p in signature.parameters.items()}
    if next(iter(parameters), "") in ("self", "cls"):
        del parameters[next(iter(parameters))]
        args = args[1:]
    name = function.__qualname__.removesuffix(".__init__")
    by_name(name.removeprefix("Schedule.").removeprefix("Methods."), parameters, args, kwargs)


class _ASchedule:
    """Stands for the class in an annotation that only type checkers can read."""

    is_schedule = True


def _read(function: Callable[..., Any], annotation: Any) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, {"Schedule": _ASchedule, **function.__globals__})
    except Exception:  # a name that is there for type checkers only
        return inspect.Parameter.empty


def by_name(
    call: str, parameters: Mapping[str, inspect.Parameter], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of a call by name, defaults filled in; the first parameters may be given by position.

    Raises:
        TypeError: an unknown name, one that is missing, or one that is given twice.
    """
    positional = [p.name for p in parameters.values() if p.kind is not p.KEYWORD_ONLY]
    if len(args) > len(positional):
        most = f"at most {len(positional)} parameters by position" if positional else "its parameters by name"
        more = _BY_POSITION.get(call, "")
        raise TypeError(f"{call}() takes {most}: write {call}({', '.join(f'{name}=...' for name in parameters)}){more}")
    given = dict(zip(positional, args, strict=False))
    for name, value in kwargs.items():
        if name not in parameters:
            free = [other for other in parameters if other not in given and other not in kwargs]
            hint = _called_here(name, value, free) or did_you_mean(name, free)
            hint = hint or f"; it takes {', '.join(parameters) or 'none'}"
            raise TypeError(f"{call}() has no parameter {name!r}{hint}")
        if name in given:
            raise TypeError(f"{call}() got {name!r} twice, by position and by name")
        given[name] = value
    missing = [p for p in parameters.values() if p.default is p.empty and p.name not in given]
    if missing:
        words = [f"{p.name}= ({_kind(p.annotation)})" for p in missing]
        raise TypeError(f"{call}() needs {' and '.join(words)}")
    return {name: given.get(name, p.default) for name, p in parameters.items()}


def _kind(annotation: Any) -> str:
    return meaning_of(annotation) or ("a schedule" if takes_schedule(annotation) else "a value")


_PICTURE = "plot(...).figure.savefig('curve.png') saves the picture"
# What to say of arguments by position that a function does not take.
_BY_POSITION = {
    "plot": f". Several schedules are one list, plot([a, b]), and {_PICTURE}",
    "sequence": ". The schedules are one list: sequence([a, b, c])",
}

# What other libraries call a parameter, and what it may be called here.
_ELSEWHERE = {
    "T_0": ("cycle_steps", "every"),
    "T_max": ("steps", "total_steps"),
    "T_mult": ("stretch",),
    "base_lr": ("floor", "start"),
    "decay_rate": ("factor",),
    "decay_steps": ("steps",),
    "end_value": ("end", "floor"),
    "epoch": ("epoch_num",),
    "eta_min": ("end", "floor"),
    "final": ("end", "floor"),
    "final_lr": ("end", "floor"),
    "gamma": ("factor", "scale"),
    "init_value": ("start", "value"),
    "lr": ("peak", "start", "value"),
    "max": ("ceiling",),
    "max_lr": ("peak",),
    "milestones": ("at",),
    "min": ("floor",),
    "min_lr": ("end", "floor"),
    "num_training_steps": ("total_steps", "steps"),
    "num_warmup_steps": ("warmup_steps", "steps"),
    "peak_value": ("peak",),
    "step_size": ("every",),
    "stop": ("end", "floor"),
    "total_iters": ("steps",),
    "transition_steps": ("steps", "every"),
    "warmup_steps": ("steps",),
    **dict.fromkeys(("accumulate_grad_batches", "gradient_accumulation_steps", "accumulation_steps"), ("accum_grad",)),
    **dict.fromkeys(("max_grad_norm", "gradient_clip_val", "clip_grad_norm", "max_norm"), ("grad_clip",)),
    **dict.fromkeys(("amp", "autocast", "bf16", "fp16", "mixed_precision", "precision"), ("use_amp",)),
    **dict.fromkeys(("lr_schedule", "lr_scheduler", "scheduler"), ("schedule",)),
}
# Parts of a run, which are numbers of updates here.
_PARTS_OF_A_RUN = {"pct_start": "warmup_steps", "warmup_fraction": "warmup_steps", "warmup_ratio": "warmup_steps"}
# What has no name of its own here.
_IN_WORDS = {
    "stable_steps": "the stable part is what the others leave of total_steps",
    "label": "for labels, give a mapping: plot({'a': a, 'b': b})",
    "yscale": "log=True makes the vertical axis logarithmic",
    **dict.fromkeys(
        ("color", "grid", "linewidth", "title", "xlabel", "ylabel"), "set it on the axes that this returns"
    ),
    **dict.fromkeys(("dpi", "figsize", "fig", "figure"), "make the axes yourself, and give them as ax="),
    **dict.fromkeys(("file", "filename", "path", "save", "savefig"), _PICTURE),
}


def _called_here(name: str, value: Any, free: Sequence[str]) -> str:
    """What to write for another library's name, of the parameters that are not given yet."""
    part = _PARTS_OF_A_RUN.get(name)
    if part in free:
        return f"; here that is {part!r}, in updates: {part}=round({shown(value)} * total_steps)"
    here = next((other for other in _ELSEWHERE.get(name, ()) if other in free), None)
    return f"; here that is {here!r}" if here else f"; {_IN_WORDS[name]}" if name in _IN_WORDS else ""


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """`"; did you mean 'steps'?"` if one of `known` is close to `name`, otherwise an empty text.

    >>> did_you_mean("step", ["start", "end", "steps"])
    "; did you mean 'steps'?"
    """
    close = closest(name, known)
    return "" if close is None else f"; did you mean {close!r}?"


def closest(name: object, known: Iterable[str]) -> str | None:
    """The one of `known` that looks most like `name`, if any does.

    >>> closest("step", ["start", "end", "steps"])
    'steps'
    """
    import difflib  # for errors alone

    return next(iter(difflib.get_close_matches(str(name), list(known), n=1)), None)
