"""Schedulers of other systems, as their documentation builds them, for an optimizer and 30 steps."""

import importlib.util
import sys
import types

import torch
from torch.optim import lr_scheduler as L
from torch.optim.swa_utils import SWALR


def systems():
    """The systems that are installed: each its version, and its schedulers by name."""
    for name, package, build in [
        ("torch", "torch", _torch),
        ("transformers", "transformers", _transformers),
        ("timm", "timm", _timm),
        ("pytorch_optimizer", "pytorch_optimizer", _pytorch_optimizer),
        ("pytorch_warmup", "pytorch_warmup", _pytorch_warmup),
        ("ignite", "ignite", _ignite),
    ]:
        if importlib.util.find_spec(package) is not None:
            yield name, build()


def _torch():
    return {
        "LambdaLR": lambda o: L.LambdaLR(o, lambda n: 0.9**n),
        "MultiplicativeLR": lambda o: L.MultiplicativeLR(o, lambda n: 0.9),
        "StepLR": lambda o: L.StepLR(o, step_size=7),
        "MultiStepLR": lambda o: L.MultiStepLR(o, milestones=[5, 12]),
        "ConstantLR": lambda o: L.ConstantLR(o),
        "LinearLR": lambda o: L.LinearLR(o, total_iters=10),
        "ExponentialLR": lambda o: L.ExponentialLR(o, gamma=0.9),
        "PolynomialLR": lambda o: L.PolynomialLR(o, total_iters=10, power=2.0),
        "CosineAnnealingLR": lambda o: L.CosineAnnealingLR(o, T_max=10, eta_min=0.001),
        "SequentialLR": lambda o: L.SequentialLR(o, [L.LinearLR(o), L.ExponentialLR(o, 0.9)], milestones=[5]),
        "ChainedScheduler": lambda o: L.ChainedScheduler([L.ConstantLR(o), L.ExponentialLR(o, 0.9)], o),
        "ReduceLROnPlateau": lambda o: L.ReduceLROnPlateau(o, patience=2),
        "CyclicLR": lambda o: L.CyclicLR(o, base_lr=0.01, max_lr=0.1, step_size_up=5),
        "OneCycleLR": lambda o: L.OneCycleLR(o, max_lr=0.1, total_steps=30),
        "CosineAnnealingWarmRestarts": lambda o: L.CosineAnnealingWarmRestarts(o, T_0=7, T_mult=2),
        "SWALR": lambda o: SWALR(o, swa_lr=0.01, anneal_epochs=5),
    }


def _transformers():
    import transformers as t

    run = {"num_warmup_steps": 5, "num_training_steps": 20}
    return {
        "constant": t.get_constant_schedule,
        "constant_with_warmup": lambda o: t.get_constant_schedule_with_warmup(o, 5),
        "linear": lambda o: t.get_linear_schedule_with_warmup(o, **run),
        "cosine": lambda o: t.get_cosine_schedule_with_warmup(o, **run),
        "cosine_with_restarts": lambda o: t.get_cosine_with_hard_restarts_schedule_with_warmup(o, **run, num_cycles=3),
        "polynomial": lambda o: t.get_polynomial_decay_schedule_with_warmup(o, **run),
        "inverse_sqrt": lambda o: t.get_inverse_sqrt_schedule(o, 5),
        "cosine_with_min_lr": lambda o: t.get_scheduler(
            "cosine_with_min_lr", o, **run, scheduler_specific_kwargs={"min_lr": 0.001}
        ),
        "cosine_warmup_with_min_lr": lambda o: t.get_scheduler(
            "cosine_warmup_with_min_lr", o, **run, scheduler_specific_kwargs={"min_lr_rate": 0.1}
        ),
        "warmup_stable_decay": lambda o: t.get_wsd_schedule(o, 5, 8, num_training_steps=20),
        "reduce_lr_on_plateau": lambda o: t.get_scheduler(
            "reduce_lr_on_plateau", o, scheduler_specific_kwargs={"patience": 2}
        ),
        "greedy": lambda o: t.get_scheduler("greedy", o, scheduler_specific_kwargs={"patience": 2}),
    }


def _timm():
    s = _timms_schedulers_without_its_models()
    warm = {"warmup_t": 4, "warmup_lr_init": 0.001}
    return {
        "CosineLRScheduler": lambda o: s.CosineLRScheduler(o, t_initial=12, lr_min=0.001, **warm),
        "CosineLRScheduler in updates": lambda o: s.CosineLRScheduler(o, t_initial=12, t_in_epochs=False, **warm),
        "CosineLRScheduler with noise": lambda o: s.CosineLRScheduler(o, t_initial=12, noise_range_t=3),
        "TanhLRScheduler": lambda o: s.TanhLRScheduler(o, t_initial=12, **warm),
        "PolyLRScheduler": lambda o: s.PolyLRScheduler(o, t_initial=12, **warm),
        "StepLRScheduler": lambda o: s.StepLRScheduler(o, decay_t=7, **warm),
        "MultiStepLRScheduler": lambda o: s.MultiStepLRScheduler(o, decay_t=[5, 12], **warm),
        "WSDLRScheduler": lambda o: s.WSDLRScheduler(o, t_initial=20, decay_t=6, **warm),
        "PlateauLRScheduler": lambda o: s.PlateauLRScheduler(o, decay_rate=0.5, patience_t=2, mode="min"),
        "PlateauLRScheduler with warm-up": lambda o: s.PlateauLRScheduler(o, decay_rate=0.5, patience_t=2, **warm),
    }


def _timms_schedulers_without_its_models():
    """Its models need torchvision, built for the same torch; its schedulers need neither."""
    if "timm" not in sys.modules:
        package = types.ModuleType("timm")
        package.__path__ = list(importlib.util.find_spec("timm").submodule_search_locations)
        sys.modules["timm"] = package
    return importlib.import_module("timm.scheduler")


def _pytorch_optimizer():
    import pytorch_optimizer as p
    from pytorch_optimizer import lr_scheduler as s

    run = {"t_max": 20, "max_lr": 0.1, "min_lr": 0.001, "init_lr": 0.01, "warmup_steps": 5}
    return {
        "LinearScheduler": lambda o: p.LinearScheduler(o, **run),
        "CosineScheduler": lambda o: p.CosineScheduler(o, **run),
        "PolyScheduler": lambda o: p.PolyScheduler(o, poly_order=0.5, **run),
        "REXScheduler": lambda o: p.REXScheduler(o, total_steps=20, max_lr=0.1),
        "ProportionScheduler": lambda o: p.ProportionScheduler(p.CosineScheduler(o, **run), max_lr=0.1, max_value=2.0),
        "CosineAnnealingWarmupRestarts": lambda o: s.CosineAnnealingWarmupRestarts(
            o, first_cycle_steps=9, max_lr=0.1, min_lr=0.001, warmup_steps=3
        ),
        "wsd": lambda o: p.get_wsd_schedule(o, num_warmup_steps=4, num_stable_steps=8, num_decay_steps=8),
        "chebyshev": lambda o: p.get_chebyshev_schedule(o, num_epochs=32),
    }


class Warmed:
    """A warm-up of pytorch_warmup around a scheduler of torch, in the way that its readme shows."""

    def __init__(self, optimizer, warmup):
        self.schedule = L.CosineAnnealingLR(optimizer, T_max=20)
        self.warmup = warmup(optimizer)

    def step(self):
        with self.warmup.dampening():
            self.schedule.step()

    def state_dict(self):
        return {"schedule": self.schedule.state_dict(), "warmup": self.warmup.state_dict()}

    def load_state_dict(self, state):
        self.schedule.load_state_dict(state["schedule"])
        self.warmup.load_state_dict(state["warmup"])


def _pytorch_warmup():
    import pytorch_warmup as w

    return {
        "LinearWarmup": lambda o: Warmed(o, lambda o: w.LinearWarmup(o, warmup_period=8)),
        "ExponentialWarmup": lambda o: Warmed(o, lambda o: w.ExponentialWarmup(o, warmup_period=8)),
        "UntunedLinearWarmup": lambda o: Warmed(o, w.UntunedLinearWarmup),
        "UntunedExponentialWarmup": lambda o: Warmed(o, w.UntunedExponentialWarmup),
        "RAdamWarmup": lambda o: Warmed(o, w.RAdamWarmup),
    }


def _ignite():
    from ignite.handlers import param_scheduler as i

    def concat(o):
        first = i.LinearCyclicalScheduler(o, "lr", 0.0, 0.1, cycle_size=6)
        return i.ConcatScheduler([first, i.CosineAnnealingScheduler(o, "lr", 0.1, 0.001, 20)], durations=[3])

    def grouped(o):
        each = [i.LinearCyclicalScheduler(o, "lr", 0.1, 0.0, cycle_size=10, param_group_index=k) for k in range(2)]
        return i.ParamGroupScheduler(each)

    return {
        "LinearCyclicalScheduler": lambda o: i.LinearCyclicalScheduler(o, "lr", 0.1, 0.001, cycle_size=10),
        "LinearCyclicalScheduler, changing": lambda o: i.LinearCyclicalScheduler(
            o, "lr", 0.1, 0.001, cycle_size=6, cycle_mult=1.5, start_value_mult=0.9, end_value_mult=0.9
        ),
        "CosineAnnealingScheduler": lambda o: i.CosineAnnealingScheduler(o, "lr", 0.1, 0.001, cycle_size=10),
        "CosineAnnealingScheduler, changing": lambda o: i.CosineAnnealingScheduler(
            o, "lr", 0.1, 0.001, cycle_size=6, cycle_mult=1.5, start_value_mult=0.9
        ),
        "PiecewiseLinear": lambda o: i.PiecewiseLinear(o, "lr", [(3, 0.1), (8, 0.05), (14, 0.001)]),
        "ConcatScheduler": concat,
        "ParamGroupScheduler": grouped,
        "LRScheduler": lambda o: i.LRScheduler(L.StepLR(o, step_size=7)),
        "create_lr_scheduler_with_warmup": lambda o: i.create_lr_scheduler_with_warmup(
            L.ExponentialLR(o, gamma=0.9), warmup_start_value=0.0, warmup_duration=5
        ),
        "ReduceLROnPlateauScheduler": lambda o: i.ReduceLROnPlateauScheduler(o, "loss", patience=2),
    }


def version_of(system):
    """The version of a system that is installed."""
    from importlib.metadata import version

    return torch.__version__ if system == "torch" else version({"ignite": "pytorch-ignite"}.get(system, system))
