"""How well faults are found in injected runs, and plans in recorded curves: `python -m tests.runs`, about 10 minutes.

`python -m tests.runs --part 0.1` takes a tenth of it, `--seed 7` other runs.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices this small are slower on several threads

from optimsche import audit, fit  # after NumPy was told
from tests.runs import curves, injected


class Judged:
    """Counts of what `audit` made of some runs."""

    def __init__(self, runs):
        self.count, self.named, self.named_first, self.first, self.wrong, self.longest = len(runs), 0, 0, 0, 0, 0.0
        self.alone_and_wrong, self.clean, self.missed = 0, 0, Counter()
        for run in runs:
            begin = time.process_time()
            found = audit(run.plan, run.rates, run.steps, **run.settings)
            self.longest = max(self.longest, time.process_time() - begin)
            explained = [{cause.kind for cause in causes} for causes in found.explanations]
            is_named = set(run.kinds) in explained
            self.clean += found.clean
            self.named += is_named
            self.named_first += explained[:1] == [set(run.kinds)]
            self.first += found.first == run.first
            self.wrong += bool(explained) and not is_named
            self.alone_and_wrong += len(explained) == 1 and not is_named
            if not is_named:
                self.missed[" and ".join(run.kinds)] += 1


def share(part, whole):
    return f"{100 * part / max(whole, 1):.1f} %"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    def many(count):
        return max(round(count * options.part), 1)

    clean = Judged(injected.clean(many(200), options.seed))
    print(f"{clean.count} clean runs: {clean.count - clean.clean} alarms\n", flush=True)
    print(
        "| runs | cause named | named first | first update exact | named without it | alone without it | longest, CPU |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
    for name, runs in (
        ("one cause", injected.singles(many(500), options.seed)),
        ("two", injected.pairs(many(100), options.seed)),
    ):
        judged = Judged(runs)
        numbers = [share(part, judged.count) for part in (judged.named, judged.named_first, judged.first)]
        print(
            f"| {judged.count} with {name} | {' | '.join(numbers)} | {judged.wrong} | {judged.alone_and_wrong} "
            f"| {judged.longest:.1f} s |",
            flush=True,
        )
        if judged.missed:
            print(f"  missed: {dict(judged.missed)}", flush=True)

    count, found, longest, total = many(300), [0, 0], [], [0, 0]
    for number in range(count):
        record = curves.recorded(number, options.seed)
        begin = time.process_time()
        plan = fit(record.rates, record.steps).plan
        longest.append(time.process_time() - begin)
        total[number % 3 == 2] += 1
        found[number % 3 == 2] += curves.is_found(record, plan)
    print(
        f"\n{count} recorded curves: {share(sum(found), count)} found at every update; {found[0]} of {total[0]} "
        f"named plans, {found[1]} of {total[1]} compositions; {sorted(longest)[count // 2]:.2f} s of CPU as a rule, "
        f"{share(sum(one < 1 for one in longest), count)} under 1 s, the longest {max(longest):.1f} s"
    )


if __name__ == "__main__":
    main()
