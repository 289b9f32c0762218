"""docs/reference.md has every public name, none that is gone, and says of each what the code says."""

import inspect
import re
import typing
from pathlib import Path

import pytest

import optimsche
from optimsche import checking, cli, combinators, counting, lr_fns, metrics, ops, peers, plans, ranges, testing, theory

PAGE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text()
SECTIONS = dict(re.findall(r"^##+ (.*)\n((?:(?!^##).*\n?)*)", PAGE, re.M))
TEXT_AND_PICTURES = {"parse", "to_dict", "from_dict", "plot", "table"}


def rows(section):
    """The calls in the first column of a section's table, by their names."""
    calls = re.findall(r"^\| `\.?([^`]+)`", SECTIONS[section], re.M)
    assert calls, section
    names = [call.partition("(")[0] for call in calls]
    assert len(set(names)) == len(names), section
    return dict(zip(names, calls, strict=True))


def public(of):
    return {name for name in dir(of) if not name.startswith("_")}


ADAPTERS = {name for name, file in optimsche._FILE_OF.items() if file.startswith("adapters.")}
NAMES = {
    "Schedules": {"Schedule", "lr_fn"},
    "What a schedule has": public(optimsche.Schedule) - {*combinators.__all__, "sequence"},
    "Shapes": set(lr_fns.__all__),
    "Plans": set(plans.__all__),
    "Combinators": {*combinators.__all__, "sequence"},
    "Factors that follow a metric": set(metrics.__all__),
    "Text, data and pictures": TEXT_AND_PICTURES,
    "Plans and runs": set(optimsche.runs.__all__) & set(optimsche.__all__),
    "Theory": set(theory.__all__),
    "Ranges": set(ranges.__all__) - {"Meaning", "ReadAs"},
    "Formulas": set(ops.__all__),
    "Counting": set(counting.__all__),
    "Training": {name for name, file in optimsche._FILE_OF.items() if file in optimsche._NEEDING_TORCH} - ADAPTERS,
    "Other people's trainers": ADAPTERS,
    "What an OptimScheduler has": public(optimsche.OptimScheduler),
    "What a StepResult has": public(optimsche.StepResult),
    "Testing": set(testing.__all__),
}
IN = {
    "Formulas": ops,
    "Counting": counting,
    "Testing": testing,
    "Theory": theory,
    "What a schedule has": optimsche.Schedule,
    "What an OptimScheduler has": optimsche.OptimScheduler,
}


@pytest.mark.parametrize("section", NAMES)
def test_every_name_is_here_and_none_that_is_gone(section):
    assert set(rows(section)) == NAMES[section]


def test_all_that_can_be_imported_is_in_one_of_the_sections():
    known = set.union(*NAMES.values()) | {"Meaning", "ops"}
    assert set(optimsche.__all__) <= known
    assert "`Meaning(text, cure)`" in PAGE


@pytest.mark.parametrize("section", [name for name in NAMES if name not in ("Ranges", "What a StepResult has")])
def test_a_call_has_the_parameters_that_the_code_has(section):
    for name, call in rows(section).items():
        if "(" not in call:
            continue
        known = list(inspect.signature(getattr(IN.get(section, optimsche), name)).parameters)
        known = known[1:] if known[:1] == ["self"] else known
        written = [word for word in re.split(r"[(), ]+", call)[1:] if word]
        if written[-1:] == ["..."]:
            known, written = known[: len(written) - 1], written[:-1]
        if name == "lr_fn":  # its options are for functions that say more of themselves
            known = known[:1]
        assert written == known, call


@pytest.mark.parametrize("name", sorted(NAMES["Ranges"]))
def test_a_range_admits_what_its_errors_say(name):
    admits, meaning = re.search(rf"^\| `{name}` \| (.*) \| (.*) \|$", SECTIONS["Ranges"], re.M).groups()
    annotation = getattr(ranges, name)
    outside = {"Offset": float("inf"), "Milestones": (), "Points": (), "Rates": ()}.get(name, -1)
    with pytest.raises((ValueError, TypeError)) as caught:
        checking.admit("call", "x", annotation, outside)
    allowed = re.search(r"x must be (?:one of )?(.*?)(?: \(|, got)", str(caught.value))[1]
    assert admits.partition(", each as")[0] == allowed
    if "each as" in admits:
        item = re.search(r"each as `(\w+)`", admits)[1]
        assert typing.get_args(typing.get_args(annotation)[0])[0] == getattr(ranges, item)
    assert meaning


def test_other_systems_are_all_named():
    assert re.findall(r"`(\w+)`[,\n]", SECTIONS["Other systems"]) == peers.__all__


def test_commands_are_those_of_the_command_line(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    known = re.findall(r"^ {4}(\w+) ", capsys.readouterr().out, re.M)
    assert re.findall(r"^\| `optimsche (\w+)", SECTIONS["Command line"], re.M) == known
