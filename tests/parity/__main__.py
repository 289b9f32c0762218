"""Print docs/internals/parity.md's tables: ``python -m tests.parity``.

Which versions were recorded, and how far each schedule of each system is from its recordings.
"""

import json
from collections import defaultdict

from optimsche import lr_fns
from tests.parity.replay import build, replay
from tests.parity.test_curves import CASES, FILES, deviation


def main():
    """The tables, and what they took."""
    print("| system | version that was recorded |\n| --- | --- |")
    for read in (json.loads(file.read_text()) for file in FILES):
        print(f"| {read['system']} | {read['version']} |")
    worst, counts, used = defaultdict(float), defaultdict(int), set()
    for system, case in CASES:
        key = system, case["schedule"]
        worst[key] = max(worst[key], deviation(replay(system, case), case["values"]))
        counts[key] += 1
        used |= _names(build(system, case))
    print("\n| system | schedule | cases | largest deviation, as a part of the peak |\n| --- | --- | ---: | ---: |")
    for (system, schedule), largest in worst.items():
        print(f"| {system} | {schedule} | {counts[system, schedule]} | {largest:.1e} |")
    shapes = sorted(used & set(lr_fns.__all__))
    combinators = sorted(used - set(shapes))
    print(
        f"\n{sum(counts.values())} cases of {len(worst)} schedules in {len({system for system, _ in worst})} systems;",
        end=" ",
    )
    print(f"largest deviation {max(worst.values()):.1e}.\n")
    print(f"It took {len(shapes)} shapes ({', '.join(shapes)})")
    print(f"and {len(combinators)} combinators ({', '.join(combinators)}).")


def _names(schedule):
    return {schedule.lr_fn.name}.union(*map(_names, schedule.inner))


if __name__ == "__main__":
    main()
