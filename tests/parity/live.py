"""The peers against the packages themselves, with arguments that hypothesis draws.

    python -m tests.parity.live --draws 200     # the table of docs/internals/parity.md, of every installed package

Each rival is a schedule of a package: how its arguments are drawn, and how the package's own rates are had. Compared
are the first 80 updates. A case in which both refuse the arguments agrees, too.
"""

import argparse
import collections
import contextlib
import functools
import importlib
import itertools
import math
import os
import warnings
from collections.abc import Callable
from importlib import metadata
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from optimsche import peers

os.environ.setdefault("KERAS_BACKEND", "jax")  # which is read when Keras is imported

UPDATES = 80
BOUND = 1e-11  # of the peak: recursions drift from their closed forms


class Rival(NamedTuple):
    """A schedule of a package."""

    system: str
    name: str
    arguments: dict
    rates: Callable  # of the arguments and the optimizer's rate
    takes_rate: bool = True
    package: str = ""
    bound: float = BOUND
    ours: Callable | None = None  # of the arguments and the rate, where it is not the function of the same name


rates = st.floats(1e-6, 2.0)
counts = st.integers(1, 40)
lengths = st.integers(0, 30)
factors = st.floats(0.01, 1.0)
shares = st.floats(0.0, 1.0)
gammas = st.sampled_from([0.1, 0.5, 0.9, 1.0, 1.1])
floors = st.sampled_from([0.0, 1e-6, 0.01])
flags = st.booleans()
milestones = st.lists(st.integers(0, 60), max_size=5)
rising = st.lists(st.integers(1, 60), min_size=1, max_size=4, unique=True).map(sorted)


def optimizer_of(lr):
    import torch

    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr, momentum=0.9)


def stepped(scheduler, optimizer, what="lr"):
    """The rates before each update, of a scheduler that is stepped after it."""
    found = []
    for _ in range(UPDATES):
        found.append(float(optimizer.param_groups[0][what]))
        optimizer.step()
        scheduler.step()
    return found


def of_torch(module, name, arguments, lr):
    optimizer = optimizer_of(lr)
    return stepped(getattr(importlib.import_module(module), name)(optimizer, **arguments), optimizer)


TORCH = {
    "ConstantLR": {"factor": factors, "total_iters": lengths | st.just(2.5)},
    "LinearLR": {"start_factor": factors, "end_factor": shares, "total_iters": lengths | st.floats(1.0, 20.0)},
    "StepLR": {"step_size": counts | st.just(2.5), "gamma": gammas},
    "MultiStepLR": {"milestones": milestones, "gamma": gammas},
    "ExponentialLR": {"gamma": gammas},
    "PolynomialLR": {"total_iters": counts | st.floats(1.0, 20.0), "power": st.floats(0.1, 5.0)},
    "CosineAnnealingLR": {"T_max": counts, "eta_min": floors},
    "CosineAnnealingWarmRestarts": {"T_0": counts, "T_mult": st.integers(1, 4), "eta_min": floors},
}
FACTORS = st.sampled_from(["0.95 ** t", "1 / (1 + t)", "min(1.0, (t + 1) / 10)", "1.0 if t % 7 < 3 else 0.5"])
CYCLIC = {
    "base_lr": rates,
    "max_lr": rates,
    "step_size_up": counts | st.floats(1.0, 20.0),
    "step_size_down": st.none() | counts | st.floats(0.5, 20.0),
    "mode": st.sampled_from(["triangular", "triangular2", "exp_range"]),
    "gamma": st.sampled_from([0.9, 1.0, 1.01]),
    "cycle_momentum": st.just(False),
}
ONE_CYCLE = {
    "max_lr": rates,
    "total_steps": st.integers(UPDATES, 200),
    "pct_start": st.floats(0.05, 0.45),
    "anneal_strategy": st.sampled_from(["cos", "linear"]),
    "div_factor": st.floats(1.0, 50.0),
    "final_div_factor": st.floats(1.0, 1e5),
    "three_phase": flags,
    "cycle_momentum": st.just(False),
}


def torch_rivals():
    module = "torch.optim.lr_scheduler"
    for name, arguments in TORCH.items():
        yield Rival("torch", name, arguments, functools.partial(of_torch, module, name))
    for name, arguments in (("CyclicLR", CYCLIC), ("OneCycleLR", ONE_CYCLE)):
        yield Rival("torch", name, arguments, functools.partial(of_torch, module, name), takes_rate=False)
    for name in ("LambdaLR", "MultiplicativeLR"):
        yield Rival("torch", name, {"lr_lambda": FACTORS}, functools.partial(of_a_function, module, name))
    swa = {"swa_lr": rates, "anneal_epochs": lengths, "anneal_strategy": st.sampled_from(["cos", "linear"])}
    yield Rival("torch", "SWALR", swa, functools.partial(of_torch, "torch.optim.swa_utils", "SWALR"))


def of_a_function(module, name, arguments, lr):
    return of_torch(module, name, {"lr_lambda": function_of(arguments["lr_lambda"])}, lr)


def function_of(text):
    code = compile(text, "<formula>", "eval")
    return lambda t: eval(code, {"t": t, "min": min})


def composition_rivals():
    """SequentialLR and ChainedScheduler of drawn schedulers, one of them inside of the other."""
    from tests.parity import test_torch_compositions as made

    def theirs(arguments, lr):
        return made.played(arguments["spec"], lr)

    def ours(arguments, lr):
        return made.ours(arguments["spec"], lr)

    yield Rival("torch", "compositions", {"spec": made.compositions()}, theirs, ours=ours)


WARMUP = {"num_warmup_steps": lengths, "num_training_steps": st.integers(31, 90)}
TRANSFORMERS = {
    "get_constant_schedule": {},
    "get_constant_schedule_with_warmup": {"num_warmup_steps": lengths | st.floats(0.1, 20.0)},
    "get_linear_schedule_with_warmup": WARMUP,
    "get_cosine_schedule_with_warmup": {**WARMUP, "num_cycles": st.sampled_from([0.25, 0.5, 1.0, 2.0])},
    "get_cosine_with_hard_restarts_schedule_with_warmup": {**WARMUP, "num_cycles": st.integers(1, 4)},
    "get_polynomial_decay_schedule_with_warmup": {**WARMUP, "lr_end": st.just(1e-7), "power": st.floats(0.2, 3.0)},
    "get_inverse_sqrt_schedule": {"num_warmup_steps": lengths, "timescale": st.none() | counts},
    "get_cosine_with_min_lr_schedule_with_warmup": {**WARMUP, "min_lr_rate": shares},
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate": {
        "num_warmup_steps": lengths | st.floats(0.1, 20.0),
        "num_training_steps": st.integers(21, 90),
        "min_lr_rate": shares,
        "warmup_lr_rate": st.none() | shares,
    },
    "get_wsd_schedule": {
        "num_warmup_steps": lengths,
        "num_decay_steps": counts,
        "num_stable_steps": lengths,
        "warmup_type": st.sampled_from(["linear", "cosine", "1-sqrt"]),
        "decay_type": st.sampled_from(["linear", "cosine", "1-sqrt"]),
        "min_lr_ratio": shares,
    },
}


def transformers_rivals():
    for name, arguments in TRANSFORMERS.items():
        yield Rival("transformers", name, arguments, functools.partial(of_torch, "transformers.optimization", name))


def diffusers_rivals():
    names = [name for name in TRANSFORMERS if not any(word in name for word in ("inverse", "min_lr", "wsd"))]
    for name in names:
        call = functools.partial(of_torch, "diffusers.optimization", name)
        yield Rival("diffusers", name, TRANSFORMERS[name], call)
    rule = st.tuples(st.sampled_from(["1", "0.5", "0.1", "2"]), st.integers(1, 60)).map(
        lambda pair: f"{pair[0]}:{pair[1]}"
    )
    rules = st.lists(rule, max_size=4).map(lambda found: ",".join([*found, "0.25"]))
    name = "get_piecewise_constant_schedule"
    call = functools.partial(of_torch, "diffusers.optimization", name)
    yield Rival("diffusers", name, {"step_rules": rules}, call)


NUMBERS = st.floats(-2.0, 2.0).filter(lambda value: value == 0 or abs(value) > 1e-6)
BOUNDARIES = st.dictionaries(st.integers(1, 60), st.floats(0.01, 2.0), max_size=4)
CYCLE = {
    "init_value": NUMBERS,
    "peak_value": NUMBERS,
    "warmup_steps": st.integers(0, 9),
    "decay_steps": st.integers(10, 30),
    "end_value": NUMBERS,
}
OPTAX = {
    "constant_schedule": {"value": NUMBERS},
    "linear_schedule": {
        "init_value": NUMBERS,
        "end_value": NUMBERS,
        "transition_steps": st.integers(-2, 50) | st.floats(1.0, 20.0),
        "transition_begin": st.integers(-2, 20),
    },
    "polynomial_schedule": {
        "init_value": NUMBERS,
        "end_value": NUMBERS,
        "power": st.floats(0.1, 4.0),
        "transition_steps": counts,
        "transition_begin": st.integers(0, 20),
    },
    "piecewise_constant_schedule": {
        "init_value": NUMBERS,
        "boundaries_and_scales": st.dictionaries(st.integers(0, 60), st.floats(0.0, 2.0), max_size=4),
    },
    "piecewise_interpolate_schedule": {
        "interpolate_type": st.sampled_from(["linear", "cosine"]),
        "init_value": NUMBERS,
        "boundaries_and_scales": BOUNDARIES,
    },
    "exponential_decay": {
        "init_value": NUMBERS,
        "transition_steps": st.integers(0, 40),
        "decay_rate": st.sampled_from([0.0, 0.5, 0.9, 1.0, 1.2]),
        "transition_begin": st.integers(-2, 20),
        "staircase": flags,
        "end_value": st.none() | NUMBERS,
    },
    "cosine_decay_schedule": {
        "init_value": NUMBERS,
        "decay_steps": counts,
        "alpha": st.floats(-1.0, 1.5),
        "exponent": st.sampled_from([0.5, 1.0, 2.0]),
    },
    "linear_onecycle_schedule": {"transition_steps": st.integers(20, 60), "peak_value": NUMBERS},
    "cosine_onecycle_schedule": {
        "transition_steps": st.integers(20, 60),
        "peak_value": NUMBERS,
        "pct_start": st.floats(0.05, 0.95),
    },
    "warmup_constant_schedule": {"init_value": NUMBERS, "peak_value": NUMBERS, "warmup_steps": st.integers(-1, 30)},
    "warmup_cosine_decay_schedule": {
        "init_value": NUMBERS,
        "peak_value": NUMBERS,
        "warmup_steps": st.integers(0, 20),
        "decay_steps": st.integers(21, 60),
        "end_value": NUMBERS,
    },
    "warmup_exponential_decay_schedule": {
        "init_value": NUMBERS,
        "peak_value": NUMBERS,
        "warmup_steps": st.integers(0, 20),
        "transition_steps": st.integers(-1, 30),
        "decay_rate": st.sampled_from([0.0, 0.5, 0.9, 1.0, 1.2]),
        "transition_begin": st.integers(0, 10),
        "staircase": flags,
        "end_value": st.none() | NUMBERS,
    },
    "sgdr_schedule": {"cosine_kwargs": st.lists(st.fixed_dictionaries(CYCLE), min_size=1, max_size=4)},
}


def of_optax(name, arguments, _):
    import optax

    return counted(lambda: getattr(optax, name)(**arguments))


def counted(make):
    """The values of a schedule of optax's, in double precision."""
    import jax

    with jax.enable_x64(True):
        schedule = make()
        found = jax.vmap(lambda count: jax.numpy.asarray(schedule(count)))(jax.numpy.arange(UPDATES))
        return found.astype(float).tolist()


def optax_rivals():
    for name, arguments in OPTAX.items():
        yield Rival("optax", name, arguments, functools.partial(of_optax, name), takes_rate=False)

    def theirs(arguments, _):
        return counted(lambda: joined("optax", *arguments["parts"]))

    def ours(arguments, _):
        return joined("optimsche.peers.optax", *arguments["parts"])

    yield Rival("optax", "join_schedules", {"parts": in_parts(OPTAX)}, theirs, takes_rate=False, ours=ours)


def named(schedules):
    """One of these schedules, by its name and with arguments."""
    return st.sampled_from(sorted(schedules)).flatmap(
        lambda name: st.tuples(st.just(name), st.fixed_dictionaries(schedules[name]))
    )


@st.composite
def in_parts(draw, schedules, last=60):
    """Some of these schedules, and where each but the first begins."""
    parts = draw(st.lists(named(schedules), min_size=1, max_size=4))
    return parts, sorted(draw(st.lists(st.integers(0, last), min_size=len(parts) - 1, max_size=len(parts) - 1)))


def joined(module, parts, boundaries):
    home = importlib.import_module(module)
    return home.join_schedules([getattr(home, name)(**arguments) for name, arguments in parts], boundaries)


CYCLES = {
    "t_initial": counts,
    "lr_min": floors,
    "cycle_mul": st.sampled_from([1.0, 2.0, 1.5]),
    "cycle_decay": st.sampled_from([1.0, 0.5]),
    "cycle_limit": st.integers(1, 4),
    "warmup_t": st.integers(0, 8) | st.floats(0.5, 8.0),
    "warmup_lr_init": floors,
    "warmup_prefix": flags,
}
TIMM_WARMUP = {name: CYCLES[name] for name in ("warmup_t", "warmup_lr_init", "warmup_prefix")}
TIMM = {
    "CosineLRScheduler": {**CYCLES, "k_decay": st.sampled_from([1.0, 0.5, 2.0])},
    "TanhLRScheduler": CYCLES,
    "PolyLRScheduler": {**CYCLES, "power": st.sampled_from([0.5, 1.0, 2.0])},
    "StepLRScheduler": {"decay_t": counts, "decay_rate": st.sampled_from([0.5, 0.9]), **TIMM_WARMUP},
    "MultiStepLRScheduler": {"decay_t": milestones, "decay_rate": st.sampled_from([0.5, 0.9]), **TIMM_WARMUP},
    "WSDLRScheduler": {
        "t_initial": st.integers(1, 60),
        "decay_t": counts,
        "lr_min": floors,
        "stable_fn": st.sampled_from(["constant", "rsqrt", "power"]),
        "stable_timescale": st.none() | counts,
        "decay_fn": st.sampled_from(["linear", "1-sqrt", "cosine", "power", "exp"]),
        "warmup_t": st.integers(0, 8),
        "warmup_lr_init": floors,
    },
}


def of_timm(name, arguments, lr):
    optimizer = optimizer_of(lr)
    scheduler = getattr(importlib.import_module("timm.scheduler"), name)(optimizer, **arguments)
    found = []
    for update in range(1, UPDATES + 1):
        found.append(float(optimizer.param_groups[0]["lr"]))
        scheduler.step(update)
    return found


def timm_rivals():
    for name, arguments in TIMM.items():
        yield Rival("timm", name, arguments, functools.partial(of_timm, name))


IGNITE_CYCLE = {
    "start_value": rates,
    "end_value": rates,
    "cycle_size": st.integers(2, 20),
    "cycle_mult": st.sampled_from([1.0, 1.5, 2.0]),
    "start_value_mult": st.sampled_from([1.0, 0.5]),
    "end_value_mult": st.sampled_from([1.0, 0.5]),
}
IGNITE = {
    "LinearCyclicalScheduler": {**IGNITE_CYCLE, "monotonic": flags},
    "CosineAnnealingScheduler": IGNITE_CYCLE,
    "PiecewiseLinear": {
        "milestones_values": st.lists(st.tuples(st.integers(0, 60), rates), min_size=1, max_size=5).map(sorted)
    },
}
POINTS = st.lists(st.tuples(st.integers(0, 60), rates), min_size=1, max_size=5)
IGNITE_STATES = {
    "MultiStepStateScheduler": {"initial_value": rates, "gamma": gammas, "milestones": milestones},
    "StepStateScheduler": {"initial_value": rates, "gamma": gammas, "step_size": counts},
    "ExpStateScheduler": {"initial_value": rates, "gamma": gammas},
    "PiecewiseLinearStateScheduler": {"milestones_values": POINTS},
    "LambdaStateScheduler": {"lambda_obj": FACTORS},
}


def of_ignite(name, arguments, _):
    optimizer = optimizer_of(0.1)
    return at_events(ignite_scheduler(optimizer, name, arguments), optimizer)


def ignite_scheduler(optimizer, name, arguments):
    return getattr(importlib.import_module("ignite.handlers").param_scheduler, name)(optimizer, "lr", **arguments)


def at_events(scheduler, optimizer):
    found = []
    for _ in range(UPDATES):
        scheduler(None)
        found.append(float(optimizer.param_groups[0]["lr"]))
    return found


def of_ignite_state(name, arguments, _):
    given = (
        {**arguments, "lambda_obj": function_of(arguments["lambda_obj"])} if "lambda_obj" in arguments else arguments
    )
    module = importlib.import_module("ignite.handlers").state_param_scheduler
    scheduler = getattr(module, name)(param_name="x", **given)
    found = []
    for event in range(1, UPDATES + 1):
        scheduler.event_index = event
        found.append(float(scheduler.get_param()))
    return found


def of_ignite_concat(arguments, _):
    parts, ends = arguments["parts"]
    optimizer = optimizer_of(0.1)
    schedulers = [ignite_scheduler(optimizer, *part) for part in parts]
    concat = importlib.import_module("ignite.handlers").param_scheduler.ConcatScheduler(schedulers, ends)
    return at_events(concat, optimizer)


def ignite_concat(arguments, _):
    parts, ends = arguments["parts"]
    return peers.ignite.ConcatScheduler([getattr(peers.ignite, name)(**given) for name, given in parts], ends)


def of_ignite_warmup(arguments, lr):
    (name, given), *warmup = arguments["warmup"]
    optimizer = optimizer_of(lr)
    if name in TORCH:
        scheduler = getattr(importlib.import_module("torch.optim.lr_scheduler"), name)(optimizer, **given)
    else:
        scheduler = ignite_scheduler(optimizer, name, given)
    make = importlib.import_module("ignite.handlers").param_scheduler.create_lr_scheduler_with_warmup
    return at_events(make(scheduler, *warmup), optimizer)


def ignite_warmup(arguments, lr):
    (name, given), *warmup = arguments["warmup"]
    is_torch = name in TORCH
    schedule = getattr(peers.torch, name)(**given, base_lr=lr) if is_torch else getattr(peers.ignite, name)(**given)
    return peers.ignite.create_lr_scheduler_with_warmup(schedule, *warmup, from_torch=is_torch, base_lr=lr)


def ignite_rivals():
    make = functools.partial(Rival, "ignite", package="pytorch-ignite", takes_rate=False)
    for name, arguments in IGNITE.items():
        yield make(name, arguments, functools.partial(of_ignite, name))
    for name, arguments in IGNITE_STATES.items():
        yield make(name, arguments, functools.partial(of_ignite_state, name))
    yield make("ConcatScheduler", {"parts": in_parts(IGNITE)}, of_ignite_concat, ours=ignite_concat)
    steps = {"StepLR": {"step_size": counts, "gamma": gammas}, "MultiStepLR": TORCH["MultiStepLR"]}
    warmup = st.tuples(named({**IGNITE, **steps}), rates, st.integers(1, 20), st.none() | rates)
    yield make("create_lr_scheduler_with_warmup", {"warmup": warmup}, of_ignite_warmup, ours=ignite_warmup)


WINDOW = {"begin": st.integers(0, 15), "end": st.integers(16, 60)}
MMENGINE = {
    "ConstantLR": {"factor": factors, **WINDOW},
    "LinearLR": {"start_factor": factors, "end_factor": shares, **WINDOW},
    "ExponentialLR": {"gamma": gammas, **WINDOW},
    "StepLR": {"step_size": counts, "gamma": gammas, **WINDOW},
    "MultiStepLR": {"milestones": milestones, "gamma": gammas, **WINDOW},
    "CosineAnnealingLR": {"T_max": st.none() | counts, "eta_min": floors, **WINDOW},
    "PolyLR": {"eta_min": floors, "power": st.floats(0.5, 3.0), **WINDOW},
    "CosineRestartLR": {
        "periods": st.lists(st.integers(1, 30), min_size=2, max_size=2),
        "restart_weights": st.lists(st.sampled_from([1.0, 0.5, 1.5]), min_size=2, max_size=2),
        "eta_min": floors,
        **WINDOW,
    },
}


def mmengine_rivals():
    for name, arguments in MMENGINE.items():
        yield Rival("mmengine", name, arguments, functools.partial(of_torch, "mmengine.optim.scheduler", name))
        momentum = f"{name.removesuffix('LR')}Momentum"
        ours = functools.partial(mmengine_momentum, momentum)
        yield Rival("mmengine", momentum, arguments, functools.partial(of_mmengine_momentum, momentum), ours=ours)
    one_cycle = {**ONE_CYCLE, "eta_max": rates}
    del one_cycle["max_lr"], one_cycle["cycle_momentum"]
    call = functools.partial(of_torch, "mmengine.optim.scheduler", "OneCycleLR")
    yield Rival("mmengine", "OneCycleLR", one_cycle, call)


def of_mmengine_momentum(name, arguments, momentum):
    optimizer = optimizer_of(0.1)
    optimizer.param_groups[0]["momentum"] = momentum
    scheduler = getattr(importlib.import_module("mmengine.optim.scheduler"), name)(optimizer, **arguments)
    return stepped(scheduler, optimizer, what="momentum")


def mmengine_momentum(name, arguments, momentum):
    return getattr(peers.mmengine, name)(**arguments, base_momentum=momentum)


def of_pytorch_optimizer(name, arguments, lr):
    found = importlib.import_module("pytorch_optimizer.lr_scheduler")
    if name.startswith("get_"):
        return of_torch("pytorch_optimizer.lr_scheduler", name, arguments, lr)
    optimizer = optimizer_of(0.5)
    scheduler = getattr(found, name)(optimizer, **arguments)
    return stepped(scheduler, optimizer)


def pytorch_optimizer_rivals():
    cycle = {
        "first_cycle_steps": st.integers(10, 30),
        "cycle_mult": st.sampled_from([1.0, 1.5]),
        "max_lr": rates.filter(lambda rate: rate > 0.011),
        "min_lr": floors,
        "warmup_steps": st.integers(0, 9),
        "gamma": st.sampled_from([1.0, 0.5]),
    }
    name = "CosineAnnealingWarmupRestarts"
    call = functools.partial(of_pytorch_optimizer, name)
    yield Rival("pytorch_optimizer", name, cycle, call, takes_rate=False)
    wsd = {
        "num_warmup_steps": st.integers(1, 15),
        "num_stable_steps": st.integers(1, 20),
        "num_decay_steps": counts,
        "min_lr_ratio": st.sampled_from([0.0, 0.1]),
        "cooldown_type": st.sampled_from(["1-sqrt", "cosine", "linear", "1-square"]),
    }
    chebyshev = {"num_epochs": st.integers(0, 90), "is_warmup": flags}
    for name, arguments in (("get_wsd_schedule", wsd), ("get_chebyshev_schedule", chebyshev)):
        yield Rival("pytorch_optimizer", name, arguments, functools.partial(of_pytorch_optimizer, name))
    run = {"max_lr": rates.filter(lambda rate: rate > 0.011), "min_lr": floors}
    warmed = {**run, "t_max": st.integers(UPDATES, 120), "init_lr": floors, "warmup_steps": st.integers(0, 20)}
    own = {
        "LinearScheduler": warmed,
        "CosineScheduler": {**warmed, "t_max": st.integers(21, 120)},
        "PolyScheduler": {**warmed, "poly_order": st.floats(0.1, 3.0)},
        "REXScheduler": {**run, "total_steps": st.integers(UPDATES, 120)},
    }
    for name, arguments in own.items():
        call = functools.partial(of_pytorch_optimizer, name)
        yield Rival("pytorch_optimizer", name, arguments, call, takes_rate=False)


def of_pytorch_warmup(name, arguments, lr):
    import torch

    given = dict(arguments)
    betas = 0.9, given.pop("beta2", 0.999)
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=lr, betas=betas)
    warmup = getattr(importlib.import_module("pytorch_warmup"), name)(optimizer, **given)
    found = []
    for _ in range(UPDATES):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        with warmup.dampening():
            pass
    return found


def pytorch_warmup_rivals():
    tuned = {"warmup_period": counts}
    untuned = {"beta2": st.sampled_from([0.61, 0.7, 0.9, 0.95, 0.98, 0.99, 0.999]) | st.floats(0.65, 0.9999)}
    names = ("LinearWarmup", "ExponentialWarmup", "UntunedLinearWarmup", "UntunedExponentialWarmup", "RAdamWarmup")
    for number, name in enumerate(names):
        call = functools.partial(of_pytorch_warmup, name)
        yield Rival("pytorch_warmup", name, tuned if number < 2 else untuned, call, package="pytorch-warmup")


FVCORE = {
    "ConstantParamScheduler": {"value": rates},
    "CosineParamScheduler": {"start_value": rates, "end_value": rates},
    "ExponentialParamScheduler": {"start_value": rates, "decay": factors},
    "LinearParamScheduler": {"start_value": rates, "end_value": rates},
    "PolynomialDecayParamScheduler": {"base_value": rates, "power": st.floats(0.2, 4.0)},
    "StepParamScheduler": {"num_updates": st.just(UPDATES), "values": st.lists(rates, min_size=1, max_size=6)},
    "StepWithFixedGammaParamScheduler": {
        "base_value": rates,
        "num_decays": st.integers(1, 6),
        "gamma": factors,
        "num_updates": st.just(UPDATES),
    },
}


def of_fvcore(name, arguments, _):
    schedule = getattr(importlib.import_module("fvcore.common.param_scheduler"), name)(**arguments)
    return [float(schedule(update / UPDATES)) for update in range(UPDATES)]


def fvcore_rivals():
    for name, arguments in FVCORE.items():
        given = {**arguments, "total_steps": st.just(UPDATES)}
        call = functools.partial(_without, "total_steps", functools.partial(of_fvcore, name))
        yield Rival("fvcore", name, given, call, takes_rate=False)
    make = functools.partial(Rival, "fvcore", takes_rate=False)
    for name, drawn in (("MultiStepParamScheduler", fvcore_steps()), ("CompositeParamScheduler", fvcore_composites())):
        theirs, ours = (
            functools.partial(fvcore_built, name, module) for module in ("fvcore.common.param_scheduler", "")
        )
        yield make(name, {"built": drawn}, theirs, ours=ours)


@st.composite
def fvcore_steps(draw):
    values, updates = draw(st.lists(rates, min_size=1, max_size=5)), draw(st.none() | st.integers(1, 200))
    count = len(values) - (updates is not None)
    milestones = st.lists(st.integers(1, 100), min_size=count, max_size=count).map(sorted)
    return {"values": values, "num_updates": updates, "milestones": draw(st.none() | milestones)}


@st.composite
def fvcore_composites(draw):
    parts, ends = draw(in_parts(FVCORE, 100))
    lengths = [(end - begin) / 100 for begin, end in itertools.pairwise((0, *ends, 100))]
    scaling = st.sampled_from(["rescaled", "fixed"])
    return {"schedulers": parts, "lengths": lengths, "interval_scaling": [draw(scaling) for _ in parts]}


def fvcore_built(name, module, arguments, _):
    """The values of fvcore's own scheduler, or without a module ours."""
    home = importlib.import_module(module) if module else peers.fvcore
    whole, part = ({}, {}) if module else ({"total_steps": UPDATES}, {"total_steps": 1})
    given = dict(arguments["built"])
    if "schedulers" in given:
        given["schedulers"] = [getattr(home, inner)(**values, **part) for inner, values in given["schedulers"]]
    schedule = getattr(home, name)(**given, **whole)
    return [float(schedule(update / UPDATES)) for update in range(UPDATES)] if module else schedule


def _without(left_out, call, arguments, lr):
    return call({name: value for name, value in arguments.items() if name != left_out}, lr)


LRSCHED = {
    "step_decay": {"base_lr": rates, "drop": factors, "step_size": counts},
    "multi_step": {"base_lr": rates, "milestones": rising, "gamma": gammas},
    "exponential": {"base_lr": rates, "gamma": gammas},
    "polynomial": {"base_lr": rates, "end_lr": floors, "total_steps": counts, "power": st.floats(0.2, 4.0)},
    "linear": {"base_lr": rates, "end_lr": floors, "total_steps": counts},
    "cosine": {"base_lr": rates, "min_lr": floors, "total_steps": counts},
    "cosine_restarts": {"base_lr": rates, "min_lr": floors, "period": counts, "t_mult": st.integers(1, 3)},
    "inverse_sqrt": {"base_lr": rates, "warmup_steps": counts},
    "constant": {"lr": rates},
    "exponential_decay": {"base_lr": rates, "decay_rate": factors, "decay_steps": counts},
    "polynomial_decay": {"start_lr": rates, "end_lr": floors, "total_steps": counts, "power": st.floats(0.2, 4.0)},
    "one_cycle": {
        "max_lr": rates,
        "total_steps": counts,
        "pct_start": shares,
        "initial_div": st.floats(0.5, 30.0),
        "final_div": st.floats(0.5, 1e4),
    },
    "warmup_stable_decay": {
        "base_lr": rates,
        "warmup_steps": lengths,
        "decay_steps": lengths,
        "total_steps": counts,
        "final_lr": floors,
        "warmup_start": floors,
        "decay_shape": st.sampled_from(["linear", "1-sqrt"]),
    },
    "triangular": {"min_lr": rates, "max_lr": rates, "step_size": counts},
    "triangular2": {"min_lr": rates, "max_lr": rates, "step_size": counts},
    "exp_range": {"min_lr": rates, "max_lr": rates, "step_size": counts, "gamma": gammas},
}


def of_lrsched(name, arguments, _):
    schedule = getattr(importlib.import_module("lrsched"), name)(**arguments)
    return [float(schedule(step)) for step in range(UPDATES)]


def lrsched_rivals():
    for name, arguments in LRSCHED.items():
        yield Rival("lrsched", name, arguments, functools.partial(of_lrsched, name), takes_rate=False)
    drawn = {
        "with_warmup": st.tuples(named(LRSCHED), counts, rates),
        "sequential": st.lists(st.tuples(counts, named(LRSCHED)), min_size=1, max_size=3),
    }
    for name, parts in drawn.items():
        theirs, ours = (functools.partial(lrsched_built, name, module) for module in ("lrsched", ""))
        yield Rival("lrsched", name, {"parts": parts}, theirs, takes_rate=False, ours=ours)


def lrsched_built(name, module, arguments, _):
    """The values of lrsched's own schedule, or without a module ours."""
    home = importlib.import_module(module) if module else peers.lrsched

    def built(part):
        return getattr(home, part[0])(**part[1])

    parts = arguments["parts"]
    if name == "with_warmup":
        schedule = home.with_warmup(built(parts[0]), warmup_steps=parts[1], start_lr=parts[2])
    else:
        schedule = home.sequential([(duration, built(part)) for duration, part in parts])
    return [float(schedule(step)) for step in range(UPDATES)] if module else schedule


KERAS = {
    "ExponentialDecay": {
        "initial_learning_rate": rates,
        "decay_steps": counts,
        "decay_rate": st.sampled_from([0.5, 0.9, 1.1]),
        "staircase": flags,
    },
    "PiecewiseConstantDecay": {"boundaries": rising, "values": st.lists(rates, min_size=5, max_size=5)},
    "PolynomialDecay": {
        "initial_learning_rate": rates,
        "decay_steps": counts,
        "end_learning_rate": floors,
        "power": st.floats(0.5, 3.0),
        "cycle": flags,
    },
    "InverseTimeDecay": {
        "initial_learning_rate": rates,
        "decay_steps": counts,
        "decay_rate": st.floats(0.1, 3.0),
        "staircase": flags,
    },
    "CosineDecay": {
        "initial_learning_rate": rates,
        "decay_steps": counts,
        "alpha": shares,
        "warmup_target": st.none() | rates,
        "warmup_steps": st.integers(1, 20),
    },
    "CosineDecayRestarts": {
        "initial_learning_rate": rates,
        "first_decay_steps": counts,
        "t_mul": st.sampled_from([1.0, 2.0]),
        "m_mul": st.sampled_from([0.5, 1.0]),
        "alpha": shares,
    },
}


def of_keras(name, arguments, _):
    schedules = importlib.import_module("keras").optimizers.schedules
    if name == "PiecewiseConstantDecay":
        arguments = {**arguments, "values": arguments["values"][: len(arguments["boundaries"]) + 1]}
    schedule = getattr(schedules, name)(**arguments)
    return [float(schedule(step)) for step in range(UPDATES)]


def keras_rivals():
    for name, arguments in KERAS.items():  # Keras computes in single precision
        if name == "PiecewiseConstantDecay":
            boundaries = st.lists(st.integers(1, 60), min_size=4, max_size=4, unique=True).map(sorted)
            arguments = {**arguments, "boundaries": boundaries}
        yield Rival("keras", name, arguments, functools.partial(of_keras, name), takes_rate=False, bound=1e-5)


def of_deepspeed(name, arguments, lr):
    """By the formulas of its source: DeepSpeed itself wants to compile when it is installed."""
    if name in DEEPSPEED_CYCLES:
        return [DEEPSPEED_CYCLES[name](arguments, batch) for batch in range(UPDATES)]
    warmup, total = max(2, arguments["warmup_num_steps"]), arguments.get("total_num_steps", 0)

    def share(iteration):
        if iteration < warmup:
            is_log = arguments["warmup_type"] == "log"
            return math.log(iteration + 1) / math.log(warmup) if is_log else iteration / warmup
        if name == "WarmupLR":
            return 1.0
        if name == "WarmupCosineLR":
            return (1 + math.cos(math.pi * min(1.0, (iteration - warmup + 1) / max(1, total - warmup)))) / 2
        return max(0.0, (total - iteration) / max(1.0, total - warmup))

    if name == "WarmupCosineLR":
        lows = arguments["warmup_min_ratio"], arguments["cos_min_ratio"]
        floors = [lows[iteration >= warmup] for iteration in range(UPDATES - 1)]
        return [0.0, *(lr * (low + (1 - low) * share(iteration)) for iteration, low in enumerate(floors))]
    low, high = arguments["warmup_min_lr"], arguments["warmup_max_lr"]
    return [low, *(low + (high - low) * share(iteration) for iteration in range(UPDATES - 1))]


def deepspeed_range_test(arguments, batch):
    interval = batch / arguments["lr_range_test_step_size"]
    interval = math.floor(interval) if arguments["lr_range_test_staircase"] else interval
    return arguments["lr_range_test_min_lr"] * (1 + arguments["lr_range_test_step_rate"] * interval)


def deepspeed_height(arguments, batch):
    """How high a cycle is, or by how many intervals its decay has gone on."""
    first, down = arguments["cycle_first_step_size"], arguments["cycle_second_step_size"]
    second = first if down is None else down
    if batch > first + second:
        size = arguments["decay_step_size"]
        return 0.0, (batch - first - second) / size if size else 0.0
    count = arguments["cycle_first_stair_count"]
    if batch <= first:
        height = batch / first
    else:
        height = (first + second - batch) / second
        count = count if arguments["cycle_second_stair_count"] is None else arguments["cycle_second_stair_count"]
    return math.floor(height * count + 1e-9) / count if count else height, 0.0


def deepspeed_one_cycle(arguments, batch):
    low, high = arguments["cycle_min_lr"], arguments["cycle_max_lr"]
    height, decayed = deepspeed_height(arguments, batch)
    return (low + (high - low) * height) / (1 + arguments["decay_lr_rate"] * decayed)


def deepspeed_momentum(arguments, batch):
    low, high = arguments["cycle_min_mom"], arguments["cycle_max_mom"]
    height, decayed = deepspeed_height(arguments, batch)
    return (high - (high - low) * height) * (1 + arguments["decay_mom_rate"] * decayed) if batch else low


DEEPSPEED_CYCLES = {
    "LRRangeTest": deepspeed_range_test,
    "OneCycle": deepspeed_one_cycle,
    "OneCycleMomentum": deepspeed_momentum,
}


def deepspeed_rivals():
    kind = {"warmup_num_steps": counts, "warmup_type": st.sampled_from(["log", "linear"])}
    rise = {"warmup_min_lr": floors, "warmup_max_lr": rates, **kind}
    total = {"total_num_steps": st.integers(1, 70)}
    cycle = {
        "cycle_first_step_size": counts,
        "cycle_second_step_size": st.none() | counts,
        "cycle_first_stair_count": st.integers(0, 5),
        "cycle_second_stair_count": st.none() | st.integers(0, 5),
        "decay_step_size": st.integers(0, 20),
    }
    drawn = {
        "WarmupLR": rise,
        "WarmupDecayLR": {**total, **rise},
        "WarmupCosineLR": {**total, **kind, "warmup_min_ratio": shares, "cos_min_ratio": shares},
        "LRRangeTest": {
            "lr_range_test_min_lr": rates,
            "lr_range_test_step_size": counts,
            "lr_range_test_step_rate": st.floats(0.0, 3.0),
            "lr_range_test_staircase": flags,
        },
        "OneCycle": {**cycle, "cycle_min_lr": rates, "cycle_max_lr": rates, "decay_lr_rate": st.floats(0.0, 2.0)},
        "OneCycleMomentum": {
            **cycle,
            "cycle_min_mom": shares,
            "cycle_max_mom": st.floats(0.0, 1.5),
            "decay_mom_rate": st.floats(0.0, 2.0),
        },
    }
    make = functools.partial(Rival, "deepspeed", package="numpy")
    for name, arguments in drawn.items():
        yield make(name, arguments, functools.partial(of_deepspeed, name), takes_rate=name == "WarmupCosineLR")


def rivals():
    """Those whose package is installed."""
    makers = (
        torch_rivals,
        composition_rivals,
        optax_rivals,
        transformers_rivals,
        diffusers_rivals,
        timm_rivals,
        ignite_rivals,
        mmengine_rivals,
        pytorch_optimizer_rivals,
        pytorch_warmup_rivals,
        fvcore_rivals,
        lrsched_rivals,
        keras_rivals,
        deepspeed_rivals,
    )
    for rival in itertools.chain.from_iterable(make() for make in makers):
        with contextlib.suppress(metadata.PackageNotFoundError):
            metadata.version(rival.package or rival.system)
            yield rival


def compare(rival, arguments, lr):
    """``"agree"``, ``"deviate"``, or who alone refuses the arguments; and what was said, or how far they are apart."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, refused_there = _attempt(lambda: rival.rates(dict(arguments), lr))
    rate = {"base_lr": lr} if rival.takes_rate else {}

    def ours():
        if rival.ours is not None:
            schedule = rival.ours(arguments, lr)
        else:
            schedule = getattr(getattr(peers, rival.system), rival.name)(**arguments, **rate)
        return [schedule(update) for update in range(1, len(theirs or range(UPDATES)) + 1)]

    found, refused_here = _attempt(ours)
    if theirs is None or found is None:
        outcome = "agree" if theirs is found else "refused only here" if found is None else "refused only there"
        return outcome, refused_here or refused_there
    apart = max(abs(a - b) for a, b in zip(found, theirs, strict=True))
    peak = max(map(abs, theirs))
    return ("agree" if apart <= rival.bound * max(peak, 1e-300) else "deviate"), f"{apart:.1e} of {peak:.1e}"


def _attempt(call):
    try:
        return call(), ""
    except (ArithmeticError, ValueError, TypeError, AssertionError, IndexError) as error:
        return None, f"{type(error).__name__}: {error}"


def outcomes(rival, draws):
    """How often each outcome came, with one example of each that is no agreement."""
    counted, examples = collections.Counter(), {}

    @settings(
        max_examples=draws,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.fixed_dictionaries(rival.arguments), rates)
    def draw(arguments, lr):
        outcome, words = compare(rival, arguments, lr)
        counted[outcome] += 1
        if outcome != "agree":
            examples.setdefault(outcome, (arguments, lr, words))

    draw()
    return counted, examples


def main():
    """Print the table of docs/internals/parity.md, and an example of whatever does not agree."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=200, help="of each schedule (default: %(default)s)")
    parser.add_argument("--system", help="only this one")
    options = parser.parse_args()
    kinds = ("agree", "deviate", "refused only here", "refused only there")
    table, said = {}, []
    for rival in rivals():
        if options.system not in (None, rival.system):
            continue
        counted, examples = outcomes(rival, options.draws)
        name = f"{rival.system} {rival.name}" if rival.name == "compositions" else rival.system
        row = table.setdefault(name, [0, collections.Counter()])
        row[0] += 1
        row[1] += counted
        said += [f"{rival.system}.{rival.name}: {outcome}: {example}" for outcome, example in examples.items()]
    print(f"| system | schedules | cases | {' | '.join(kinds)} |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for system, (schedules, counted) in table.items():
        cells = " | ".join(f"{counted[kind]:,}" for kind in kinds)
        print(f"| {system} | {schedules} | {counted.total():,} | {cells} |")
    print("\n" + "\n".join(said))


if __name__ == "__main__":
    main()
