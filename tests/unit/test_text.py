"""parse and from_dict: what they read, and what they answer to what they do not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import optimsche as o
from optimsche import from_dict, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cosine(steps=9_000)", o.cosine(steps=9_000)),
        ("  cosine(start=3e-4,\n   steps=9_000)\n", o.cosine(start=3e-4, steps=9_000)),
        ("warmup(cosine(start=3e-4, steps=9_000), steps=1_000)", o.cosine(start=3e-4, steps=9_000).warmup(1_000)),
        ("cosine(start=3e-4, steps=9_000).warmup(1_000)", o.cosine(start=3e-4, steps=9_000).warmup(1_000)),
        ("linear(steps=9)  # first\n >> constant(steps=3)", o.linear(steps=9) >> o.constant(steps=3)),
        ("cosine(start=3e-4,  # peak\n steps=9)", o.cosine(start=3e-4, steps=9)),
        ("0.1 * linear(steps=9)", 0.1 * o.linear(steps=9)),
        ("linear(steps=9) * 0.1", 0.1 * o.linear(steps=9)),
        ("linear(steps=9) * linear(steps=9)", o.linear(steps=9) * o.linear(steps=9)),
        ("0.1 * linear(steps=9) >> constant(value=0.0)", 0.1 * o.linear(steps=9) >> o.constant(value=0.0)),
        ("linear(steps=100_000 - 2_000)", o.linear(steps=98_000)),
        ("linear(steps=2 * 3 + 4 / 2)", o.linear(steps=8.0)),
        ("linear(steps=9).shift(-3)", o.linear(steps=9).shift(-3)),
        ("milestones(at=(30, 60))", o.milestones(at=(30, 60))),
        ("milestones(at=[30, 60])", o.milestones(at=(30, 60))),
        ("constant(steps=None)", o.constant()),
        (
            "warmup_cosine(peak=1, warmup_steps=2, total_steps=9)",
            o.warmup_cosine(peak=1, warmup_steps=2, total_steps=9),
        ),
    ],
)
def test_parse_reads(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cosin(steps=9)", "at character 1 of .*unknown lr function or plan 'cosin'; did you mean 'cosine'"),
        ("0.1 * cosin(steps=9)", "at character 7 of"),
        ("0.1 *\ncosin(steps=9)", "at character 7 of"),
        ("cosine(step=9)", r"cosine\(\) has no parameter 'step'; did you mean 'steps'"),
        ("cosine(steps=0)", "at character 1 .*steps must be > 0"),
        ("cosine", r"cosine needs its parameters: cosine\(start=\.\.\., end=\.\.\., steps=\.\.\.\)"),
        ("cosine(steps=9", "is not an expression"),
        ("cosine(steps=9) cosine(steps=9)", "is not an expression"),
        ("", "is not an expression"),
        ("3e-4", "is a float, not a schedule"),
        ("cosine(steps=9).warm(3)", "has no method 'warm'; did you mean 'warmup'"),
        ("cosine(steps=9).plot()", "has no method 'plot'"),
        ("cosine(steps=9).__class__", "has no place in a schedule"),
        ("cosine(steps=9).params.clear()", "has no place in a schedule"),
        ("(3).bit_length()", "only a schedule has methods"),
        ("__import__('os').system('true')", "unknown lr function or plan '__import__'"),
        ("lambda: 0", "has no place in a schedule"),
        ("[cosine(steps=9) for _ in (1,)][0]", "has no place in a schedule"),
        ("cosine(**{'steps': 9})", "has no place in a schedule"),
        ("cosine(*(1,))", "has no place in a schedule"),
        ("cosine(steps=9) + 1", "schedules are joined by >> and multiplied by"),
        ("cosine(steps=9) >> 1", "schedules are joined by >>"),
        ("1 >> 2", "numbers take"),
        ("9 ** 9 ** 9 ** 9", "has no place in a schedule"),
        ("cosine(steps='a' * 9)", "numbers take"),
        ("cosine(steps=1 / 0)", "division by zero"),
        ("-cosine(steps=9)", "a sign stands before a number"),
        ("(" * 500 + ")" * 500, "is not an expression"),
        ("cosine(steps=" + "-" * 300 + "9)", "nested more than 250 deep|is not an expression"),
        ("x" + ".a" * 900, "has no place|is not an expression"),
        ("not " * 500 + "1", "has no place|is not an expression"),
        ("cosine(steps=9))(", "has no place"),
        ("cosine(steps=0x" + "f" * 5_000 + ")", "steps must be finite"),
        ("linear(steps=1).repeat(10_000).repeat(10_000)", "more than 10000 pieces"),
        ("f'{cosine}'", "has no place in a schedule"),
    ],
)
def test_parse_refuses(text, message):
    with pytest.raises((ValueError, TypeError), match=message):
        parse(text)


@pytest.mark.parametrize(
    ("text", "character"),
    [
        ("cosine(steps=9", 15),
        ("cosine(steps=9) cosine(steps=9)", 1),
        ("0.1 *\n cosine(steps=)", 21),
        ("cosine(steps=9) >> )", 21),  # this bracket closes what is put around the text
        ("cosine(steps=9) >>", 19),
    ],
)
def test_parse_points_at_where_it_stopped(text, character):
    with pytest.raises(ValueError, match=f"^parse: at character {character} of .*: this is not an expression: "):
        parse(text)


def test_parse_does_not_warn_as_if_text_were_a_program():
    with pytest.raises(ValueError, match="has no place in a schedule"):
        parse("9in (1,)")  # warnings are errors here: the parser's own would come first
    with pytest.raises(ValueError, match="has no place in a formula"):
        o.expression(text="9in (1,)")


def test_parse_takes_text_only():
    with pytest.raises(TypeError, match="parse takes text, got dict; a dictionary is read by from_dict"):
        parse({"cosine": {}})
    with pytest.raises(ValueError, match="at most 1000000 are read"):
        parse("1" * 1_000_001)


@given(st.text(max_size=60) | st.text("cosine()=*>.stp1_, ", max_size=40))
def test_parse_raises_nothing_but_its_own_errors(text):
    with pytest.raises((ValueError, TypeError)):
        parse(text)


def test_to_dict_is_plain_data():
    plan = (o.milestones(at=(30, 60)) * o.linear(steps=9)).warmup(5)
    assert plan.to_dict() == {
        "warmup": {
            "schedule": {
                "scale": {
                    "schedule": {"milestones": {"start": 1.0, "factor": 0.1, "at": [30, 60]}},
                    "factor": {"linear": {"start": 1.0, "end": 0.0, "steps": 9}},
                }
            },
            "steps": 5,
            "start": 0.0,
        }
    }
    assert from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"cosine": {"start": "3e-4", "steps": "9_000"}}, o.cosine(start=3e-4, steps=9_000)),
        ({"warmup": {"schedule": "cosine(steps=9)", "steps": 3}}, o.cosine(steps=9).warmup(3)),
        ({"constant": None}, o.constant()),
        ({"noam": {"peak": "2e-3", "warmup_steps": 16_000}}, o.noam(peak=2e-3, warmup_steps=16_000)),
        ({"milestones": {"at": ["30", 60]}}, o.milestones(at=(30, 60))),
    ],
)
def test_from_dict_reads_what_a_person_writes(data, expected):
    assert from_dict(data) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"cosin": {"steps": 9}}, "from_dict: unknown lr function or plan 'cosin'; did you mean 'cosine'"),
        ({"cosine": {"step": 9}}, r"from_dict: at cosine: cosine\(\) has no parameter 'step'"),
        (
            {"warmup": {"schedule": {"cosine": {"steps": 0}}, "steps": 1}},
            "at warmup.schedule.cosine: .*steps must be > 0",
        ),
        ({"warmup": {"schedule": "cosin(steps=9)", "steps": 1}}, "at warmup.schedule: parse: at character 1"),
        ({"cosine": {"steps": 9}, "linear": {"steps": 9}}, "a schedule is one name with its parameters"),
        ({}, "a schedule is one name with its parameters"),
        ([], "a schedule is one name with its parameters"),
        ({"cosine": 9}, "at cosine: parameters are given by name"),
        (
            {"cosine": {"steps": "many"}},
            r"at cosine: .*steps must be a number .*got 'many' \(str\)",
        ),
        ({"warmup": {"schedule": "many", "steps": 1}}, "at warmup.schedule: parse: "),
        ({3: {}}, "unknown lr function or plan 3"),
    ],
)
def test_from_dict_refuses(data, message):
    with pytest.raises((ValueError, TypeError), match=message):
        from_dict(data)


def test_from_dict_refuses_a_tree_made_huge_by_aliases():
    data = {"constant": {}}
    for _ in range(60):
        data = {"add": {"first": data, "second": data}}
    with pytest.raises(ValueError, match="more than 10000 schedules in one"):
        from_dict(data)


def test_from_dict_refuses_hostile_nesting():
    data = {"constant": {}}
    for _ in range(5_000):
        data = {"shift": {"schedule": data, "by": 1}}
    with pytest.raises(ValueError, match="nested more than 250 deep"):
        from_dict(data)
