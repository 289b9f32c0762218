"""What the readers are given: bytes, text, text of our own words, mutated schedules, JSON, hostile nesting."""

import json

from hypothesis import strategies as st

from optimsche import from_dict, parse
from optimsche.names import known
from optimsche.testing import schedules
from tests.property.strategies import built_in

_NAMES = sorted(known())
_SIGNS = [*"()[]{},=.*+-/ #'\":;01", ">>", "**", "\n", "\x00", "\ud800"]
_OTHERS = ["9_000", "3e-4", "1e999", "None", "True", "steps", "start", "schedule", "lambda", "x:", "__import__"]
_OTHERS += ["('os')", "__class__", "eval", "if", "else", "for", "in", "f'{1}'", "é"]
_WORDS = st.sampled_from(_NAMES + _SIGNS + _OTHERS + ["0x" + "f" * 300])
_WRITTEN = schedules(built_in, depth=3).map(repr)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(_NAMES),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=6) | st.sampled_from([*_NAMES, "schedule", "steps", "at"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@st.composite
def _mutated(draw):
    """A schedule's text with a stretch of it cut out, doubled, or replaced by a word."""
    text = draw(_WRITTEN)
    begin, end = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
    middle = draw(st.sampled_from(["", text[begin:end] * 2]) | _WORDS)
    return text[:begin] + middle + text[end:]


@st.composite
def _mutated_data(draw):
    """A schedule's dictionary with one value in it replaced by anything."""
    data = draw(schedules(built_in, depth=3)).to_dict()
    place = data
    while True:
        key = draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or not place[key] or draw(st.integers(0, 3)) == 0:
            place[key] = draw(_JSON)
            return data
        place = place[key]


def _nested_data(depth):
    data = {"constant": {}}
    for _ in range(depth):
        data = {"shift": {"schedule": data, "by": 1}}
    return data


_PAIRS = [("(", ")"), ("-", ""), ("not ", ""), ("[", "]"), ("1*", ""), ("shift(", ", 1)"), ("lambda:", ""), ("{", "}")]
_NESTED = st.builds(
    lambda pair, depth, core: pair[0] * depth + core + pair[1] * depth,
    st.sampled_from(_PAIRS),
    st.integers(1, 3_000),
    st.sampled_from(["", "1", "constant()", "cosine(steps=9)"]),
)


def _parse_bytes(value):
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    return parse(text)


def _from_json(value):
    return from_dict(json.loads(value))


INPUTS = {
    "bytes": (_parse_bytes, st.binary(max_size=60)),
    "text": (parse, st.text(max_size=60)),
    "text of our words": (parse, st.lists(_WORDS, max_size=12).map("".join)),
    "mutated schedules": (parse, _mutated()),
    "nested text": (parse, _NESTED),
    "JSON text": (_from_json, _JSON.map(json.dumps)),
    "data": (from_dict, _JSON),
    "mutated data": (from_dict, _mutated_data()),
    "nested data": (from_dict, st.integers(0, 3_000).map(_nested_data)),
}
# Depths and the places of a schedule are few, and slow to make.
SHARES = {name: 1 if "nested" in name or "mutated" in name else 4 for name in INPUTS}
