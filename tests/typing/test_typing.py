"""Type checkers see through @lr_fn: they accept what is right and reject what is wrong, each on its own line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NAMES = ("accepted.py", "rejected.py")
MARKED = {
    number for number, line in enumerate((HERE / "rejected.py").read_text().splitlines(), 1) if "# error:" in line
}


def checked(module, *options):
    """Both files at once: most of the time a checker reads the library."""
    command = [sys.executable, "-m", module, *options, str(HERE / "accepted.py"), str(HERE / "rejected.py")]
    return subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent.parent)


@pytest.fixture(scope="module")
def mypy():
    """The errors in each file by line, and all that it said."""
    ran = checked("mypy", "--strict")
    assert "error: " in ran.stdout, ran.stdout + ran.stderr
    return {
        name: {int(n): text for n, text in re.findall(rf"{name}:(\d+): error: (.*)", ran.stdout)} for name in NAMES
    }, ran.stdout


@pytest.fixture(scope="module")
def pyright():
    """The errors in each file by line."""
    ran = checked("pyright", "--outputjson", "--pythonpath", sys.executable)
    found = {name: {} for name in NAMES}
    for d in json.loads(ran.stdout)["generalDiagnostics"]:
        if d["severity"] == "error":
            found[Path(d["file"]).name][d["range"]["start"]["line"] + 1] = d["message"]
    return found


def test_right_calls_are_accepted_by_mypy(mypy):
    errors, output = mypy
    assert errors["accepted.py"] == {}, output


def test_right_calls_are_accepted_by_pyright(pyright):
    assert pyright["accepted.py"] == {}


def test_wrong_calls_are_rejected_by_mypy(mypy):
    errors, output = mypy
    assert set(errors["rejected.py"]) == MARKED, output
    assert 'Unexpected keyword argument "step"' in errors["rejected.py"][min(MARKED)]


def test_wrong_calls_are_rejected_by_pyright(pyright):
    assert set(pyright["rejected.py"]) == MARKED
