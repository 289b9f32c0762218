"""The JSON Schema says what from_dict reads."""

import json

import jsonschema
import pytest
from hypothesis import given

import optimsche as o
from optimsche import Schedule, lr_fn
from optimsche.json_schema import json_schema
from optimsche.testing import schedules
from tests.property.strategies import built_in, plans

RAMP = o.linear(steps=2)
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def test_it_is_a_schema_and_plain_data():
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json.loads(json.dumps(json_schema())) == json_schema()


@lr_fn
def with_defaults_of_every_kind(real_step, epoch, *, points: tuple[float, ...] = (0.0, 1.0), shape: Schedule = RAMP):
    return shape(real_step) + points[0]


def test_defaults_are_plain_data():
    of = json_schema()["$defs"]["with_defaults_of_every_kind"]["properties"]
    assert of["points"]["default"] == [0.0, 1.0]
    assert of["shape"]["default"] == {"linear": {"start": 1.0, "end": 0.0, "steps": 2}}


@given(schedules(built_in, depth=4) | plans())
def test_it_accepts_every_schedule(s):
    VALIDATOR.validate(json.loads(json.dumps(s.to_dict())))


@pytest.mark.parametrize(
    "data",
    [
        {"cosine": {"start": "3e-4", "steps": "9_000"}},
        {"warmup": {"schedule": "cosine(steps=9)", "steps": 3}},
        {"constant": None},
        {"noam": {"peak": "2e-3", "warmup_steps": 16_000}},
        {"milestones": {"at": ["30", 60]}},
        {"repeat": {"schedule": {"linear": {"steps": 9}}, "times": None, "closed": "left"}},
    ],
)
def test_it_accepts_what_from_dict_reads(data):
    o.from_dict(data)
    VALIDATOR.validate(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"cosin": {"steps": 9}}, "'cosin' was unexpected"),
        ({"cosine": {"step": 9, "steps": 9}}, "'step' was unexpected"),
        ({"cosine": {"start": 1}}, "'steps' is a required property"),
        ({"cosine": {"steps": 0}}, "is not valid under any of the given schemas"),
        ({"cosine": {"steps": "many"}}, "is not valid under any of the given schemas"),
        ({"milestones": {"at": []}}, "is not valid under any of the given schemas"),
        ({"repeat": {"schedule": "linear(steps=9)", "closed": "up"}}, "is not valid under any of the given schemas"),
        ({"warmup": {"schedule": {"cosine": {"steps": -1}}, "steps": 1}}, "is not valid under any of the given"),
        ({"jitter": {"schedule": "linear(steps=9)", "amount": 0.1, "seed": 2**32}}, "is not valid under any"),
        ({"cosine": None}, "None is not of type 'object'"),
        ({"linear": {"steps": 9}, "cosine": {"steps": 9}}, "has too many properties"),
        ({}, "non-empty|does not have enough properties"),
    ],
)
def test_it_refuses_what_from_dict_refuses(data, message):
    with pytest.raises((ValueError, TypeError)):
        o.from_dict(data)
    with pytest.raises(jsonschema.ValidationError, match=message):
        VALIDATOR.validate(data)
