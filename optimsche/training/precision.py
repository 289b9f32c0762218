"""Mixed precision: which autocast, and whether the loss is scaled."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, TypeAlias

import torch

from optimsche.training.loss_scaler import LossScaler

_NOTHING: AbstractContextManager[Any] = nullcontext()

UseAmp: TypeAlias = bool | Literal["bf16", "fp16"]


class Precision:
    """Autocast and loss scaling as ``use_amp`` says, for one type of device.

    ``"bf16"`` needs no loss scale. ``"fp16"`` does, because small gradients would become 0. ``True`` is fp16 on an
    accelerator and nothing on the CPU.

    Raises:
        ValueError: ``use_amp`` is something else.

    >>> Precision("bf16", "cpu").dtype
    torch.bfloat16
    >>> Precision(True, "cpu").dtype is None
    True
    """

    def __init__(self, use_amp: UseAmp, device_type: str) -> None:
        if use_amp is True:
            use_amp = "fp16" if device_type != "cpu" else False
        known = {False: None, "bf16": torch.bfloat16, "fp16": torch.float16}
        if not isinstance(use_amp, bool | str) or use_amp not in known:
            raise ValueError(
                f"OptimScheduler(use_amp={use_amp!r}): use_amp must be False, True, 'bf16' or 'fp16' (autocast of the "
                f"forward pass), got {use_amp!r}.{_short(use_amp)}"
            )
        self.use_amp, self.dtype = use_amp, known[use_amp]
        self.device_type = device_type
        self.is_used = self.dtype is None  # whether a forward pass has been in it

    def autocast(self) -> AbstractContextManager[Any]:
        """The context of a forward pass."""
        self.is_used = True
        return _NOTHING if self.dtype is None else torch.autocast(self.device_type, dtype=self.dtype)

    def new_scaler(self) -> LossScaler | None:
        """A loss scaler where one is needed."""
        return LossScaler() if self.dtype is torch.float16 else None


def _short(use_amp: object) -> str:
    """What to write for a longer name of a precision."""
    name = str(use_amp).lower()
    if "32" in name or name in ("no", "none", "full", "float"):
        return " For full precision: use_amp=False."
    short = "bf16" if "bf" in name else "fp16" if "16" in name or "half" in name else ""
    return f" Write use_amp={short!r}." if short else ""
