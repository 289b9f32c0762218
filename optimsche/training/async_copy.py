"""Numbers on their way from the device: copied without waiting, looked at once they are there."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from optimsche.training.norms import is_here


class Arriving:
    """A few numbers, some of them tensors on a device, that will be known on the host before long.

    The copy goes into pinned memory while the program runs on. On the CPU the numbers are there at once.

    >>> Arriving([torch.tensor(0.5), 2.0]).numbers()
    [0.5, 2.0]
    """

    def __init__(self, values: Sequence[float | torch.Tensor]) -> None:
        self._values = list(values)
        self._away = [n for n, v in enumerate(values) if isinstance(v, torch.Tensor) and not is_here(v)]
        self._copy: torch.Tensor | None = None
        self._event: torch.Event | None = None
        if self._away:
            tensors = [self._values[n] for n in self._away]
            device = tensors[0].device  # type: ignore[union-attr]
            packed = torch.stack([tensor.to(device, torch.float32) for tensor in tensors])  # type: ignore[union-attr]
            self._copy = packed.to("cpu", non_blocking=True)
            self._event = _recorded_event(device)

    def ready(self) -> bool:
        """Whether the numbers can be looked at without waiting."""
        return self._event is None or self._event.query()

    def numbers(self) -> list[float]:
        """The numbers; waits for those that are not there yet."""
        if self._event is not None and self._copy is not None:
            self._event.synchronize()
            for place, value in zip(self._away, self._copy.tolist(), strict=True):
                self._values[place] = value
            self._event = None
        return [float(value) for value in self._values]


def _recorded_event(device: torch.device) -> torch.Event:
    event = torch.Event(device.type)
    event.record(torch.accelerator.current_stream(device))
    return event
