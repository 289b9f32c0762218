"""Mutation testing of the core: ``python -m tests.mutation``, or of parts of it: ``python -m tests.mutation ops text``.

The code is changed in one place at a time, in a copy of the working tree, and the tests that run this place judge the
mutant. What no test notices is printed as a difference; docs/internals/mutation.md names those that change no result.
"""

import argparse
import compileall
import difflib
import importlib
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

from tests.mutation import covering, judging
from tests.mutation.mutants import modules, mutants_of

ROOT = Path(__file__).parent.parent.parent
_LEFT_BEHIND = shutil.ignore_patterns(".git", ".hypothesis", "*.egg-info", ".*_cache")
_PACKAGES = ("numpy", "torch", "jax", "hypothesis.strategies", "pytest", "torch.distributed", "torch._dynamo")
_FIRST = 100  # tests that are run before the others: they kill most mutants
_BUDGET = 40.0  # seconds of tests, as measured, for one mutant


def main():
    """Mutate what was asked for, and print what survived."""
    reader = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    reader.add_argument("parts", nargs="*", help="names of files or folders of the core, without .py; default: all")
    reader.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes that judge; default: one a core")
    reader.add_argument("--most", type=int, metavar="N", help="judge no more than N, drawn at random")
    reader.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="of results, to go on from: the killed stay so, and covering.json"
    )
    reader.add_argument("--by", nargs="+", metavar="TESTS", help="tests that judge what survived, alone: new ones")
    arguments = reader.parse_args()
    os.environ.update(HYPOTHESIS_PROFILE="mutation", OMP_NUM_THREADS="1")
    sources = {module: (ROOT / module).read_text(encoding="utf-8") for module in modules(ROOT, arguments.parts)}
    mutants = [mutant for module, source in sources.items() for mutant in mutants_of(module, source)]
    random.Random(0).shuffle(mutants)
    mutants = mutants[: arguments.most]
    with tempfile.TemporaryDirectory() as folder:
        kept = (arguments.keep or Path(folder)).resolve()
        kept.mkdir(exist_ok=True)
        results = kept / "results.jsonl"
        known = _read(results)
        outcomes = {mutant: known.get(mutant.key(sources[mutant.module])) for mutant in mutants}
        again = arguments.by and known  # what nobody has judged yet is not judged by a few tests alone
        left = [one for one, outcome in outcomes.items() if outcome != "killed" and (outcome or not again)]
        if left:
            _judge_all(left, sources, kept, Path(folder), arguments.jobs, arguments.by)
        return _report(mutants, sources, _read(results))


def _judge_all(mutants, sources, kept, folder, jobs, by):
    """Judge mutants in several processes, each with a copy of the tree; results are lines of a file."""
    for name in _PACKAGES:
        with suppress(ImportError):
            importlib.import_module(name)
    copies = [folder / f"copy-{job}" for job in range(jobs)]
    for copy in copies:
        shutil.copytree(ROOT, copy, ignore=_LEFT_BEHIND)
        compileall.compile_dir(copy, quiet=1)  # every mutant imports it anew
    chosen = (lambda mutant: by) if by else _by_coverage(copies[0], sorted(sources), kept / "covering.json")
    children = []
    for job, copy in enumerate(copies):
        child = os.fork()
        if not child:
            status = 1
            try:
                own = mutants[job::jobs]
                for mutant in own[:3]:
                    if _outcome(copy, mutant, sources[mutant.module], chosen(mutant)[:_FIRST]) == "killed":
                        raise SystemExit(f"tests fail without a change, those that judge {mutant}")
                for mutant in own:
                    text = mutant.code(sources[mutant.module])
                    outcome = _outcome(copy, mutant, text, chosen(mutant))
                    line = json.dumps({"key": mutant.key(sources[mutant.module]), "outcome": outcome})
                    with (kept / "results.jsonl").open("a", encoding="utf-8") as file:
                        file.write(line + "\n")
                status = 0
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
            finally:
                os._exit(status)
        children.append(child)
    statuses = [os.waitpid(child, 0)[1] for child in children]  # all of them, before one is asked
    if any(statuses):
        raise SystemExit("not all mutants were judged")


def _by_coverage(copy, modules, found):
    """Gives the tests that judge a mutant: those that run its lines, as they were when they were measured last."""

    def measure():
        judging.begin(copy)
        found.write_text(json.dumps(covering.measured(copy, modules)))
        return 0

    if not found.exists() and judging.in_a_child(measure, 3600) != 0:
        raise SystemExit("tests fail before anything is changed")
    by_line, seconds = json.loads(found.read_text())
    by_line = {file: {int(line): tests for line, tests in lines.items()} for file, lines in by_line.items()}
    return lambda mutant: covering.chosen(mutant, by_line, seconds, _BUDGET)


def _outcome(copy, mutant, text, tests):
    """Whether a mutant is killed, survives, or is run by no test."""
    log = copy.parent / f"{copy.name}.log"
    several = [covering.OF_SEVERAL] if mutant.module in covering.SEVERAL else []

    def work(some):
        with log.open("a") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        judging.begin(copy)
        return judging.judge(some)

    stages = [some for some in (tests[:_FIRST], tests[_FIRST:], several) if some]
    if not stages:
        return "not run"
    with judging.changed(copy / mutant.module, text):
        for some in stages:
            status = judging.in_a_child(lambda some=some: work(some), 5 * _BUDGET)
            if status == judging.FAILED:
                raise SystemExit(f"no test could be run; see {log}")
            if status not in (0, judging.NO_TESTS):
                return "killed"
    return "survived"


def _read(results):
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    return {one["key"]: one["outcome"] for one in map(json.loads, lines)}


def _report(mutants, sources, outcomes):
    tried, killed = Counter(), Counter()
    for mutant in sorted(mutants):
        source = sources[mutant.module]
        outcome = outcomes.get(mutant.key(source))
        if outcome is None:
            continue
        tried[mutant.module] += 1
        killed[mutant.module] += outcome == "killed"
        if outcome != "killed":
            changes = difflib.unified_diff(
                source.splitlines(), mutant.code(source).splitlines(), mutant.module, outcome, n=1, lineterm=""
            )
            print("\n".join(changes), end="\n\n")
    for module in tried:
        print(f"{module:44} {killed[module]:5} of {tried[module]:5} killed")
    total, dead = tried.total(), killed.total()
    print(f"{'all':44} {dead:5} of {total:5} killed, {dead / max(total, 1):.1%}")
    return 0 if total else 1


if __name__ == "__main__":
    sys.exit(main())
