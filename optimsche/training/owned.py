"""The parameters of one optimizer, kept at hand: looking them up again in every micro-batch is most of its cost."""

from __future__ import annotations

import torch
from torch import nn

from optimsche.training import parameters


class Owned:
    """An optimizer's own parameters, and those of the model that are not, found again whenever its groups change.

    Args:
        optimizer: the owner.
        model: the model; None for nothing foreign.

    >>> model = nn.Linear(1, 1)
    >>> owned = Owned(torch.optim.SGD([model.weight]), model)
    >>> [len(owned.all()), len(owned.foreign())]
    [1, 1]
    """

    def __init__(self, optimizer: torch.optim.Optimizer, model: nn.Module | None) -> None:
        self._optimizer, self._model = optimizer, model
        self._sizes: list[int] = []
        self._all: list[torch.Tensor] = []
        self._foreign: list[torch.Tensor] = []

    def sizes(self) -> list[int]:
        """How many parameters each group has."""
        return [len(group["params"]) for group in self._optimizer.param_groups]

    def all(self) -> list[torch.Tensor]:
        """All parameters of the optimizer."""
        sizes = self.sizes()
        if sizes != self._sizes:
            self._sizes = sizes
            self._all = parameters.owned(self._optimizer)
            ids = {id(parameter) for parameter in self._all}
            model = [] if self._model is None else self._model.parameters()
            self._foreign = [parameter for parameter in model if id(parameter) not in ids]
        return self._all

    def trainable(self) -> bool:
        """Whether any of them takes part in training."""
        return any(parameter.requires_grad for group in self._optimizer.param_groups for parameter in group["params"])

    def foreign(self) -> list[torch.Tensor]:
        """The model's parameters that are not the optimizer's."""
        self.all()
        return self._foreign

    def inputs(self) -> list[torch.Tensor] | None:
        """The only parameters that are to get a gradient; None for all, where nothing has to be kept from others."""
        foreign = self.foreign()
        if not foreign or not any(parameter.requires_grad for parameter in foreign):
            return None
        return [parameter for parameter in self._all if parameter.requires_grad]

    def drop_gradients(self) -> None:
        """Leave no gradient behind, as ``zero_grad`` does."""
        for parameter in self.all():
            parameter.grad = None
