"""A few inputs of each kind with every run, and proof that the watch sees what it is for."""

import sys

import pytest

from tests.fuzz.__main__ import fuzz
from tests.fuzz.inputs import INPUTS
from tests.fuzz.watch import watched


@pytest.mark.parametrize("name", INPUTS)
def test_readers_read_or_refuse(name):
    assert fuzz(name, inputs=60, seed=1)["tried"] >= 2


@pytest.mark.parametrize("code", ["import this_is_not_there_at_all", "open('/dev/null').close()", "exec('1')"])
def test_the_watch_sees_what_a_reader_must_not_do(code):
    def runs(text):
        try:
            exec(text)
        except ModuleNotFoundError:
            raise ValueError from None

    with pytest.raises(AssertionError, match="it did more than read"):
        watched(runs, code)


def test_the_watch_passes_on_other_errors():
    with pytest.raises(ZeroDivisionError):
        watched(lambda value: 1 / value, 0)
    assert sys.modules
