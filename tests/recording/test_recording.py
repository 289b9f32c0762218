"""Today's values are those that were recorded: bit for bit, or with another libm as near as its last bits allow."""

import functools

import pytest

from optimsche import combinators, lr_fns
from tests.recording import recorded

PARTS, SHOWN = 10, 5


@functools.cache
def recording():
    libm, trees = recorded.read()
    return trees, libm == recorded.libm()


@pytest.mark.parametrize("part", range(PARTS))
def test_values_are_those_that_were_recorded(part):
    trees, exact = recording()
    found = [differences for tree in trees[part::PARTS] if (differences := recorded.differences(tree, exact=exact))]
    if found:
        how = "bit for bit" if exact else "with another libm"
        shown = "\n".join(str(differences[0]) for differences in found[:SHOWN])
        pytest.fail(f"{sum(map(len, found))} values of {len(found)} trees differ, {how}:\n{shown}", pytrace=False)


# running_product remembered its products then; the others came after the recording.
LATER = {"running_product", "growth", "by_tokens", "minimum", "maximum", "subtract"}


def test_every_lr_function_was_recorded_often():
    trees, _ = recording()
    assert sum(len(tree.values) for tree in trees) == 200_000
    for name in {*lr_fns.__all__, *combinators.__all__} - LATER:
        assert sum(f"{name}(" in tree.text for tree in trees) > 200, name


def test_a_change_in_the_last_bit_is_seen():
    trees, _ = recording()
    tree = next(tree for tree in trees if tree.values[1])
    values = [*tree.values]
    values[1] *= 1 + 2**-52
    (difference,) = recorded.differences(tree._replace(values=values), exact=True)
    assert (difference.clock, difference.old) == (tree.clocks[1], values[1].hex())
    assert not recorded.differences(tree._replace(values=values), exact=False)
