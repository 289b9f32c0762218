"""A recording of values: what is in the file, and how today's code compares with it."""

import gzip
import json
import math
import struct
import warnings
from pathlib import Path
from typing import NamedTuple

from optimsche import parse

FILE = Path(__file__).parent / "values.json.gz"
# A fresh schedule plays its formula as it is so often; a call later it has flat code.
_FIRST_CALLS, _WITH_FLAT_CODE = 31, 40
# Another libm rounds some results the other way; so much of a tree's largest value is allowed then.
_OF_THE_LARGEST = 1e-9


class Tree(NamedTuple):
    """A schedule as text, its length, and its values at some clocks, each with an epoch."""

    text: str
    length: float
    clocks: list[float]
    epochs: list[float]
    values: list[float]


class Difference(NamedTuple):
    """A value that is not what was recorded; ``clock`` may be the word "length"."""

    text: str
    clock: object
    epoch: object
    way: str
    old: str
    new: str

    def __str__(self):
        return f"{self.text}\n    at {self.clock}, epoch {self.epoch}, {self.way}: was {self.old}, is {self.new}"


# ---------------------------------------------------------------------------------------------------------------------
# The file
# ---------------------------------------------------------------------------------------------------------------------


def write(file, trees):
    """Write a recording: JSON, one tree a line. Its values are the 16 hexadecimal digits of each, big-endian."""
    lines = [json.dumps({**tree._asdict(), "length": tree.length.hex(), "values": _packed(tree)}) for tree in trees]
    text = '{"libm": ' + json.dumps(libm()) + ',\n"trees": [\n' + ",\n".join(lines) + "\n]}\n"
    Path(file).write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def read(file=FILE):
    """The libm that a recording was made with, and its trees."""
    data = json.loads(gzip.decompress(Path(file).read_bytes()))
    return data["libm"], [
        Tree(**{**tree, "length": float.fromhex(tree["length"]), "values": _unpacked(tree["values"])})
        for tree in data["trees"]
    ]


def _packed(tree):
    return struct.pack(f">{len(tree.values)}d", *tree.values).hex()


def _unpacked(text):
    return list(struct.unpack(f">{len(text) // 16}d", bytes.fromhex(text)))


def libm():
    """What this machine's elementary functions give for 200 arguments each: equal ones give equal bits."""
    ways = [(number + 0.5) / 200 for number in range(200)]
    functions = {
        "cos": lambda x: math.cos(math.pi * x),
        "sin": lambda x: math.sin(10 * x),
        "tanh": lambda x: math.tanh(10 * x - 7),
        "exp": lambda x: math.exp(25 * x - 20),
        "log": lambda x: math.log(1e6 * x * x + 1),
        "pow": lambda x: math.pow(2 * x, 7 * x - 3),
        "sqrt": lambda x: math.sqrt(1e3 * x),
    }
    return {name: " ".join(function(x).hex() for x in ways) for name, function in functions.items()}


# ---------------------------------------------------------------------------------------------------------------------
# Today's code
# ---------------------------------------------------------------------------------------------------------------------


def played(text, clocks, epochs):
    """The values at first calls and with flat code, for floats and for whole numbers; None where a clock is not whole.

    Returns:
        The four rows by name.
    """
    calls = [(float(clock), epoch) for clock, epoch in zip(clocks, epochs, strict=True)]
    whole = [place for place, (clock, _) in enumerate(calls) if clock.is_integer()]
    calls += [(int(clocks[place]), epochs[place]) for place in whole]
    first = []
    for begin in range(0, len(calls), _FIRST_CALLS):
        schedule = _read(text)
        first += [schedule(*call) for call in calls[begin : begin + _FIRST_CALLS]]
    for _ in range(_WITH_FLAT_CODE):
        schedule(*calls[0])
    later = [schedule(*call) for call in calls]
    rows = {}
    for name, values in (("first call", first), ("fortieth call", later)):
        rows[f"{name}, float"] = values[: len(clocks)]
        of_whole = dict(zip(whole, values[len(clocks) :], strict=True))
        rows[f"{name}, int"] = [of_whole.get(place) for place in range(len(clocks))]
    return rows


def _read(text):
    with warnings.catch_warnings():  # of pieces that begin with a default: trees are drawn without regard to that
        warnings.simplefilter("ignore", UserWarning)
        return parse(text)


def differences(tree, *, exact):
    """What of a tree's length and values is not as recorded; of the four ways to one value, the first that differs.

    Args:
        tree: as recorded.
        exact: bit for bit, or but for what another libm may change.
    """
    try:
        length, rows = _read(tree.text).length, played(tree.text, tree.clocks, tree.epochs)
    except Exception as error:  # whatever it is, it is no value
        new = f"{type(error).__name__}: {error}"
        return [
            Difference(tree.text, clock, epoch, "any call", value.hex(), new)
            for clock, epoch, value in zip(tree.clocks, tree.epochs, tree.values, strict=True)
        ]
    found = []
    if not _is_same(length, tree.length, 0.0 if exact else tree.length * _OF_THE_LARGEST):
        found.append(Difference(tree.text, "length", None, "", tree.length.hex(), _shown(length)))
    bound = 0.0 if exact else max(map(abs, tree.values)) * _OF_THE_LARGEST
    for place, (clock, epoch, old) in enumerate(zip(tree.clocks, tree.epochs, tree.values, strict=True)):
        for way, values in rows.items():
            new = values[place]
            if not (way.endswith("int") and new is None) and not _is_same(new, old, bound):
                found.append(Difference(tree.text, clock, epoch, way, old.hex(), _shown(new)))
                break
    return found


def _is_same(new, old, bound):
    if type(new) is not float:
        return False
    if not bound:
        return new.hex() == old.hex() or new == old == 0.0  # a rate of -0.0, of which there was one, is now 0.0
    return abs(new - old) <= bound or new == old


def _shown(value):
    return value.hex() if isinstance(value, float) else repr(value)
