"""timm: ``t`` counts finished epochs or updates; its value at 0 is the one that ``step(0)`` sets."""

from optimsche import peers


def build(case, **options):
    params = dict(case["params"])
    if case["schedule"] == "PlateauLRScheduler":
        params["metrics"] = params.get("metrics", [])
    if isinstance(params.get("noise_range_t"), int | float):
        options["noise_horizon"] = max(case["steps"][-1], 1) + 1
    return getattr(peers.timm, case["schedule"])(**params, base_lr=case["base_lr"], **options)


def values(case):
    schedule, stepped = build(case), build(case, step_first="initial" in case)
    return [(schedule if step else stepped)(step + 1) for step in case["steps"]]
