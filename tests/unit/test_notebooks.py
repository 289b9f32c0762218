"""Every notebook in examples/ runs from top to bottom, and gives what is committed with it."""

import runpy
from pathlib import Path

import nbformat
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
CURE = "run python examples/execute.py and look at what has changed"
execute = runpy.run_path(str(EXAMPLES / "execute.py"))["executed"]


def cells_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def said(cell):
    """What a cell gives: its texts, word for word, and the kinds of the rest; pictures differ between Matplotlibs."""
    return [
        (
            output.output_type,
            output.get("text"),
            output.get("data", {}).get("text/plain"),
            sorted(output.get("data", {})),
        )
        for output in cell.outputs
    ]


def test_there_are_three():
    assert [path.stem for path in NOTEBOOKS] == ["compose_and_compare", "test_your_own", "train_and_resume"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_gives_what_is_committed(path, tmp_path):
    now, committed = execute(path, tmp_path), nbformat.read(path, as_version=4)
    outputs = [output for cell in now.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    for cell, before in zip(cells_of(now), cells_of(committed), strict=True):
        if "varies" not in cell.metadata.get("tags", []):  # with the machine
            assert said(cell) == said(before), CURE


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_with_its_outputs_and_shows_them_untrusted(path):
    committed = nbformat.read(path, as_version=4)
    counts = [cell.execution_count for cell in cells_of(committed)]
    assert counts == list(range(1, len(counts) + 1)), CURE
    assert "execution" not in {key for cell in committed.cells for key in cell.metadata}  # times of day
    pages = [
        output.data["text/html"]
        for cell in cells_of(committed)
        for output in cell.outputs
        if "data" in output
        if "text/html" in output.data
    ]
    assert any("<img" in page for page in pages)
    assert not any("<svg" in page or "<script" in page for page in pages)
