"""Mutation testing of the core: ``python -m tests.mutation``, or of parts of it: ``python -m tests.mutation ops text``.

Cosmic Ray changes the code in one place at a time, in a copy of the working tree, and asks ``judge.sh`` whether a test
notices. What no test notices is printed as a difference; docs/internals/mutation.md names those that change no result.
"""

import argparse
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from cosmic_ray.config import load_config

HERE = Path(__file__).parent
SETTINGS = HERE / "cosmic-ray.toml"
ROOT = HERE.parent.parent
LEFT_BEHIND = shutil.ignore_patterns(".git", ".hypothesis", "*.egg-info", ".*_cache")
RESULTS = """
    select mutation_specs.module_path, start_pos_row, operator_name, test_outcome, diff
    from work_results join mutation_specs using (job_id)
    where worker_outcome = 'NORMAL' order by module_path, start_pos_row
"""


def main():
    """Mutate what was asked for, and print what survived."""
    reader = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    reader.add_argument("parts", nargs="*", help="names of files or folders of the core, without .py; default: all")
    reader.add_argument(
        "--keep", type=Path, metavar="FILE", help="Cosmic Ray's results; if there, only what survived is judged again"
    )
    arguments = reader.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "optimsche"
        shutil.copytree(ROOT, copy, ignore=LEFT_BEHIND)
        results = _mutate(copy, _only(arguments.parts), arguments.keep or Path(folder) / "results.sqlite")
    return _report(results)


def _only(parts):
    """The settings, with the modules that are called so."""
    text = SETTINGS.read_text(encoding="utf-8")
    modules = load_config(str(SETTINGS))["module-path"]
    unknown = set(parts) - {Path(module).stem for module in modules}
    if unknown:
        names = ", ".join(Path(module).stem for module in modules)
        raise SystemExit(f"no part of the core is called {', '.join(sorted(unknown))}; there are {names}")
    for module in modules:
        if parts and Path(module).stem not in parts:
            text = text.replace(f'    "{module}",\n', "")
    return text


def _mutate(copy, settings, results):
    (copy / "mutation.toml").write_text(settings, encoding="utf-8")
    results = results.resolve()

    def run(*command):
        subprocess.run(command, cwd=copy, check=True)

    run("cosmic-ray", "baseline", "mutation.toml")  # the tests must pass before anything is changed
    if results.exists():
        with sqlite3.connect(results) as database:
            database.execute("delete from work_results where test_outcome = 'SURVIVED'")
    else:
        run("cosmic-ray", "init", "mutation.toml", results)
        run("cr-filter-operators", results, "mutation.toml")
    run("cosmic-ray", "exec", "mutation.toml", results)
    with sqlite3.connect(results) as database:
        return database.execute(RESULTS).fetchall()


def _report(results):
    tried, killed = Counter(), Counter()
    for module, _, _, outcome, difference in results:
        survived = outcome == "SURVIVED"
        tried[module] += 1
        killed[module] += not survived
        if survived:
            print(difference, end="\n\n")
    for module in tried:
        print(f"{module:36} {killed[module]:5} of {tried[module]:5} killed")
    total, dead = tried.total(), killed.total()
    print(f"{'all':36} {dead:5} of {total:5} killed, {dead / max(total, 1):.1%}")
    return 0 if total else 1


if __name__ == "__main__":
    sys.exit(main())
