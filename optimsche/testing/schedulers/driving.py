"""How a scheduler is driven: torch's kind, timm's, ignite's, and a plain function of the step."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch

# A parameter of step() with one of these words in its name is a metric; any other that must be given is the number.
_METRICS = {"metric", "metrics", "loss", "score", "accuracy"}


class Driver:
    """torch's kind: ``step()``, ``step(metrics=...)`` or ``step(number)``, and rates that it writes into the groups."""

    is_stateless = False

    def __init__(self, scheduler: Any) -> None:
        self._metric, self._number = _what_step_takes(scheduler)
        self.takes_metric = self._metric is not None
        parameters = _parameters(scheduler.step).values()
        self._by_position = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]

    def start(self, scheduler: Any, optimizer: torch.optim.Optimizer) -> None:
        """What has to be done before the first update."""

    def step(self, scheduler: Any, optimizer: torch.optim.Optimizer, number: int, metric: float) -> None:
        """Go on to the rates of the next update, after ``number`` of them."""
        given = {self._metric: metric, self._number: number}
        by_position = [given.pop(name) for name in self._by_position if name in given]
        scheduler.step(*by_position, **{name: value for name, value in given.items() if name is not None})

    def read(self, scheduler: Any, optimizer: torch.optim.Optimizer, number: int) -> None:
        """Look at all that there is to see."""
        for look in (repr, str):
            look(scheduler)
        for name in ("state_dict", "get_last_lr", "get_lr", "_get_closed_form_lr", "get_param"):
            method = getattr(scheduler, name, None)
            if callable(method) and not _needed(method):
                # Some have the method of a base class that refuses: to look and be refused is to have looked.
                with_nothing_said(method)


class _Timm(Driver):
    """timm's: ``step(epoch, metric)`` or ``step_update(number, metric)`` has the rates, as it was set up."""

    def __init__(self, scheduler: Any) -> None:
        self.takes_metric = "plateau" in type(scheduler).__name__.lower()

    def step(self, scheduler: Any, optimizer: torch.optim.Optimizer, number: int, metric: float) -> None:
        given = (number, metric) if self.takes_metric else (number,)
        for name in ("step_update", "step"):
            if hasattr(scheduler, name):
                getattr(scheduler, name)(*given)


class _Ignite(Driver):
    """ignite's: called with the engine, it sets the rates of the update that begins."""

    def __init__(self, scheduler: Any) -> None:
        self.takes_metric = hasattr(scheduler, "metric_name")

    def step(self, scheduler: Any, optimizer: torch.optim.Optimizer, number: int, metric: float) -> None:
        metrics = {scheduler.metric_name: metric} if self.takes_metric else {}
        scheduler(types.SimpleNamespace(state=types.SimpleNamespace(metrics=metrics, iteration=number, epoch=number)))


class _Function(Driver):
    """A function of the number of steps, from 0, as optax's: its value is written into every group."""

    is_stateless = True

    def __init__(self, scheduler: Any) -> None:
        self.takes_metric = False

    def start(self, scheduler: Any, optimizer: torch.optim.Optimizer) -> None:
        try:
            self.step(scheduler, optimizer, 0, 0.0)
        except Exception as error:
            raise ValueError(
                f"check_scheduler: the function of the step has no value at 0, before the first step: {error!r}.\n"
                "    Let make return lambda number: f(number + 1), if it counts from 1"
            ) from error

    def step(self, scheduler: Any, optimizer: torch.optim.Optimizer, number: int, metric: float) -> None:
        import torch

        value = scheduler(number)
        for group in optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(plain(value))
            else:
                group["lr"] = value

    def read(self, scheduler: Any, optimizer: torch.optim.Optimizer, number: int) -> None:
        for other in (0, number, number + 1):
            with_nothing_said(functools.partial(scheduler, other))


def with_nothing_said(call: Callable[[], object]) -> None:
    """Call something whose answer, or refusal, is not asked for."""
    try:
        call()
    except Exception:
        return


def driver_of(scheduler: Any) -> Driver:
    """How to drive what a user's ``make`` gave."""
    is_class = isinstance(scheduler, type)
    if hasattr(scheduler, "step_update") and not is_class:
        return _Timm(scheduler)
    if callable(getattr(scheduler, "step", None)) and not is_class:
        return Driver(scheduler)
    if callable(scheduler) and not is_class:
        return _Ignite(scheduler) if hasattr(scheduler, "state_dict") else _Function(scheduler)
    raise TypeError(
        f"check_scheduler: make(optimizer) must return a scheduler, got {type(scheduler).__name__}: an object with "
        "step() as torch's and timm's, one that is called with the engine as ignite's, or a function of the step"
    )


def _what_step_takes(scheduler: Any) -> tuple[str | None, str | None]:
    """The names under which ``step`` takes a metric, and the number of the step, if it must be given."""
    needed = _needed(scheduler.step)
    metric = next((name for name in _parameters(scheduler.step) if _METRICS & {*name.lower().split("_")}), None)
    rest = [name for name in needed if name != metric]
    if len(rest) > 1:
        raise TypeError(
            f"check_scheduler: step of {type(scheduler).__name__} needs {', '.join(needed)}; make must return one "
            "whose step() needs nothing, or the metric, or the number of the step: write a small class around it"
        )
    return metric, next(iter(rest), None)


def _needed(function: Callable[..., Any]) -> list[str]:
    return [name for name, parameter in _parameters(function).items() if parameter.default is parameter.empty]


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C
        return {}
    return {n: p for n, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}


def plain(value: Any) -> Any:
    """A rate as Python has it: a tensor or an array of one element becomes its number, anything else stays."""
    try:
        return value.item()
    except Exception:
        return value


class Setting(NamedTuple):
    """The groups that a scheduler is tried on."""

    # Powers of two apart, so that rates in proportion are so to the last bit.
    base_rates: tuple[float, ...] = (0.1, 0.025)
    as_tensors: bool = False


USUAL = Setting()


class Seen(NamedTuple):
    """What a run shows from outside: the groups' rates, and what ``get_last_lr`` says of them."""

    rates: tuple[Any, ...]
    last: tuple[Any, ...] | None


class Run:
    """An optimizer, a scheduler on it, and how many steps the two have made."""

    def __init__(self, maker: Maker, setting: Setting) -> None:
        self.maker = maker
        self.optimizer = maker.new_optimizer(setting)
        self.given = [group["lr"] for group in self.optimizer.param_groups]
        self.attach()

    def attach(self) -> None:
        """Make the scheduler on the optimizer, as it is now."""
        self.scheduler = self.maker.make(self.optimizer)
        self.driver = driver_of(self.scheduler)
        self.count = 0
        self.driver.start(self.scheduler, self.optimizer)

    def step(self, metric: float = 1.0) -> None:
        """An update, and the scheduler's step after it."""
        self.optimizer.step()
        self.count += 1
        self.driver.step(self.scheduler, self.optimizer, self.count, metric)

    def read(self) -> None:
        """Look at all that there is to see."""
        self.driver.read(self.scheduler, self.optimizer, self.count)

    def seen(self) -> Seen:
        """What it shows now."""
        rates = tuple(plain(group["lr"]) for group in self.optimizer.param_groups)
        if not callable(getattr(self.scheduler, "get_last_lr", None)):
            return Seen(rates, None)
        return Seen(rates, tuple(plain(rate) for rate in self.scheduler.get_last_lr()))

    @property
    def has_state(self) -> bool:
        """Whether the scheduler can be saved and loaded."""
        return all(callable(getattr(self.scheduler, name, None)) for name in ("state_dict", "load_state_dict"))

    def state(self) -> Any:
        """The scheduler's state: of a function nothing, since the number of the step is the training loop's."""
        return self.scheduler.state_dict() if self.has_state else {}

    def load(self, state: Any, count: int) -> None:
        """Take a state over, and the number of steps that the training loop knows."""
        self.count = count
        if self.has_state:
            self.scheduler.load_state_dict(state)
        elif self.driver.is_stateless:
            self.driver.step(self.scheduler, self.optimizer, count, 1.0)


class Maker:
    """What the user gave: how a scheduler is made, on which optimizer, and how far it may be stepped."""

    def __init__(self, make: Callable[[Any], Any], optimizer: Callable[[Any], Any] | None, horizon: int) -> None:
        self.make, self.horizon = make, horizon
        self._optimizer = optimizer
        self._seen: dict[tuple[Setting, tuple[float, ...]], list[Seen]] = {}

    def new_optimizer(self, setting: Setting) -> Any:
        """An optimizer with one parameter in each group."""
        import torch

        groups = [new_group(torch.tensor(rate) if setting.as_tensors else rate) for rate in setting.base_rates]
        return torch.optim.AdamW(groups) if self._optimizer is None else self._optimizer(groups)

    def run(self, setting: Setting = USUAL) -> Run:
        """A new optimizer with a new scheduler."""
        return Run(self, setting)

    def alone(self, metrics: Sequence[float], setting: Setting = USUAL) -> list[Seen]:
        """What a run that is stepped and nothing else shows, before the first step and after each; up to an error."""
        key = (setting, tuple(metrics))
        if key not in self._seen:
            seen = self._seen[key] = []
            try:
                run = self.run(setting)
                seen.append(run.seen())
                for metric in metrics:
                    run.step(metric)
                    seen.append(run.seen())
            except Exception:  # one that is made for so many groups, or that ends here
                return seen
        return self._seen[key]


def new_group(rate: Any) -> dict[str, Any]:
    """A parameter group of its own."""
    import torch

    return {"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate}
