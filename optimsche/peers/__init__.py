"""Other systems' schedules by their own names and arguments, as expressions of this library's.

    from optimsche import peers

    peers.torch.CosineAnnealingLR(T_max=100, eta_min=1e-5, base_lr=3e-4)

``schedule(n)`` is the rate that the system gives to update ``n``, from 1. Where the system takes the rate from the
optimizer, the functions take ``base_lr``.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from optimsche.call_errors import did_you_mean
from optimsche.peers import (
    axlearn,
    composer,
    deepspeed,
    detectron2,
    diffusers,
    espnet,
    fairseq,
    fvcore,
    ignite,
    keras,
    levanter,
    lightning,
    lr_schedules,
    lrsched,
    megatron,
    mmengine,
    nanochat,
    nemo,
    olmo_core,
    optax,
    paddle,
    pytorch_optimizer,
    pytorch_scheduler,
    pytorch_warmup,
    speechain,
    timm,
    torch,
    torch_lr_finder,
    torchtitan,
    transformers,
    wenet,
)

__all__ = [
    "axlearn",
    "composer",
    "deepspeed",
    "detectron2",
    "diffusers",
    "espnet",
    "fairseq",
    "fvcore",
    "ignite",
    "keras",
    "levanter",
    "lightning",
    "lr_schedules",
    "lrsched",
    "megatron",
    "mmengine",
    "nanochat",
    "nemo",
    "olmo_core",
    "optax",
    "paddle",
    "pytorch_optimizer",
    "pytorch_scheduler",
    "pytorch_warmup",
    "speechain",
    "timm",
    "torch",
    "torch_lr_finder",
    "torchtitan",
    "transformers",
    "wenet",
]

# Of a name that several have, these are meant.
_FIRST = ("torch", "transformers")
# What people call a system whose module has another name.
_ALSO_CALLED = {
    "tensorflow": "keras",
    "tf": "keras",
    "olmo": "olmo_core",
    "hf": "transformers",
    "huggingface": "transformers",
    "pytorch": "torch",
    "jax": "optax",
}


def names_of(system: str) -> list[str]:
    """The schedules of a system, by its own names.

    >>> names_of("lightning")
    ['LinearLR', 'ExponentialLR']
    """
    names: list[str] = sys.modules[f"optimsche.peers.{system}"].__all__
    return list(names)


def system_of(name: str) -> str:
    """The system that has a schedule of this name, or an empty text.

    >>> system_of("get_cosine_schedule_with_warmup")
    'transformers'
    """
    return next((system for system in (*_FIRST, *__all__) if name in names_of(system)), "")


def _refuse_system(name: str) -> Any:
    here = _ALSO_CALLED.get(name)
    hint = f"; here that is {here!r}" if here else did_you_mean(name, __all__)
    raise AttributeError(f"optimsche.peers has no system {name!r}{hint or '; it has ' + ', '.join(__all__)}")


def _refuse(system: str, name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    other = system_of(name)
    hint = f"; it is {other}.{name}" if other else did_you_mean(name, names_of(system))
    hint = hint or f"; it has {', '.join(names_of(system))}"
    raise AttributeError(f"optimsche.peers.{system} has no {name!r}{hint}")


def __dir__() -> list[str]:
    return [*__all__, "names_of", "system_of"]


if not TYPE_CHECKING:  # which would take every name for one that is there
    __getattr__ = _refuse_system
    for _system in __all__:
        sys.modules[f"optimsche.peers.{_system}"].__getattr__ = partial(_refuse, _system)
        sys.modules[f"optimsche.peers.{_system}"].__dir__ = partial(names_of, _system)
