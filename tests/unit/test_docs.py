"""Every Python block of the README and of the docs runs, in order, as one program, and gives what it says it gives.

The pages of docs/migration are looked at as the site has them: our own words, and below them what is made of a system.

A result is stated in a comment: ``plan(1_000)  # -> 0.0003``, and after a semicolon whatever explains it. A block that
begins with ``>>>`` is a doctest.
"""

import ast
import doctest
import json
import re
from pathlib import Path

import matplotlib.pyplot
import pytest

from docs.tools import migration
from optimsche import peers

ROOT = Path(__file__).parents[2]
WRITTEN = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MADE = [ROOT / "docs" / "migration" / f"{system}.md" for system in peers.__all__]
PAGES = [*(page for page in WRITTEN if page not in MADE), *MADE]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.S | re.M)
RESULT = re.compile(r"  # -> (.*)$")


def text_of(page):
    return migration.page(page.stem) if page in MADE else page.read_text()


def run(code, page, names):
    """Run a block and return the results that differ from what they are said to be, as (line, said, is)."""
    lines = code.split("\n")
    wrong = []
    for statement in ast.parse(code).body:
        said = RESULT.search(lines[statement.end_lineno - 1])
        if said is None:
            exec(compile(ast.Module([statement], []), str(page), "exec"), names)
            continue
        assert isinstance(statement, ast.Expr | ast.Assign), f"{page.name}:{statement.lineno}: no result"
        value = eval(compile(ast.Expression(statement.value), str(page), "eval"), names)
        if isinstance(statement, ast.Assign):
            names[statement.targets[0].id] = value
        if said[1] != repr(value) and not said[1].startswith(f"{value!r}; "):
            wrong.append((statement.lineno, said[1], repr(value)))
    return wrong


def run_doctest(code, page, names, line):
    test = doctest.DocTestParser().get_doctest(code, names, page.name, str(page), line)
    test.globs = names  # the blocks of a page are one program
    said = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append, clear_globs=False)
    assert not said, "".join(said)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_on_a_page_runs_and_its_results_are_true(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    text, names = text_of(page), {}
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1))
        if block[1].startswith(">>>"):
            run_doctest(block[1], page, names, line)
        else:
            assert run("\n" * line + block[1], page, names) == []
    for name, value in list(names.items()):
        if name.startswith("test_"):
            value()
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_result_is_stated_where_it_is_checked(page):
    """Outside of blocks, or of a statement of its own, nothing would look at it."""
    text = text_of(page)
    stated = re.findall(r"^\S.*  # -> ", text, re.M)
    blocks = "".join(BLOCK.findall(text))
    assert len(stated) == text.count("# -> ") == blocks.count("# -> ")


def test_a_wrong_result_is_seen():
    code = "x = 2  # -> 2\nx * 3  # -> 7; nearly\nx\n"
    assert run(code, ROOT / "README.md", {}) == [(2, "7; nearly", "6")]
    with pytest.raises(AssertionError, match=r"Expected:\n +7"):
        run_doctest(">>> 2 * 3\n7\n", ROOT / "README.md", {}, 0)


def test_the_readme_has_two_commands_that_do_all():
    commands = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("pip install -c")]
    assert [command.rpartition("&& ")[2] for command in commands] == ["optimsche demo", "python -m pytest"]


def test_the_figures_of_the_readme_are_those_of_the_tables():
    readme = (ROOT / "README.md").read_text()
    internals = ROOT / "docs" / "internals"
    faults = re.search(r"\*\*all\*\* \| \*\*([\d,]+)\*\* \| \*\*\1\*\*", (internals / "reliability.md").read_text())[1]
    assert f"{faults} injected faults" in readme
    figures = r"^(\d+) cases of (\d+) schedules in (\d+) systems"
    cases, schedules, systems = re.search(figures, (internals / "parity.md").read_text(), re.M).groups()
    assert f"{schedules} schedules of {systems} systems agree with {cases} recorded curves" in readme
    assert int(systems) == len(peers.__all__)
    assert re.search(r"^\| 500 with one cause \| 100\.0 % \|", (ROOT / "docs" / "audit.md").read_text(), re.M)
    ratio = re.search(r"^write1/torch .*? ns +[\d,]+ ns +([\d.]+)", (internals / "benchmarks.md").read_text(), re.M)[1]
    assert "less than a sixth of the time" in readme
    assert float(ratio) < 1 / 6


def test_links_lead_somewhere():
    """Those between the pages of the site are looked at when it is built, too."""
    for page in [*WRITTEN, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)
        for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", prose):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_versions_of_the_recordings_are_those_in_the_files():
    files = map(json.loads, (path.read_text() for path in (ROOT / "tests" / "parity" / "curves").glob("*.json")))
    page = (ROOT / "docs" / "internals" / "parity.md").read_text().partition("## What came out")[0]
    stated = dict(re.findall(r"^\| (\w+) \| (?!version)(.+) \|$", page, re.M))
    assert stated == {read["system"]: read["version"] for read in files}


def test_every_picture_is_on_a_page():
    pictures = re.compile(r"!\[.*?\]\((?!https:)(.*?)\)")
    shown = {Path(target).name for page in WRITTEN for target in pictures.findall(page.read_text())}
    assert shown == {path.name for path in (ROOT / "docs" / "pictures").rglob("*.*")}


def test_every_bug_of_speechain_has_a_test_that_names_it():
    page = (ROOT / "docs" / "speechain.md").read_text()
    numbers = r"((?:\d+(?:, | and )?)+)"
    found = {}
    for path in [*(ROOT / "tests" / "training").glob("*.py"), *(ROOT / "tests" / "distributed").glob("*.py")]:
        named = re.findall(rf"Rows? {numbers} of docs/speechain\.md", path.read_text())
        if path.name == "test_speechain_bugs.py":
            named += re.findall(rf'"""Rows? {numbers}', path.read_text())
        found[path.name] = {int(number) for text in named for number in re.findall(r"\d+", text)}
    rows = re.findall(r"^\| (\d+) \| (.*)$", page, re.M)
    assert [int(row) for row, _ in rows] == list(range(1, len(rows) + 1))
    for row, text in rows:
        file = re.search(r"`tests/\w+/(\w+\.py)`", text)
        assert int(row) in found[file[1] if file else "test_speechain_bugs.py"], f"row {row}"
    assert set.union(*found.values()) == {int(row) for row, _ in rows}
