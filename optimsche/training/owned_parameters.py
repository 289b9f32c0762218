"""The parameters of one optimizer, kept at hand: looking them up again in every micro-batch is most of its cost."""

from __future__ import annotations

import torch
from torch import nn

from optimsche.training import parameters


class Owned:
    """An optimizer's own parameters, and those of the model that are not, found again whenever these change.

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
        self._lists: list[list[torch.Tensor]] = []  # of each group, as it was last seen
        self._all: list[torch.Tensor] = []
        self._foreign: list[torch.Tensor] = []
        self._version = 0

    def version(self) -> int:
        """A number that rises whenever the optimizer has other parameters."""
        self.all()
        return self._version

    def all(self) -> list[torch.Tensor]:
        """All parameters of the optimizer."""
        if not self._are_the_same_lists():
            self._find()
        return self._all

    def _are_the_same_lists(self) -> bool:
        groups, count = self._optimizer.param_groups, 0
        if len(groups) != len(self._lists):
            return False
        for group, known in zip(groups, self._lists, strict=True):
            if group["params"] is not known:
                return False
            count += len(known)
        return count == len(self._all)

    def _find(self) -> None:
        self._lists = [group["params"] for group in self._optimizer.param_groups]
        self._all = parameters.owned(self._optimizer)
        self._version += 1
        ids = {id(parameter) for parameter in self._all}
        model = [] if self._model is None else self._model.parameters()
        self._foreign = [parameter for parameter in model if id(parameter) not in ids]

    def trainable(self) -> bool:
        """Whether any of them takes part in training."""
        for group in self._optimizer.param_groups:  # a loop, since nearly always the first one says it
            for parameter in group["params"]:
                if parameter.requires_grad:
                    return True
        return False

    def have_gradients(self) -> bool:
        """Whether any of them has a gradient."""
        for group in self._optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    return True
        return False

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
        """Leave no gradient behind, as ``zero_grad`` does.

        A window begins and ends with this. So here, and not in every micro-batch, each parameter is looked at: one may
        have been put in the place of another within its group's list.
        """
        now = parameters.owned(self._optimizer)
        if not parameters.same(now, self._all):
            self._find()
        for parameter in now:
            parameter.grad = None
