"""Every Python block of the README and of the docs runs, in order, as one program."""

import re
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_on_a_page_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    names = {}
    for code in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.S | re.M):
        exec(compile(code, str(page), "exec"), names)
    for name, value in list(names.items()):
        if name.startswith("test_"):
            value()
    matplotlib.pyplot.close("all")


def test_the_values_in_the_readme_are_true():
    text = (ROOT / "README.md").read_text()
    from optimsche import warmup_cosine

    plan = warmup_cosine(peak=3e-4, warmup_steps=2_000, total_steps=100_000)
    assert f"# {plan!r}\n" in text
    assert f"# {plan(1)}, {plan(2_000)}, {plan(100_000)}:" in text


def test_the_readme_has_two_commands_that_do_all():
    commands = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("pip install -c")]
    assert [command.rpartition("&& ")[2] for command in commands] == ["optimsche demo", "python -m pytest"]


def test_links_lead_somewhere():
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
