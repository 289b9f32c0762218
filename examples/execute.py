"""Run the notebooks of this folder and keep what they give: ``python examples/execute.py``."""

import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def executed(path, folder):
    """A notebook after it has run in a folder of its own; raises what a cell raises."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,  # so that a notebook that gives the same again is the same file
        resources={"metadata": {"path": folder}},
    )
    client.execute()
    notebook.metadata.language_info = {"name": "python"}
    return notebook


if __name__ == "__main__":
    for path in sorted(Path(__file__).parent.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder:
            nbformat.write(executed(path, folder), path)
