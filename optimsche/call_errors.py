"""What a call with wrong names is answered: the word that is used here, what is near, what is missing."""

from __future__ import annotations

import functools
import inspect
import reprlib
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, ParamSpec, TypeVar

from optimsche import habits
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
        kind = type(value).__name__
        return (
            f"a number of {value.bit_length()} bits"
            if isinstance(value, int)
            else f"a {kind} with a number of thousands of digits"
        )


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
    name = function.__qualname__.rpartition("<locals>.")[2].removesuffix(".__init__")
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
    any_name = [p.name for p in parameters.values() if p.kind is p.VAR_KEYWORD]
    parameters = {name: p for name, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    positional = [p.name for p in parameters.values() if p.kind is not p.KEYWORD_ONLY]
    if len(args) > len(positional):
        few = "one parameter" if len(positional) == 1 else f"{len(positional)} parameters"
        most = f"at most {few} by position" if positional else "its parameters by name"
        more = habits.BY_POSITION.get(call, "")
        named = [*(f"{name}=..." for name in parameters), *(f"**{name}" for name in any_name)]
        raise TypeError(f"{call}() takes {most}: write {call}({', '.join(named)}){more}")
    given = dict(zip(positional, args, strict=False))
    for name, value in kwargs.items():
        if name not in parameters and not any_name:
            free = [other for other in parameters if other not in given and other not in kwargs]
            words = habits.IN_WORDS_OF.get(call, {}).get(name)
            hint = f"; {words}" if words else called_here(name, value, free) or did_you_mean(name, free)
            hint = hint or f"; it takes {', '.join(parameters) or 'none'}"
            raise TypeError(f"{call}() has no parameter {name!r}{hint}")
        if name in given:
            raise TypeError(f"{call}() got {name!r} twice, by position and by name")
        given[name] = value
    missing = [p for p in parameters.values() if p.default is p.empty and p.name not in given]
    if missing:
        raise TypeError(f"{call}() needs {' and '.join(map(_wanted, missing))}")
    return {name: given.get(name, p.default) for name, p in parameters.items()}


def _wanted(parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    kind = meaning_of(annotation) or ("a schedule" if takes_schedule(annotation) else "")
    return f"{parameter.name}= ({kind})" if kind else f"{parameter.name}="


def called_here(name: str, value: Any, free: Sequence[str]) -> str:
    """What to write for another library's name, of the parameters that are not given yet; an empty text if unknown.

    >>> called_here("T_max", 100, ["start", "steps"])
    "; here that is 'steps'"
    """
    part = habits.PARTS_OF_A_RUN.get(name)
    if part in free:
        return f"; here that is {part!r}, in updates: {part}=round({shown(value)} * total_steps)"
    here = next((other for other in habits.PARAMETERS.get(name, ()) if other in free), None)
    return f"; here that is {here!r}" if here else f"; {habits.IN_WORDS[name]}" if name in habits.IN_WORDS else ""


def answers_attributes(
    what: str, known: Mapping[str, str], otherwise: Callable[[Any, str], str] = lambda owner, name: ""
) -> Callable[[type[KindT]], type[KindT]]:
    """A class that answers attributes which it lacks, as other libraries call them, with what to write.

    Python asks only where it found nothing, so names that are there take no longer, and `hasattr` says what it said.

    Args:
        what: the object, in words.
        known: what to write, by the name of the attribute; `{}` in it is that name.
        otherwise: the same for a name that is not among them; an empty text for what is near.
    """

    def missing(self: Any, name: str) -> Any:
        if hasattr(type(self), name):  # it is there, and what it asked for is not
            return object.__getattribute__(self, name)
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
        cure = known[name].format(name) if name in known else otherwise(self, name)
        hint = (
            f"{what} has no {name!r}: {cure}" if cure else f"{type(self).__name__!r} object has no attribute {name!r}"
        )
        if name not in known and not cure:
            hint += did_you_mean(name, (public for public in dir(type(self)) if not public.startswith("_")))
        raise AttributeError(hint, obj=self)  # with no name beside it, to which Python would add what looks like it

    def answering(kind: type[KindT]) -> type[KindT]:
        missing.__name__ = missing.__qualname__ = "__getattr__"
        kind.__getattr__ = missing  # type: ignore[attr-defined]  # at run time alone: type checkers know what is there
        return kind

    return answering


def refuses_slips(what: str, known: Mapping[str, str]) -> Callable[[type[KindT]], type[KindT]]:
    """A class whose objects refuse to be given an attribute under another library's name for it, or a misspelt one.

    It would be there, and nobody would read it. Other attributes of one's own are welcome.

    Args:
        what: the object, in words.
        known: what to write, by the name of the attribute; `{}` in it is that name.
    """

    def setting(self: Any, name: str, value: Any) -> None:
        if not (name.startswith("_") or name in self.__dict__ or hasattr(type(self), name)):
            own = {n for kind in type(self).__mro__ for n in (*vars(kind), *vars(kind).get("__annotations__", ()))}
            near = None if name in own else closest(name, own, alike=0.8)
            if name in known and name not in own:
                raise AttributeError(f"{what} has no {name!r}: {known[name].format(name)}")
            if near is not None:
                raise AttributeError(f"{what} has no {name!r}; did you mean {near!r}?")
        object.__setattr__(self, name, value)

    def refusing(kind: type[KindT]) -> type[KindT]:
        setting.__name__ = setting.__qualname__ = "__setattr__"
        kind.__setattr__ = setting  # type: ignore[method-assign]
        return kind

    return refusing


def refuses_operators(known: Mapping[str, str]) -> Callable[[type[KindT]], type[KindT]]:
    """A class that refuses operators which it lacks with what to write; a method that it has stays.

    Args:
        known: what to write, by the name of the method behind the operator, without its underscores.
    """

    def refusing(cure: str) -> Callable[..., NoReturn]:
        def refuse(*_: Any) -> NoReturn:
            raise TypeError(cure)

        return refuse

    def without(kind: type[KindT]) -> type[KindT]:
        for name, cure in known.items():
            if f"__{name}__" not in vars(kind):
                setattr(kind, f"__{name}__", refusing(cure))
        return kind

    return without


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """`"; did you mean 'steps'?"` if one of `known` is close to `name`, otherwise an empty text.

    >>> did_you_mean("step", ["start", "end", "steps"])
    "; did you mean 'steps'?"
    """
    close = closest(name, known)
    return "" if close is None else f"; did you mean {close!r}?"


def closest(name: object, known: Iterable[str], *, alike: float = 0.6) -> str | None:
    """The one of `known` that looks most like `name`, if any does; `alike` says how much, up to 1.

    >>> closest("step", ["start", "end", "steps"])
    'steps'
    """
    import difflib  # for errors alone

    return next(iter(difflib.get_close_matches(str(name), list(known), n=1, cutoff=alike)), None)
