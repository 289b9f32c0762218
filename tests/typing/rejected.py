"""What type checkers must reject: every marked line is an error, and no other. Checked, never run."""

from optimsche import Rate, Schedule, Steps, cosine, lr_fn, milestones, parse, then, warmup, warmup_cosine
from optimsche.testing import check_laws, check_plan, check_scheduler, schedules


@lr_fn
def sawtooth(real_step: float, epoch: float, *, peak: Rate, every: Steps = 100) -> float:
    return peak * (1 - (real_step % every) / every)


cosine(start=1e-3, step=9)  # error: no such parameter
cosine(start=1e-3)  # error: steps is missing
cosine(1e-3, steps=9)  # error: parameters go by name
cosine(start="1e-3", steps=9)  # error: text is no number
cosine(steps=None)  # error: a length is a number
sawtooth(peek=0.1)  # error: no such parameter
sawtooth(every=3)  # error: peak is missing
warmup(0.1, 3)  # error: a number is no schedule
cosine(steps=9).warmup(step=3)  # error: no such parameter
then(cosine(steps=9), 0.1)  # error: a number is no schedule
cosine(steps=9) >> 0.1  # error: a number is no schedule
cosine(steps=9) + "0.1"  # error: text is no number
warmup_cosine(peak=0.1, warmup=2, total_steps=9)  # error: no such parameter
wrong: int = cosine(steps=9)(3)  # error: a rate is a float
schedule: Schedule = cosine  # error: the constructor is not the schedule
cosine(steps=9).staircase(3, closed="up")  # error: an edge is "left" or "right"
cosine(steps=9).repeat(times=1.5)  # error: cycles are counted
milestones(at=(30, "60"))  # error: text is no number
milestones(at=30)  # error: a row of updates
parse(9)  # error: text is read
cosine(steps=9)("3")  # error: a clock is a number
check_laws(9)  # error: nothing that gives schedules
schedules([9])  # error: nothing that gives schedules
check_plan(warmup_cosine, peak=0.1)  # error: the constructor is not the schedule
check_plan(cosine(steps=9), peek=0.1)  # error: no such belief
check_scheduler(lambda optimizer: optimizer, also=3)  # error: names of laws
