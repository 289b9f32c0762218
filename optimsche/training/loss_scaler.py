"""The factor on the loss that keeps small half-precision gradients from becoming 0."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Le, Lt

from optimsche.checking import admit
from optimsche.ranges import Meaning

KEYS = ("scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker")

_SMALLEST = 2.0**-24  # the smallest number that float16 has; nothing is gained below, and 0 would be nan
_LARGEST = float(torch.finfo(torch.float32).max)
_SCALE: Any = Annotated[float, Ge(_SMALLEST), Le(_LARGEST), Meaning("a factor on the loss, in float32")]
_RANGES: dict[str, Any] = {
    "growth_factor": Annotated[float, Gt(1), Lt(math.inf), Meaning("a factor on the scale")],
    "backoff_factor": Annotated[float, Gt(0), Lt(1), Meaning("a factor on the scale, after an overflow")],
    "growth_interval": Annotated[int, Ge(1), Lt(2**31), Meaning("updates in a row without overflow")],
    "_growth_tracker": Annotated[int, Ge(0), Lt(2**31), Meaning("updates since the last overflow")],
}


class LossScaler:
    """A loss scale on the device: halved when gradients overflow, doubled after a long time without.

    The rule and the state are those of :class:`torch.amp.GradScaler`, whose files it reads and writes, but that the
    scale stops at 2**-24, the smallest number of float16, where torch's goes on to 0. What is missing is ``unscale_``
    and ``step``: the optimizer divides by the scale while it reads the gradients anyway.

    Args:
        init_scale: the first scale; >= 2**-24, and finite in float32. It begins too high and falls until the gradients
            fit.
        growth_factor: multiplies it after ``growth_interval`` updates in a row without overflow; > 1 and finite.
        backoff_factor: multiplies it after an overflow; above 0 and below 1.
        growth_interval: so many updates in a row without overflow make it grow; a whole number >= 1.

    Raises:
        ValueError: an argument is outside its range.
        TypeError: an argument is of the wrong kind.

    >>> scaler = LossScaler(init_scale=1024.0)
    >>> scaler.scale(torch.tensor(0.5))
    tensor(512.)
    >>> scaler.update([torch.tensor(1.0)])
    >>> scaler.get_scale()
    512.0
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
    ) -> None:
        init_scale = admit("LossScaler", "init_scale", _SCALE, init_scale)
        given = {"growth_factor": growth_factor, "backoff_factor": backoff_factor, "growth_interval": growth_interval}
        values = {name: admit("LossScaler", name, _RANGES[name], value) for name, value in given.items()}
        self._growth_factor: float = values["growth_factor"]
        self._backoff_factor: float = values["backoff_factor"]
        self._growth_interval: int = values["growth_interval"]
        self._scale = torch.tensor(init_scale, dtype=torch.float32)  # moves to where the first loss is
        self._growth_tracker = torch.tensor(0, dtype=torch.int32)
        self.used = False  # whether a loss was scaled since the last update

    def scale(self, loss: torch.Tensor) -> torch.Tensor:
        """The loss times the scale: what to call ``backward`` on."""
        self.used = True
        return loss * self.factor(loss.device)

    def factor(self, device: torch.device) -> torch.Tensor:
        """The scale, a tensor of one float32 number on ``device``."""
        if self._scale.device != device:
            self._scale = torch.full((), float(self._scale), dtype=torch.float32, device=device)
            self._growth_tracker = torch.full((), int(self._growth_tracker), dtype=torch.int32, device=device)
        return self._scale

    @property
    def factor_now(self) -> torch.Tensor:
        """The scale where it is: a tensor that goes on changing."""
        return self._scale

    def update(self, found: Iterable[torch.Tensor | bool]) -> None:
        """Adapt the scale to the updates of one window.

        Args:
            found: for each optimizer that was to be updated, whether its gradients had inf or nan: a bool, or a tensor
                that is 1 or 0. None at all leaves the scale as it is.
        """
        self.used = False
        device = self._scale.device
        flags = [
            flag.to(device) if isinstance(flag, torch.Tensor) else torch.full((), float(flag), device=device)
            for flag in found
        ]
        if not flags:
            return
        # Torch's kernel takes anything but 0 for an overflow; a sum of flags is one.
        found_inf = flags[0] if len(flags) == 1 else torch.stack(flags).sum()
        torch._amp_update_scale_(  # pyright: ignore[reportPrivateImportUsage]
            self._scale,
            self._growth_tracker,
            found_inf,
            self._growth_factor,
            self._backoff_factor,
            self._growth_interval,
        )
        self._scale.clamp_(min=_SMALLEST)

    def get_scale(self) -> float:
        """The scale as a number; the program waits for the device."""
        return float(self._scale)

    def state_dict(self) -> dict[str, Any]:
        """The state as :class:`torch.amp.GradScaler` writes it: plain numbers."""
        return {
            "scale": float(self._scale),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": int(self._growth_tracker),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state, also one of :class:`torch.amp.GradScaler`.

        Raises:
            ValueError, TypeError: a key is missing, or a value is outside its range, such as a scale that has fallen to
                0; nothing is changed then.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"the state of a loss scaler must be a dictionary, got {type(state_dict).__name__}.")
        missing = [key for key in KEYS if key not in state_dict]
        if missing:
            raise ValueError(f"the state of a loss scaler must have {', '.join(KEYS)}; missing: {', '.join(missing)}")
        call = "LossScaler.load_state_dict"
        try:
            scale = admit(call, "scale", _SCALE, state_dict["scale"])
        except ValueError as error:
            raise ValueError(
                f"{error}\n    With such a scale every update is skipped. To search for one anew, load the state "
                "without it: optim.load_state_dict({**state, 'scaler': None})"
            ) from None
        values = {name: admit(call, name, _RANGES[name], state_dict[name]) for name in _RANGES}
        device = self._scale.device
        self._scale = torch.full((), scale, dtype=torch.float32, device=device)
        self._growth_tracker = torch.full((), values["_growth_tracker"], dtype=torch.int32, device=device)
        self._growth_factor, self._backoff_factor = float(values["growth_factor"]), float(values["backoff_factor"])
        self._growth_interval = values["growth_interval"]

    def __repr__(self) -> str:
        return (
            f"LossScaler(growth_factor={self._growth_factor}, backoff_factor={self._backoff_factor}, "
            f"growth_interval={self._growth_interval})"
        )


def admitted_scaler(scaler: Any) -> LossScaler | None:
    """A loss scaler, or none.

    Raises:
        TypeError: something else.
    """
    if scaler is not None and not isinstance(scaler, LossScaler):
        raise TypeError(
            f"optim.scaler must be a LossScaler, got {type(scaler).__name__}. To go on from a GradScaler's state: "
            "optim.scaler.load_state_dict(grad_scaler.state_dict())"
        )
    return scaler
