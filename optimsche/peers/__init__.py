"""Other systems' schedules by their own names and arguments, as expressions of this library's.

    from optimsche import peers

    peers.torch.CosineAnnealingLR(T_max=100, eta_min=1e-5, base_lr=3e-4)

``schedule(n)`` is the rate that the system gives to update ``n``, from 1. Where the system takes the rate from the
optimizer, the functions take ``base_lr``.
"""

from optimsche.peers import (
    axlearn,
    composer,
    fairseq,
    fvcore,
    ignite,
    levanter,
    lightning,
    lr_schedules,
    lrsched,
    megatron,
    mmengine,
    optax,
    pytorch_optimizer,
    pytorch_scheduler,
    pytorch_warmup,
    speechain,
    timm,
    torch,
    torch_lr_finder,
    torchtitan,
    transformers,
)

__all__ = [
    "axlearn",
    "composer",
    "fairseq",
    "fvcore",
    "ignite",
    "levanter",
    "lightning",
    "lr_schedules",
    "lrsched",
    "megatron",
    "mmengine",
    "optax",
    "pytorch_optimizer",
    "pytorch_scheduler",
    "pytorch_warmup",
    "speechain",
    "timm",
    "torch",
    "torch_lr_finder",
    "torchtitan",
    "transformers",
]
