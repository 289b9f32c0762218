"""A scheduler with which nothing is wrong, and a few more ways to be right."""

import torch


class Right:
    """Each group's own rate times a factor of the number of steps: three steps of warm-up, then half every four."""

    def __init__(self, optimizer):
        self.optimizer, self.number = optimizer, 0
        self.write()

    def factor(self, number):
        return (number + 1) / 4 if number < 3 else 0.5 ** ((number - 3) // 4)

    def base_of(self, group):
        return group.setdefault("initial_lr", float(group["lr"]))

    def rate_of(self, group):
        return self.base_of(group) * self.factor(self.number)

    def write(self):
        for group in self.optimizer.param_groups:
            self.write_into(group, self.rate_of(group))

    def write_into(self, group, rate):
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate

    def step(self):
        self.number += 1
        self.write()

    def get_last_lr(self):
        return [group["lr"] for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self):
        return [group["initial_lr"] * self.factor(self.number) for group in self.optimizer.param_groups]

    def state_dict(self):
        return {"number": self.number}

    def load_state_dict(self, state):
        self.number = state["number"]
        self.write()


class ByNumber(Right):
    """Told the number of the step, so that it has nothing to save."""

    def step(self, number):
        self.number = number
        self.write()


class ByPosition(Right):
    """Told the number of the step, under no name."""

    def step(self, number, /):
        self.number = number
        self.write()


class Plateau(Right):
    """Halves after two metrics in a row that are no better than the best."""

    def __init__(self, optimizer):
        self.best, self.bad, self.cuts = float("inf"), 0, 0
        super().__init__(optimizer)

    def factor(self, number):
        return 0.5**self.cuts

    def step(self, metric):
        self.best, self.bad = (metric, 0) if metric < self.best else (self.best, self.bad + 1)
        if self.bad == 2:
            self.cuts, self.bad = self.cuts + 1, 0
        super().step()

    def state_dict(self):
        return {"best": self.best, "bad": self.bad, "cuts": self.cuts, **super().state_dict()}

    def load_state_dict(self, state):
        self.best, self.bad, self.cuts = state["best"], state["bad"], state["cuts"]
        super().load_state_dict(state)


class ChainedForm(Right):
    """Each rate from the one before, as torch's do, with what that needs in its state."""

    _get_closed_form_lr = None

    def __init__(self, optimizer):
        self.rates = [float(group["lr"]) for group in optimizer.param_groups]
        super().__init__(optimizer)

    def write(self):
        if self.number > 0:
            self.rates = [rate * 0.75 for rate in self.rates]
        self.set_rates()

    def set_rates(self):
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            self.write_into(group, rate)

    def state_dict(self):
        return {"number": self.number, "rates": list(self.rates)}

    def load_state_dict(self, state):
        self.number, self.rates = state["number"], list(state["rates"])
        self.set_rates()
