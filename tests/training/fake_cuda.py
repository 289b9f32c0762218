"""CUDA tensors without a GPU: traced, with everything that would make the program wait counted.

Fake tensors know their device and nothing else. Whatever reads a number of one, or copies one to the host and waits,
is counted; a number that is read is 0.5.
"""

from contextlib import contextmanager

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from optimsche.training import arriving

aten = torch.ops.aten


class Reads(TorchDispatchMode):
    """Counts reads from the device, by name."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        on_device = any(isinstance(x, torch.Tensor) and x.device.type == "cuda" for x in args)
        reads = (aten._local_scalar_dense.default, aten.is_nonzero.default, aten.equal.default, aten.nonzero.default)
        to_host = function is aten._to_copy.default and torch.device(kwargs.get("device") or "cuda").type == "cpu"
        if on_device and (function in reads or (to_host and not kwargs.get("non_blocking"))):
            self.names.append(str(function))
        if function in reads:
            return 0.5  # also of the copy on the host: it is a fake, too
        if "_fused_" in str(function):
            return None  # no fake kernel for some; none of them reads anything back
        return function(*args, **kwargs)


class NeverYet:
    """An event of a device whose work goes on."""

    def query(self):
        return False

    def synchronize(self):
        raise AssertionError("the program waited for the device")


@contextmanager
def counting_reads():
    """Everything inside runs on fake CUDA tensors; gives the list of what was read."""
    event = arriving._recorded_event
    arriving._recorded_event = lambda device: NeverYet()
    try:
        with FakeTensorMode(allow_non_fake_inputs=True), Reads() as reads:
            yield reads.names
    finally:
        arriving._recorded_event = event


def on_cuda(*shapes, dtype=torch.float32):
    """Parameters with gradients, as a backward pass leaves them; autograd itself does not run on fake CUDA tensors."""
    parameters = [torch.nn.Parameter(torch.empty(shape, device="cuda", dtype=dtype)) for shape in shapes]
    give_gradients(parameters)
    return parameters


def give_gradients(parameters):
    for parameter in parameters:
        parameter.grad = torch.empty_like(parameter)
