"""docs/gallery.md has every shape, combinator, plan and peer, with its picture and what its docstring says now."""

import re
import runpy
import warnings
from pathlib import Path

import pytest

from optimsche import combinators, lr_fns, peers, plans

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "gallery.md").read_text()
GALLERY = runpy.run_path(str(DOCS / "gallery.py"))
OWN = [*lr_fns.__all__, *combinators.__all__, "sequence", *plans.__all__]


def test_every_name_is_there_once_with_its_picture():
    others = [f"{system}.{name}" for system in peers.__all__ for name in peers.names_of(system)]
    assert sorted(re.findall(r"\| \*\*([\w.]+)\*\*", PAGE)) == sorted([*OWN, *others])
    assert set(re.findall(r"\(pictures/gallery/(\S+?)\.svg\)", PAGE)) == {*OWN, *others}


@pytest.mark.parametrize("name", OWN)
def test_its_line_and_its_code_are_those_of_the_docstring(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an example may jump
        assert GALLERY["row"](GALLERY["own"](name)) in PAGE


@pytest.mark.parametrize("system", ["torch", "transformers", "optax", "lightning"])
def test_the_lines_and_the_code_of_other_systems_are_theirs(system):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for item in GALLERY["others"](system):
            assert GALLERY["row"](item) in PAGE


def test_the_pictures_are_small_and_need_nothing_else():
    pictures = [path.read_text() for path in (DOCS / "pictures" / "gallery").glob("*.svg")]
    assert sum(map(len, pictures)) < 4_000_000
    for text in pictures:
        assert text.startswith("<svg")
        assert not re.search(r"href=\"(?!#)|@import|<metadata|<script", text)


def test_a_picture_is_drawn_the_same_again():
    item = GALLERY["own"]("warmup")
    assert GALLERY["picture"](item) == GALLERY["picture"](item)
