"""Print the table of docs/schedulers.md: ``python -m tests.schedulers``; it takes the systems that are installed."""

import argparse
import contextlib
import io
import time

from optimsche.testing import check_scheduler
from optimsche.testing.schedulers import check
from optimsche.testing.schedulers.laws import ASKED_FOR, BY_DEFAULT
from tests.schedulers import right
from tests.schedulers.systems import systems, version_of


def broken_laws(make):
    """Each law that a scheduler breaks, with the counter-example, and the number of laws that it was asked."""
    found, asked = {}, 0
    for law in (*BY_DEFAULT, *ASKED_FOR):
        others = [other for other in BY_DEFAULT if other != law]
        try:
            asked += len(check_scheduler(make, also=[law] if law in ASKED_FOR else [], without=others))
        except AssertionError as error:
            asked, found[law] = asked + 1, str(error)
    return found, asked


def search_for_false_alarms(examples):
    """Ask every law of the schedulers with which nothing is wrong, and count the programs."""
    number, broken = 0, check._broken

    def counting(*arguments):
        nonlocal number
        number += 1
        return broken(*arguments)

    check._broken = counting
    for make in (right.Right, right.ByNumber, right.Plateau):
        check_scheduler(make, also=list(ASKED_FOR), examples=examples)
    check_scheduler(right.ChainedForm, examples=examples)
    print(f"{number:,} programs, and none that breaks a law")


def main():
    """The table, the counter-examples to the laws that are asked by default, and the time of one check."""
    parser = argparse.ArgumentParser(prog="python -m tests.schedulers", description=__doc__)
    parser.add_argument("--system", help="only this one")
    parser.add_argument("--right", type=int, help="no table, but so many examples of each law on what is right")
    options = parser.parse_args()
    if options.right is not None:
        return search_for_false_alarms(options.right)
    only = options.system
    examples, times, number = [], [], 0
    print("| system | scheduler | laws | breaks, of those by default | breaks, of those in also= |")
    print("| --- | --- | ---: | --- | --- |")
    for system, schedulers in systems():
        if only not in (None, system):
            continue
        for name, make in schedulers.items():
            with contextlib.redirect_stdout(io.StringIO()):
                found, asked = broken_laws(make)
                began = time.process_time()
                with contextlib.suppress(AssertionError):
                    check_scheduler(make, without=[law for law in found if law in BY_DEFAULT])
                times.append(time.process_time() - began)
            by_default = [law for law in found if law in BY_DEFAULT]
            asked_for = ", ".join(law for law in found if law in ASKED_FOR)
            title = f"{system} {version_of(system)}"
            print(f"| {title} | {name} | {asked} | {', '.join(by_default)} | {asked_for} |", flush=True)
            examples += [f"{title}, {name}\n{found[law]}" for law in by_default]
            number += 1
    print(f"\n{number} schedulers; seconds of the processor for the laws by default, without those that it breaks:")
    print(f"{sorted(times)[len(times) // 2]:.2f} in the middle, {max(times):.2f} at most.\n\n" + "\n\n".join(examples))


if __name__ == "__main__":
    main()
