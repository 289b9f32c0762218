"""Importing the library is quick and loads nothing that is not needed."""

import subprocess
import sys


def run(code):
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return ran.stdout.strip(), ran.stderr


def test_import_loads_no_array_library_and_no_plotting():
    code = (
        "import optimsche, sys\n"
        "plan = optimsche.cosine(steps=9).warmup(3)\n"
        "plan(5), repr(plan), optimsche.parse(repr(plan)), plan.to_dict()\n"
        "print([m for m in ('torch', 'jax', 'numpy', 'matplotlib', 'hypothesis') if m in sys.modules])"
    )
    assert run(code) == ("[]", "")


def test_drawing_a_curve_imports_neither_torch_nor_jax():
    code = (
        "import optimsche, sys\n"
        "optimsche.cosine(steps=9).plot(), optimsche.cosine(steps=9).table()\n"
        "print([m for m in ('torch', 'jax') if m in sys.modules])"
    )
    assert run(code)[0] == "[]"


def test_without_torch_the_training_step_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None\nimport optimsche\noptimsche.OptimScheduler"
    assert "ModuleNotFoundError: optimsche.OptimScheduler needs PyTorch: pip install 'optimsche[torch]'" in run(code)[1]


def test_help_works_without_torch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import inspect, optimsche\n"
        "print(len(inspect.getmembers(optimsche)) > 50)"
    )
    assert run(code) == ("True", "")


def test_every_public_name_exists():
    import optimsche

    for name in dir(optimsche):
        assert getattr(optimsche, name) is not None
    assert {"OptimScheduler", "cosine"} < set(dir(optimsche))


def test_importing_everything_does_not_need_torch():
    code = "import sys; sys.modules['torch'] = None\nfrom optimsche import *\nprint(cosine(steps=2)(1))"
    assert run(code) == ("0.5", "")
