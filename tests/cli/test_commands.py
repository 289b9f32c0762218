"""What the commands have in common: help, options, names, completion."""

import inspect
import os
import re
import subprocess
import sys

import pytest

import optimsche
from optimsche import cli, peers
from optimsche.cli import completion, documented


def printed(capsys, *arguments):
    assert cli.main([*arguments]) == 0
    return capsys.readouterr().out


def refused(capsys, *arguments):
    """What is said of a mistake, and that it is one of the call."""
    try:
        status = cli.main([*arguments])
    except SystemExit as stop:
        status = stop.code
    assert status == 2
    return capsys.readouterr().err


# ---------------------------------------------------------------------------------------------------------------------
# list and describe
# ---------------------------------------------------------------------------------------------------------------------


def test_list_names_everything(capsys):
    out = printed(capsys, "list")
    for name in ("cosine", "warmup", "sequence", "wsd", "piecewise_linear", "plateau"):
        assert re.search(rf"^  {name} ", out, re.M), name
    assert "Evaluate the schedule `by` updates later." in out  # a parameter is not lost among words
    assert max(map(len, out.splitlines())) <= 94


def test_list_of_other_systems(capsys):
    out = printed(capsys, "list", "--peers")
    assert all(re.search(rf"^{system}: ", out, re.M) for system in peers.__all__)
    of_one = printed(capsys, "list", "--peers", "torch")
    assert re.search(r"^  OneCycleLR ", of_one, re.M)
    assert "timm" not in of_one
    assert "did you mean 'torch'?" in refused(capsys, "list", "--peers", "torhc")
    assert "optimsche describe cosine explains it" in refused(capsys, "list", "cosine")
    assert "takes no name: optimsche list --peers torch" in refused(capsys, "list", "torch")
    assert "takes no name: optimsche list --peers\n" in refused(capsys, "list", "peers")


def test_everything_that_is_listed_is_described(capsys):
    ours = [item for group in documented.groups().values() for item in group.items()]
    names = [name for name, function in ours if function.__module__.startswith("optimsche.")]
    names += [f"{system}.{next(iter(of))}" for system, of in documented.systems().items()]
    for name in names:
        out = printed(capsys, "describe", name)
        assert out.startswith(f"{name}("), name
        assert "typing." not in out.partition("\n\n")[0], name


def test_describe_prints_the_documentation_as_it_stands(capsys):
    out = printed(capsys, "describe", "cosine")
    head = "cosine(*, start: Rate = 1.0, end: Rate = 0.0, steps: Steps) -> Schedule"
    assert out == f"{head}\n\n{inspect.getdoc(optimsche.cosine)}\n"
    assert "\n    end + (start - end) * (1 + cos(pi * min(t / steps, 1))) / 2\n" in out
    assert printed(capsys, "describe", "peers.torch.StepLR") == printed(capsys, "describe", "torch.StepLR")
    assert "mode: 'min' | 'max' = 'min'" in printed(capsys, "describe", "plateau")


def test_a_name_that_there_is_not(capsys):
    assert "did you mean 'cosine'?" in refused(capsys, "describe", "cosin")
    assert "another system has it: mmengine.StepLR, torch.StepLR" in refused(capsys, "describe", "StepLR")
    assert "torch is a system: optimsche list --peers torch lists" in refused(capsys, "describe", "torch")
    assert "another system has it: peers.torch.StepLR" in refused(capsys, "show", "StepLR(step_size=30)")
    assert "did you mean 'StepLR'?" in refused(capsys, "describe", "torch.StepLr")
    assert "optimsche list names all" in refused(capsys, "describe", "zzz")


# ---------------------------------------------------------------------------------------------------------------------
# Options and help
# ---------------------------------------------------------------------------------------------------------------------


def test_no_option_is_guessed_from_its_beginning(capsys):
    error = refused(capsys, "show", "cosine(steps=90)", "--step", "10")
    assert "optimsche show: error: there is no --step; did you mean '--steps'?" in error
    assert "there is no --wibble" in refused(capsys, "show", "cosine(steps=90)", "--wibble")
    assert "there is no --res" in refused(capsys, "demo", "--res")


def test_wrong_options(capsys):
    for arguments in (["demo", "--epochs", "0"], ["nothing"], [], ["show"], ["show", "x", "--as", "c"]):
        refused(capsys, *arguments)


@pytest.mark.parametrize("command", ["", "show", "list", "describe", "audit", "demo", "completion"])
def test_help_has_examples(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*filter(None, [command]), "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert re.search(r"^(examples|where it goes):\n  ", out, re.M)
    assert "\x1b[" not in out


def test_examples_of_help_are_right(capsys, tmp_path, monkeypatch):
    """Every example that needs no run and no log is run."""
    monkeypatch.chdir(tmp_path)
    for name in ("plan.yaml", "plan.json"):
        (tmp_path / name).write_text('{"cosine": {"start": 0.1, "steps": 50}}')
    ran = 0
    for command in (cli, cli.show, cli.listing, cli.describe):
        for line in command._EXAMPLES.splitlines()[1:]:
            words = subprocess.run(
                ["bash", "-c", f"printf '%s\\n' {line.split(' > ')[0].split(' | ')[0]}"], capture_output=True, text=True
            )
            arguments = words.stdout.splitlines()[1:]
            assert cli.main(arguments) == 0, line
            ran += 1
    assert ran == 14


def test_help_lists_the_statuses(capsys):
    with pytest.raises(SystemExit):
        cli.main(["demo", "--help"])
    assert "3 for a run that has diverged" in " ".join(capsys.readouterr().out.split())


def test_a_reader_that_has_enough_is_no_error():
    command = f"{sys.executable} -m optimsche list | head -1; exit ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "Shapes\n", "")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["show", "cosine(steps=3)", "--png", "."], "'.' is no file: name one, such as curve.png"),
        (["demo", "--seed", "99999999999999999999"], "--seed: must be a whole number from 0 to 4294967295"),
    ],
)
def test_a_wrong_argument_is_answered(arguments, answer, capsys):
    assert answer in refused(capsys, *arguments)


# ---------------------------------------------------------------------------------------------------------------------
# Completion
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_code(shell, capsys):
    pytest.importorskip("argcomplete")
    out = printed(capsys, "completion", shell)
    assert "optimsche" in out
    assert "_ARGCOMPLETE" in out


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("optimsche sh", ["show"]),
        ("optimsche show --st", ["--steps", "--steps-per-epoch"]),
        ("optimsche show warmup_c", ["warmup_constant\\(", "warmup_cosine\\("]),
        ("optimsche describe torch.Step", ["torch.StepLR"]),
        ("optimsche list --peers timm", ["timm"]),
        ("optimsche show cosine --as ", ["js", "python"]),
    ],
)
def test_words_are_completed(line, expected, tmp_path):
    pytest.importorskip("argcomplete")
    out = tmp_path / "completions"
    environment = {
        **os.environ,
        **{"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_SUPPRESS_SPACE": "1"},
        **{"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_STDOUT_FILENAME": str(out)},
    }
    subprocess.run([sys.executable, "-m", "optimsche"], env=environment, check=True, cwd=tmp_path)
    assert sorted(word.strip() for word in out.read_text().split("\n")) == expected


def test_completion_without_its_package_is_answered(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    monkeypatch.setitem(sys.modules, "argcomplete.shell_integration", None)
    assert cli.main(["completion", "bash"]) == 1
    assert "it needs argcomplete: pip install argcomplete" in capsys.readouterr().err


def test_every_completer_has_its_argument():
    dests = {action.dest for one in completion.parsers_of_commands(cli.parser_of_all()) for action in one._actions}
    assert {"plans", "plan", "name", "peers"} <= dests
