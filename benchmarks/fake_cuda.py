"""CUDA tensors without a GPU: traced, with everything that would make the program wait counted.

Fake tensors know their device and nothing else. Whatever reads a number of one, or copies one to the host and waits,
is counted; a number that is read is 0.5. Autograd does not run on them, so gradients are given by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from optimsche.training import async_copy

aten = torch.ops.aten


class Reads(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts reads from the device, by name."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        on_device = any(isinstance(x, torch.Tensor) and x.device.type == "cuda" for x in args)
        reads = (aten._local_scalar_dense.default, aten.is_nonzero.default, aten.equal.default, aten.nonzero.default)
        to_host = func is aten._to_copy.default and torch.device(kwargs.get("device") or "cuda").type == "cpu"
        if on_device and (func in reads or (to_host and not kwargs.get("non_blocking"))):
            self.names.append(str(func))
        if func in reads:
            return 0.5  # also of the copy on the host: it is a fake, too
        if "_fused_" in str(func):
            return None  # no fake kernel for some; none of them reads anything back
        return func(*args, **kwargs)


class NeverYet:
    """An event of a device whose work goes on."""

    def query(self) -> bool:
        return False

    def synchronize(self) -> None:
        raise AssertionError("the program waited for the device")


@contextmanager
def counting_reads() -> Iterator[list[str]]:
    """Everything inside runs on fake CUDA tensors; gives the list of what was read."""
    with (
        mock.patch.object(async_copy, "_recorded_event", return_value=NeverYet()),
        FakeTensorMode(allow_non_fake_inputs=True),
        Reads() as reads,
    ):
        yield reads.names


def on_cuda(*shapes: Sequence[int], dtype: torch.dtype = torch.float32) -> list[torch.nn.Parameter]:
    """Parameters with gradients."""
    parameters = [torch.nn.Parameter(torch.empty(shape, device="cuda", dtype=dtype)) for shape in shapes]
    give_gradients(parameters)
    return parameters


def give_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Give each parameter a gradient, as a backward pass does."""
    for parameter in parameters:
        parameter.grad = torch.empty_like(parameter)
