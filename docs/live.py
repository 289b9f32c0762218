"""Write the live curves of the docs, ``docs/live.html``: ``python docs/live.py``.

The page is a fragment: it stands in any page beside ``live.js``. Each plan in it is JavaScript that
`optimsche.source.parameters` makes of the plan itself.
"""

import json
from pathlib import Path

from optimsche import (
    cosine,
    cosine_restarts,
    exponential,
    inverse_sqrt,
    linear,
    noam,
    one_cycle,
    polynomial,
    step_decay,
    tanh,
    warmup_cosine,
    warmup_linear,
    wsd,
)
from optimsche.source.parameters import Range, code_with_parameters

PAGE = Path(__file__).parent / "live.html"

PEAK, END = Range(1e-5, 1e-3, 3e-4), Range(0.0, 1e-4, 0.0)
STEPS, WARMUP, TOTAL = (
    Range(100, 20_000, 9_000, True),
    Range(1, 5_000, 1_000, True),
    Range(10_100, 50_000, 20_000, True),
)
SEGMENT = {"start": PEAK, "end": END, "steps": STEPS}
RUN = {"peak": PEAK, "warmup_steps": WARMUP, "total_steps": TOTAL}

#: Each plan with its parameters, and how far it is drawn: a parameter, or a number of updates.
PLANS = {
    warmup_cosine: ({**RUN, "floor": END}, "total_steps"),
    warmup_linear: ({**RUN, "floor": END}, "total_steps"),
    wsd: ({**RUN, "decay_steps": Range(1, 5_000, 4_000, True)}, "total_steps"),
    one_cycle: ({"peak": PEAK, "total_steps": TOTAL}, "total_steps"),
    noam: ({"peak": PEAK, "warmup_steps": WARMUP}, 20_000),
    cosine_restarts: ({"peak": PEAK, "cycle_steps": Range(1_000, 10_000, 5_000, True)}, 30_000),
    linear: (SEGMENT, "steps"),
    cosine: (SEGMENT, "steps"),
    polynomial: ({**SEGMENT, "power": Range(0.25, 4.0, 2.0)}, "steps"),
    tanh: (SEGMENT, "steps"),
    exponential: ({"start": PEAK, "factor": Range(0.1, 0.99, 0.5), "every": STEPS}, 20_000),
    step_decay: ({"start": PEAK, "factor": Range(0.1, 0.99, 0.5), "every": STEPS}, 20_000),
    inverse_sqrt: ({"start": PEAK, "timescale": STEPS}, 20_000),
}


def plan_in_javascript(build, ranges, last):
    """What `live.js` needs to know of one plan, as JavaScript."""
    parameters = [{"name": name, **given._asdict()} for name, given in ranges.items()]
    names = [*ranges]
    drawn = f"(...values) => values[{names.index(last)}]" if last in ranges else f"() => {last}"
    rate = code_with_parameters(build, ranges, name="rate").replace("\n", "\n    ")
    return (
        f"  {build.__name__}: {{\n    call: {json.dumps(build.__name__)},\n"
        f"    parameters: {json.dumps(parameters)},\n    last: {drawn},\n    rate: {rate},\n  }},\n"
    )


def page():
    """The fragment: a place for each plan, and their code."""
    places = "".join(
        f'<h3>{build.__name__}</h3>\n<div class="optimsche-live" data-plan="{build.__name__}"></div>\n'
        for build in PLANS
    )
    plans = "".join(plan_in_javascript(build, *rest) for build, rest in PLANS.items())
    return (
        "<!-- Written by docs/live.py. -->\n"
        f'{places}<script src="live.js"></script>\n<script>\noptimscheLive({{\n{plans}}});\n</script>\n'
    )


if __name__ == "__main__":
    PAGE.write_text(page())
