"""What people write who come from PyTorch, NumPy, optax, Keras or Transformers, and what it is called here.

One table for each place where a habit shows: the arguments of a call, the attributes of a schedule and of an
`OptimScheduler`, and operators. `call_errors` answers with them.
"""

from __future__ import annotations

_SAVED = "plot(...).figure.savefig('curve.png') saves the picture"

#: What to say of arguments by position that a function does not take.
BY_POSITION = {
    "plot": f". Several schedules are one list, plot([a, b]), and {_SAVED}",
    "replace": ", such as replace(steps=200)",
    "sequence": ". The schedules are one list: sequence([a, b, c])",
}

# ---------------------------------------------------------------------------------------------------------------------
# Arguments
# ---------------------------------------------------------------------------------------------------------------------

#: What other libraries call a parameter, and what it may be called here.
PARAMETERS: dict[str, tuple[str, ...]] = {
    "T_0": ("cycle_steps", "every"),
    "T_max": ("steps", "total_steps"),
    **dict.fromkeys(("T_mult", "t_mult", "cycle_mult"), ("stretch",)),
    **dict.fromkeys(("base_lr", "initial_learning_rate", "lr_init", "start_lr"), ("floor", "start")),
    **dict.fromkeys(("boundaries", "milestone", "milestones"), ("at",)),
    "cycle_decay": ("scale",),
    "cycle_length": ("cycle_steps", "every"),
    "cycle_limit": ("times",),
    "decay_rate": ("factor",),
    "decay_steps": ("steps", "total_steps"),
    **dict.fromkeys(("end_factor", "end_lr", "end_value", "final", "final_lr", "min_lr", "lr_end"), ("end", "floor")),
    **dict.fromkeys(("eta_min", "stop", "lr_min", "min_value"), ("end", "floor")),
    "epoch": ("epoch_num",),
    "exponent": ("power",),
    "factors": ("values",),
    "gamma": ("factor", "scale"),
    **dict.fromkeys(("init_value", "start_value"), ("start", "value")),
    **dict.fromkeys(("learning_rate", "lr"), ("peak", "start", "value")),
    "lrs": ("values",),
    "max": ("ceiling",),
    **dict.fromkeys(("max_lr", "peak_lr", "peak_value"), ("peak", "start")),
    "min": ("floor",),
    "momentum_schedule": ("schedules",),
    **dict.fromkeys(("num_cycles", "n_cycles"), ("times",)),
    **dict.fromkeys(("num_decay_steps", "cooldown_steps"), ("decay_steps", "steps")),
    **dict.fromkeys(("num_iter", "num_it"), ("updates",)),
    **dict.fromkeys(
        ("max_steps", "num_steps", "n_steps", "num_training_steps", "train_steps"), ("total_steps", "steps")
    ),
    **dict.fromkeys(("num_warmup_steps", "warmup", "warmup_iters", "warmup_updates"), ("warmup_steps", "steps")),
    "p": ("power",),
    "schedules_list": ("schedules",),
    "start_factor": ("start",),
    "step_size": ("every",),
    **dict.fromkeys(("threshold", "min_delta"), ("rtol",)),
    **dict.fromkeys(("total_iters", "transition_steps"), ("steps", "every")),
    "warmup_steps": ("steps",),
    **dict.fromkeys(("accumulate_grad_batches", "gradient_accumulation_steps", "accumulation_steps"), ("accum_grad",)),
    **dict.fromkeys(("max_grad_norm", "gradient_clip_val", "clip_grad_norm", "max_norm"), ("grad_clip",)),
    **dict.fromkeys(("amp", "autocast", "bf16", "fp16", "mixed_precision", "precision"), ("use_amp",)),
    **dict.fromkeys(("lr_schedule", "lr_scheduler", "scheduler"), ("schedule",)),
}

#: Parts of a run, which are numbers of updates here.
PARTS_OF_A_RUN = {
    **dict.fromkeys(("pct_start", "warmup_fraction", "warmup_ratio", "warmup_pct", "warmup_frac"), "warmup_steps"),
    **dict.fromkeys(("decay_fraction", "decay_ratio", "cooldown_fraction"), "decay_steps"),
}

_ON_THE_AXES = "set it on the axes that this returns"
_OF_THE_PLAN = "the plan says that: warmup_cosine(peak=..., warmup_steps=..., total_steps=...)"
_A_VALUE = "a schedule belongs to no optimizer: leave it out, and give both to OptimScheduler(optimizer, plan)"

#: What has no name of its own here, and so no parameter.
IN_WORDS: dict[str, str] = {
    "alpha": "that is the last rate as a part of the first: write end=alpha * start",
    "cycle": "for restarts write .repeat()",
    "div_factor": "write the first rate itself, start=peak / div_factor",
    "final_div_factor": "write the last rate itself, floor=start / final_div_factor",
    "init_value": "a warm-up begins at 0; for another rate write cosine(...).warmup(steps, start=...)",
    "label": "for labels, give a mapping: plot({'a': a, 'b': b})",
    "last_epoch": "a schedule keeps no counter: call it with the number of the update, also after a resume",
    "lr_lambda": "put @lr_fn above your function, or write its formula: expression(text='0.95 ** t')",
    "num_stable_steps": "the stable part is what the others leave of total_steps",
    "optimizer": _A_VALUE,
    "stable_steps": "the stable part is what the others leave of total_steps",
    "staircase": "for stairs write .staircase(every)",
    "verbose": "plan.table() and plan.plot() show the rates",
    "yscale": "log=True makes the vertical axis logarithmic",
    **dict.fromkeys(("learning_rate", "lr", "max_lr"), "the plan's value is the rate"),
    **dict.fromkeys(("num_training_steps", "num_warmup_steps", "total_steps", "warmup_steps"), _OF_THE_PLAN),
    **dict.fromkeys(("warmup_fraction", "warmup_ratio"), _OF_THE_PLAN),
    **dict.fromkeys(("color", "grid", "linewidth", "title", "xlabel", "ylabel"), _ON_THE_AXES),
    **dict.fromkeys(("dpi", "figsize", "fig", "figure"), "make the axes yourself, and give them as ax="),
    **dict.fromkeys(("file", "filename", "path", "save", "savefig"), _SAVED),
}

_AGAIN = "Only named plans take it: build the plan again, such as warmup_cosine({}=...)"

#: Words of named plans, which have become lengths and rates of pieces, and what to write to replace them.
OF_NAMED_PLANS: dict[str, str] = {
    **dict.fromkeys(("peak", "max_lr", "lr"), f"{_AGAIN.format('peak')}, or change its height: factor * plan"),
    **dict.fromkeys(("total_steps", "T_max"), _AGAIN.format("total_steps")),
    **dict.fromkeys(("floor", "min_lr", "eta_min"), _AGAIN.format("floor")),
    "warmup_steps": "The length of a warm-up is its steps: plan.replace(steps=...)",
}

_OF_CYCLES = "its length is that of its cycles, cycle_steps= and cycles=; to fit a run write .over(total_steps)"

_OF_NO_END = "it never ends; for an end write .cooldown(at=..., steps=...)"

#: The same of one function alone.
IN_WORDS_OF: dict[str, dict[str, str]] = {
    "cosine_restarts": dict.fromkeys(("num_training_steps", "total_steps"), _OF_CYCLES),
    "noam": dict.fromkeys(("num_training_steps", "total_steps"), _OF_NO_END),
    "triangular": dict.fromkeys(("num_training_steps", "total_steps"), _OF_CYCLES),
}

#: What other libraries call an entry of a parameter group that follows a schedule.
HYPERPARAMETERS = {
    **dict.fromkeys(("beta1", "adam_beta1", "b1"), "betas[0]"),
    **dict.fromkeys(("beta2", "adam_beta2", "b2"), "betas[1]"),
    **dict.fromkeys(("learning_rate", "rate"), "lr"),
    **dict.fromkeys(("wd", "decay"), "weight_decay"),
    **dict.fromkeys(("epsilon", "adam_epsilon"), "eps"),
    **dict.fromkeys(("clip", "max_grad_norm", "max_norm"), "grad_clip"),
}

# ---------------------------------------------------------------------------------------------------------------------
# Attributes
# ---------------------------------------------------------------------------------------------------------------------

_CALLED = "call it with the number of the update, from 1: plan(n)"
_STEPPED = "A trainer that steps takes ScheduleLR(optimizer, plan)"
_MANY = "call it with all the updates at once: plan(numpy.arange(1, n + 1))"
_KEEPS_NOTHING = "it keeps nothing that changes; after a resume call it with the right number, plan(n)"
_STORED = "store the plan as text, repr(plan), or as data, plan.to_dict()"

#: Attributes of a schedule that people expect, and what to write.
OF_A_SCHEDULE: dict[str, str] = {
    **dict.fromkeys(("step", "get_lr", "get_last_lr"), f"{_CALLED}. {_STEPPED}"),
    **dict.fromkeys(("lr", "rate", "value", "at", "eval", "evaluate"), _CALLED),
    **dict.fromkeys(("get_value", "learning_rate", "get_schedule", "fn", "schedule", "forward"), _CALLED),
    **dict.fromkeys(("last_epoch", "_step_count", "current_step", "global_step", "reset"), _KEEPS_NOTHING),
    **dict.fromkeys(("state_dict", "load_state_dict", "get_state", "set_state"), _KEEPS_NOTHING),
    **dict.fromkeys(("values", "rates", "lrs", "numpy", "sample", "curve", "linspace"), _MANY),
    **dict.fromkeys(("tolist", "to_list"), f"{_MANY}.tolist()"),
    **dict.fromkeys(("save", "dump", "to_json", "to_yaml", "serialize", "config", "get_config"), _STORED),
    "to_str": "repr(plan) is the plan as text",
    "from_dict": "write optimsche.from_dict(data)",
    "parse": "write optimsche.parse(text)",
    **dict.fromkeys(("show", "draw", "display", "visualize"), "plan.plot() draws the curve"),
    "savefig": "plan.plot().figure.savefig('curve.png') saves the picture",
    **dict.fromkeys(("print", "summary", "print_lr"), "plan.table() lists the rates"),
    **dict.fromkeys(("base_lrs", "base_lr", "optimizer"), "it belongs to no optimizer; its value is the rate, plan(n)"),
    **dict.fromkeys(("peak", "max_lr", "max", "peak_lr"), "the highest rate is max(row.rate for row in plan.table())"),
    **dict.fromkeys(("min", "min_lr", "eta_min"), "the lowest rate is min(row.rate for row in plan.table())"),
    **dict.fromkeys(("total_steps", "num_steps", "duration", "size", "T_max"), "its length is plan.length, in updates"),
    **dict.fromkeys(("milestones", "joints", "knots", "breakpoints"), "where its pieces meet is plan.boundaries()"),
    **dict.fromkeys(
        ("append", "chain", "join", "concat", "extend", "followed_by"), "write plan.then(other), or plan >> other"
    ),
    **dict.fromkeys(("clip", "clamp_", "clip_"), "write plan.clamp(floor=..., ceiling=...)"),
    **dict.fromkeys(("mul", "multiply", "times", "mul_"), "write plan.scale(factor), or factor * plan"),
    **dict.fromkeys(("div", "divide", "truediv"), "write plan / number"),
    **dict.fromkeys(("sub", "minus"), "write plan.subtract(other), or plan - other"),
    **dict.fromkeys(("plus", "sum"), "write plan.add(other), or plan + other"),
    **dict.fromkeys(("restart", "restarts", "cycle", "cyclic", "loop", "tile"), "write plan.repeat(times)"),
    **dict.fromkeys(("delay", "offset", "roll"), "write plan.shift(updates)"),
    **dict.fromkeys(("decay", "anneal"), "write plan.cooldown(at=..., steps=...)"),
    **dict.fromkeys(("resize", "fit", "rescale"), "write plan.over(updates)"),
    **dict.fromkeys(("copy", "clone"), "it never changes, so it needs no copy; plan.replace(...) makes another"),
    **dict.fromkeys(
        ("pow", "power", "square", "sqrt"), "multiply it: plan * plan; for a decay write polynomial(..., power=2)"
    ),
    **dict.fromkeys(("shape", "ndim", "dtype", "device"), ""),  # asked by libraries to find out what a value is
    "name": "its function's name is plan.lr_fn.name",
    "parameters": "its parameters are plan.arguments",
    "steps_per_epoch": "for lengths in epochs write plan.by_epoch()",
}

_THE_OPTIMIZERS = "the optimizer itself is optim.optimizer"
_THE_RATE = "the rate is result.lr of what step() returns, or optim.get_lr(); to set it, optim.schedule = plan"
_COUNTS_NOT = "nothing is counted here: the number comes from the loop, and result.real_step is that of the update"
_OF_THE_MODEL = "that is said to the model: model.{}()"

#: Attributes of an `OptimScheduler` that people expect, and what to write.
OF_AN_OPTIM_SCHEDULER: dict[str, str] = {
    "zero_grad": "leave it out: an update drops the gradients itself, and optim.discard() drops those of a window",
    **dict.fromkeys(("param_groups", "state", "defaults"), f"{_THE_OPTIMIZERS}: optim.optimizer.{{}}"),
    "add_param_group": f"{_THE_OPTIMIZERS}: optim.optimizer.add_param_group(...)",
    **dict.fromkeys(("get_last_lr", "lr", "lrs", "current_lr", "last_lr", "_last_lr", "learning_rate"), _THE_RATE),
    "print_lr": "print(result.lr), of what step() returns",
    **dict.fromkeys(("last_epoch", "global_step", "num_updates", "real_step", "step_num"), _COUNTS_NOT),
    **dict.fromkeys(("_step_count", "current_step", "steps", "iteration"), _COUNTS_NOT),
    **dict.fromkeys(("base_lrs", "max_lr", "initial_lr"), "the plan's value is the rate: optim.schedule"),
    **dict.fromkeys(("scheduler", "lr_scheduler", "plan", "lr_schedule"), "the plan is optim.schedule"),
    **dict.fromkeys(("schedulers", "plans"), "what follows a plan by name is optim.schedules"),
    **dict.fromkeys(("optimizers", "optims"), "several optimizers are optim.members, by name"),
    **dict.fromkeys(("unscale_", "scale", "scale_loss"), "step() scales and unscales the loss itself, with use_amp="),
    "autocast": "the forward pass goes in: with optim.micro_batch(n): ...",
    **dict.fromkeys(("clip_grad_norm_", "clip_gradients", "clip_grad_norm"), "step() clips itself, with grad_clip="),
    "clip_grad_value_": "step() clips itself, with grad_clip=clip_value(...)",
    "accumulate": "an update has accum_grad= micro-batches, each in: with optim.micro_batch(n): ...",
    "no_sync": "with optim.micro_batch(n): ... synchronises processes once per update",
    **dict.fromkeys(("train", "eval", "parameters", "named_parameters", "to"), _OF_THE_MODEL),
    "save": "torch.save(optim.state_dict(), path)",
    "load": "optim.load_state_dict(torch.load(path))",
    "minimize": "write optim.step(loss, step_num=n)",
    "plot": "draw the plan: optim.schedule.plot()",
    "grad_norm": "it is result.grad_norm, of what step() returns",
}

# ---------------------------------------------------------------------------------------------------------------------
# Operators of a schedule that are none
# ---------------------------------------------------------------------------------------------------------------------

_ORDERED = (
    "a schedule has no order. The smaller of two, update by update, is plan.minimum(0.1), the larger "
    "plan.maximum(0.1); values compare: plan(n) < 0.1"
)
_A_NUMBER = f"a schedule is a function of the update, and no number: {_CALLED}"
_POWER = "a schedule has no powers: multiply it, plan * plan; for a decay write polynomial(..., power=2)"
_NO_SIGN = "a rate is never negative, so a schedule has no sign; what it leaves of 1 is 1 - plan"
_WHOLE_PARTS = "a schedule has no remainder: for restarts write plan.repeat(every=n), for stairs plan.staircase(n)"
_JOINED = (
    "one schedule after the other is plan >> other, their sum plan + other, both update by update plan.minimum(other)"
)
DIVIDED = (
    "a schedule is divided by a number, plan / 2, and nothing by a schedule. A rate that falls like 1 / t is "
    "inverse_sqrt(...) or power_law(...)"
)

#: The methods behind operators and functions of Python's that a schedule does not have, and what to write.
OPERATORS: dict[str, str] = {
    **dict.fromkeys(("lt", "le", "gt", "ge"), _ORDERED),
    **dict.fromkeys(("pow", "rpow"), _POWER),
    **dict.fromkeys(("neg", "pos", "abs", "invert"), _NO_SIGN),
    **dict.fromkeys(("mod", "rmod", "floordiv", "rfloordiv", "divmod"), _WHOLE_PARTS),
    **dict.fromkeys(("matmul", "rmatmul", "and", "rand", "or", "ror", "xor", "rxor", "lshift", "rlshift"), _JOINED),
    "rtruediv": DIVIDED,
    **dict.fromkeys(("float", "int", "round", "trunc", "floor", "ceil"), _A_NUMBER),
    "getitem": "a schedule is called, and not indexed: plan(n), or plan(numpy.arange(1, n + 1)) for all up to update n",
    "len": f"a schedule has no len(): its length is plan.length, in updates. For a value {_CALLED}",
}

#: NumPy's functions on a schedule, and what to write; of any other the first sentence is said.
UFUNCS: dict[str, str] = {
    "": f"a schedule is no array: {_MANY}",
    "maximum": "the larger of two schedules, update by update, is plan.maximum(other)",
    "fmax": "the larger of two schedules, update by update, is plan.maximum(other)",
    "minimum": "the smaller of two schedules, update by update, is plan.minimum(other)",
    "fmin": "the smaller of two schedules, update by update, is plan.minimum(other)",
    **dict.fromkeys(("power", "square", "sqrt"), _POWER),
    **dict.fromkeys(("negative", "absolute", "sign"), _NO_SIGN),
    **dict.fromkeys(("less", "less_equal", "greater", "greater_equal"), _ORDERED),
    **dict.fromkeys(("remainder", "floor_divide", "divmod"), _WHOLE_PARTS),
}
