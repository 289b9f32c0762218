"""Importing the library is quick and loads nothing that is not needed."""

import re
import subprocess
import sys

import pytest


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


def test_a_table_loads_no_plotting():
    code = (
        "import optimsche, sys\n"
        "optimsche.cosine(steps=9).table(), optimsche.plot, optimsche.curve\n"
        "print([m for m in ('matplotlib', 'ipywidgets', 'IPython') if m in sys.modules])"
    )
    assert run(code) == ("[]", "")


def test_without_torch_the_training_step_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None\nimport optimsche\noptimsche.OptimScheduler"
    assert "ModuleNotFoundError: optimsche.OptimScheduler needs PyTorch: pip install torch" in run(code)[1]


def test_without_torch_the_torch_scheduler_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None\nimport optimsche\noptimsche.ScheduleLR"
    assert "ModuleNotFoundError: optimsche.ScheduleLR needs PyTorch: pip install torch" in run(code)[1]


def test_without_keras_its_adapter_says_what_to_install():
    code = "import sys; sys.modules['keras'] = None\nimport optimsche as o\no.as_keras(o.linear(steps=9))"
    assert "ModuleNotFoundError: as_keras needs Keras: pip install keras" in run(code)[1]


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


def test_importing_everything_brings_the_training_step_where_it_can_run():
    pytest.importorskip("torch")
    assert run("from optimsche import *\nprint(OptimScheduler.__name__, Member.__name__)") == (
        "OptimScheduler Member",
        "",
    )


@pytest.mark.parametrize("part", ["curve", "json_schema", "peers", "testing", "text"])
def test_parts_are_there_without_an_import_of_their_own(part):
    code = f"import optimsche\nprint(optimsche.{part}.__name__, {part!r} in dir(optimsche))"
    assert run(code) == (f"optimsche.{part} True", "")


def test_a_part_that_needs_torch_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None\nimport optimsche\noptimsche.lr_finder"
    assert "optimsche.lr_finder needs PyTorch: pip install torch" in run(code)[1]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("from optimsche import CosineAnnealingLR", "write optimsche.peers.torch.CosineAnnealingLR"),
        ("from optimsche import OneCycleLR", "write optimsche.peers.torch.OneCycleLR"),
        (
            "from optimsche import get_cosine_schedule_with_warmup",
            "write optimsche.peers.transformers.get_cosine_schedule_with_warmup",
        ),
        ("from optimsche import check_laws", "write from optimsche.testing import check_laws"),
        ("import optimsche; optimsche.check_laws", "write from optimsche.testing import check_laws"),
        ("from optimsche import transfer_rate", "write from optimsche.theory import transfer_rate"),
        ("from optimsche import cosin", "optimsche has no 'cosin'; did you mean 'cosine'?"),
        ("import optimsche; optimsche.cosin", "has no attribute 'cosin'; did you mean 'cosine'?"),
        ("import optimsche; optimsche.peers.hf", "no system 'hf'; here that is 'transformers'"),
        ("import optimsche; optimsche.peers.pytorch", "no system 'pytorch'; here that is 'torch'"),
        ("import optimsche; optimsche.peers.xyzzy", "no system 'xyzzy'; it has axlearn, composer,"),
        ("import optimsche; optimsche.peers.torch.CosineLR", "no 'CosineLR'; did you mean 'CosineAnnealingLR'?"),
        ("import optimsche; optimsche.peers.torch.CosineLRScheduler", "it is timm.CosineLRScheduler"),
    ],
)
def test_a_name_from_elsewhere_is_answered(line, answer):
    with pytest.raises((ImportError, AttributeError), match=re.escape(answer)):
        exec(line)


@pytest.mark.parametrize("name", ["CosineAnnealingLR", "check_laws", "cosin", "wibble", "__wibble__"])
def test_asking_whether_a_name_is_there_is_no_error(name):
    import optimsche

    assert not hasattr(optimsche, name)
    assert getattr(optimsche, name, None) is None


def test_only_schedules_are_completed_in_other_systems():
    from optimsche import peers

    assert set(dir(peers)) == {*peers.__all__, "names_of", "system_of"}
    assert set(dir(peers.torch)) == set(peers.torch.__all__)


def test_asking_for_a_part_of_the_library_loads_no_other_systems():
    asked = "optimsche.cosine(steps=9)(numpy.arange(3))"
    code = f"import optimsche, sys, numpy\n{asked}\nprint('optimsche.peers' in sys.modules)"
    assert run(code) == ("False", "")
