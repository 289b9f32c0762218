"""SpeeChain's form of a training configuration: ``optim_sches``."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from optimsche.call_errors import did_you_mean
from optimsche.lr_fns import exponential
from optimsche.names import lookup
from optimsche.plans import noam
from optimsche.reading import is_numeric_text, numbers_from_text
from optimsche.schedule import Schedule
from optimsche.speechain import yaml_tags
from optimsche.speechain.building import build, own_rate, select
from optimsche.text import from_dict, parse
from optimsche.training.members import OF_MEMBER, Member
from optimsche.training.optim_scheduler import OptimScheduler
from optimsche.training.settings import rename_hint

_OPTIONS = [
    "updated_modules",
    *(
        name
        for name, parameter in inspect.signature(OptimScheduler).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name != "model"
    ),
]
# What each of several optimizers has for itself; the rest must be the same for all.
_OF_EACH = ("optimizer", "schedule", *OF_MEMBER)
_OPTIMIZER = ["optim_type", "optim_conf"]
# SpeeChain's names, with its spelling and its README's, with the file and without.
_SPEECHAINS = {
    **dict.fromkeys(("noam.Noamlr", "noam.NoamLr", "Noamlr", "NoamLr"), "Noamlr"),
    **dict.fromkeys(("exp.ExponentDecayLr", "ExponentDecayLr"), "ExponentDecayLr"),
}


def build_optim_sches(
    config: Mapping[str, Any] | str | os.PathLike[str], model: nn.Module, **training_options: Any
) -> OptimScheduler:
    """Build optimizers with their schedules from SpeeChain's form of configuration.

    One optimizer, or several by name, which are then members of one :class:`OptimScheduler`::

        optim_sches:                       optim_sches:
            type: noam.Noamlr                  encoder: {type: ..., conf: {updated_modules: encoder, ...}}
            conf:                              decoder: {type: ..., conf: {updated_modules: decoder, ...}}
                optim_type: Adam
                optim_conf: {lr: 2.0e-3}
                warmup_steps: 16000

    ``type`` is SpeeChain's ``noam.Noamlr`` or ``exp.ExponentDecayLr``, or the name of a shape or a plan, whose
    parameters then stand in ``conf``. In place of ``type``, ``schedule`` gives any schedule, combinators included, as
    text or as a dictionary. ``schedules`` in ``conf`` gives more of them by pattern, in the same form:
    ``{"encoder.*": {lr: "linear(start=1e-3, steps=100)", weight_decay: 0.0}, "*": {}}``.
    Without ``d_model``, a Noam peaks at the optimizer's own ``lr``; the exponential decay starts there.

    Args:
        config: the mapping, or the path of a YAML file with it. It may have ``optim_sches`` at its top.
        model: the model, in its wrappers.
        **training_options: arguments of :func:`from_conf` for all of them, such as ``accum_grad`` and
            ``use_amp``; ``conf`` overrides them. What several optimizers have in common must be the same in each.

    Returns:
        The optimizer with its schedule; or all of them, with one window and one loss scaler.

    Raises:
        ValueError, TypeError: an unknown key, name or value, with the path to it; a parameter with two optimizers.
        ModuleNotFoundError: a path is given, and PyYAML is missing.

    >>> conf = {"optim_type": "Adam", "optim_conf": {"lr": "2e-3"}, "warmup_steps": 16_000}
    >>> optim = build_optim_sches({"type": "noam.Noamlr", "conf": conf}, nn.Linear(1, 1))
    >>> optim.schedule(16_000)
    0.002
    """
    _refuse_unknown("build_optim_sches", training_options, _OPTIONS)
    path = "optim_sches"
    if isinstance(config, str | os.PathLike):
        config = yaml_tags.read(config)
    config = _mapping(path, config)
    if "optim_sches" in config:
        config = _mapping(path, config["optim_sches"])
    if not config:
        raise ValueError(f"{path}: there is no optimizer in it")
    single = any(key in config for key in ("type", "conf", "schedule"))
    sections = {"main": (path, config)} if single else {name: (f"{path}.{name}", c) for name, c in config.items()}
    defaults = {"use_amp": True, "grad_clip": 1.0, **training_options}
    read = {name: _read(where, section, model, defaults) for name, (where, section) in sections.items()}
    of_each = _OF_EACH if single else (*_OF_EACH, "grad_clip", "stages")
    common = _common(path, {name: {k: v for k, v in each.items() if k not in of_each} for name, each in read.items()})
    members = {
        name: _at(sections[name][0], Member, **{k: v for k, v in each.items() if k in of_each}, epochs_from_caller=True)
        for name, each in read.items()
    }
    return _at(path, OptimScheduler, members["main"] if single else members, model=model, **common)  # type: ignore[no-any-return]


def _at(path: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call gives; its errors are told with the path."""
    try:
        return call(*args, **kwargs)
    except (TypeError, ValueError) as error:
        if str(error).startswith(path):
            raise
        raise type(error)(f"{path}: {error}") from error


def _common(path: str, options: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The options that all optimizers share.

    Raises:
        ValueError: one has another value than the others.
    """
    first, *others = options.values()
    for key in {key for each in options.values() for key in each}:
        values = {name: each.get(key) for name, each in options.items()}
        if any(key not in each or each[key] != first.get(key) for each in [first, *others]):
            raise ValueError(
                f"{path}: optimizers that train together need the same {key}, got {values}. Give it once, to "
                f"build_optim_sches(..., {key}=...)"
            )
    return dict(first)


def _read(path: str, section: Any, model: nn.Module, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The optimizer and the schedule of a section, with its other options."""
    section = _mapping(path, section)
    _refuse_unknown(path, section, ["type", "conf", "schedule"])
    conf = dict(_mapping(f"{path}.conf", section.get("conf")))
    kinds = {key: value for key, value in section.items() if key != "conf"}
    if "schedule" in conf:
        kinds["schedule"] = conf.pop("schedule")
    if not kinds and "schedules" in conf:
        kinds["schedule"] = None  # the rules have all the rates, or are told what is missing
    if len(kinds) != 1:
        raise ValueError(f"{path}: give either 'type' or 'schedule', got {' and '.join(kinds) or 'neither'}")
    if "optim_type" not in conf:
        hint = rename_hint("optim_type", conf)
        raise ValueError(f"{path}.conf: 'optim_type' is missing: the name of an optimizer in torch.optim{hint}")
    optim_type, optim_conf = conf.pop("optim_type"), numbers_from_text(conf.pop("optim_conf", None))
    if not isinstance(optim_type, str):
        raise TypeError(
            f"{path}.conf.optim_type must be the name of an optimizer in torch.optim, got {optim_type!r:.80}"
        )
    options = {name: conf.pop(name) for name in _OPTIONS if name in conf}

    def schedule() -> Schedule | None:
        if "schedule" in kinds:
            _refuse_unknown(f"{path}.conf", conf, [*_OPTIMIZER, *_OPTIONS])
            return _read_schedule(kinds["schedule"])
        _mapping(f"{path}.conf.optim_conf", optim_conf)
        return _schedule_of_type(path, kinds["type"], conf, lambda: own_rate(optim_type, optim_conf))

    plan = _at(path, schedule)
    if "schedules" in options:
        options["schedules"] = _at(path, _read_rules, f"{path}.conf.schedules", options["schedules"])
    chosen = {**defaults, **_numbers(options)}
    modules = chosen.pop("updated_modules", None)
    optimizer = _at(path, lambda: build(optim_type, optim_conf, select(model, modules)))
    return {"optimizer": optimizer, "schedule": plan, **chosen}


def _read_schedule(schedule: Any) -> Schedule | None:
    if schedule is None:
        return None
    return parse(schedule) if isinstance(schedule, str) else from_dict(schedule)


def _read_rules(path: str, rules: Any) -> dict[Any, Any]:
    """Schedules by pattern, each written as text or as a dictionary, as :func:`_read_schedule` takes it."""
    if not isinstance(rules, Mapping):
        raise TypeError(f"{path} must be a mapping from patterns to schedules, got {rules!r:.80}")
    read: dict[Any, Any] = {}
    for pattern, settings in rules.items():
        where = f"{path}[{pattern!r}]"
        if isinstance(settings, Mapping):
            read[pattern] = {name: _read_setting(f"{where}[{name!r}]", value) for name, value in settings.items()}
        else:
            read[pattern] = _read_setting(where, settings)
    return read


def _read_setting(path: str, value: Any) -> Any:
    if not isinstance(value, str | Mapping) or (isinstance(value, str) and is_numeric_text(value)):
        return numbers_from_text(value)
    try:
        return _read_schedule(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{path}: {error}") from error


def _schedule_of_type(path: str, kind: Any, conf: Mapping[str, Any], rate: Callable[[], float | None]) -> Schedule:
    """The schedule that ``type`` names, with its parameters from ``conf``; ``rate`` is the optimizer's own."""
    name = _SPEECHAINS.get(str(kind), str(kind))
    values = _numbers(conf)
    if name == "Noamlr":
        _refuse_unknown(f"{path}.conf", conf, [*_OPTIMIZER, *_OPTIONS, "d_model", "warmup_steps"])
        for key in ("d_model", "warmup_steps"):
            _refuse_text(f"{path}.conf.{key}", values.get(key))
        width, warmup_steps = values.get("d_model"), values.get("warmup_steps", 4000)
        if width is not None:
            return noam(d_model=width, warmup_steps=warmup_steps)
        return noam(peak=_rate(path, rate), warmup_steps=warmup_steps)
    if name == "ExponentDecayLr":
        _refuse_unknown(f"{path}.conf", conf, [*_OPTIMIZER, *_OPTIONS, "decay_factor"])
        _refuse_text(f"{path}.conf.decay_factor", values.get("decay_factor"))
        return exponential(start=_rate(path, rate), factor=values.get("decay_factor", 0.999)).by_epoch()
    try:
        known = inspect.signature(lookup(name)).parameters
    except ValueError as error:
        raise ValueError(f"{path}.type: {error}") from None
    _refuse_unknown(f"{path}.conf", conf, [*_OPTIMIZER, *_OPTIONS, *known])
    return from_dict({name: dict(conf)})


def _rate(path: str, rate: Callable[[], float | None]) -> float:
    value = rate()
    if value is None:
        raise ValueError(f"{path}.conf.optim_conf: 'lr' is missing, and this optimizer has no default for it")
    return value


def _numbers(options: Mapping[str, Any]) -> dict[str, Any]:
    names = ("optim_loss", "updated_modules", "schedules")  # a part of a model may be named "0"
    return {key: value if key in names else numbers_from_text(value) for key, value in options.items()}


def _refuse_text(path: str, value: Any) -> None:
    if isinstance(value, str):
        raise ValueError(f"{path} must be a number, got {value!r}")


def _mapping(path: str, value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"{path} must be a mapping, got {value!r:.80}")
    return value


def _refuse_unknown(path: str, given: Mapping[str, Any], known: list[str]) -> None:
    for key in given:
        if key not in known:
            hint = did_you_mean(key, known) or f"; known are {', '.join(sorted(known))}"
            raise ValueError(f"{path}: unknown key {key!r}{hint}")
