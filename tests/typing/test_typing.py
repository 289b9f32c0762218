"""Type checkers see through @lr_fn: they accept what is right and reject what is wrong, each on its own line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MARKED = {
    number for number, line in enumerate((HERE / "rejected.py").read_text().splitlines(), 1) if "# error:" in line
}


def mypy_errors(name):
    command = [sys.executable, "-m", "mypy", "--strict", str(HERE / name)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent.parent)
    assert "error: " in ran.stdout or "Success" in ran.stdout, ran.stdout + ran.stderr
    return {int(n): text for n, text in re.findall(rf"{name}:(\d+): error: (.*)", ran.stdout)}, ran.stdout


def pyright_errors(name):
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(HERE / name)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent.parent)
    report = json.loads(ran.stdout)
    return {
        d["range"]["start"]["line"] + 1: d["message"] for d in report["generalDiagnostics"] if d["severity"] == "error"
    }


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_right_calls_are_accepted(checker):
    errors = mypy_errors("accepted.py")[0] if checker == "mypy" else pyright_errors("accepted.py")
    assert errors == {}


def test_wrong_calls_are_rejected_by_mypy():
    errors, output = mypy_errors("rejected.py")
    assert set(errors) == MARKED, output
    assert 'Unexpected keyword argument "step"' in errors[min(MARKED)]


def test_wrong_calls_are_rejected_by_pyright():
    assert set(pyright_errors("rejected.py")) == MARKED
