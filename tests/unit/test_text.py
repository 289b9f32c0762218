"""parse and from_dict: what they read, and what they answer to what they do not."""

import json
import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

import optimsche as o
from optimsche import from_dict, parse, text


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
        ("linear(steps=9) / 4", 0.25 * o.linear(steps=9)),
        ("linear(steps=9) + linear(steps=3)", o.linear(steps=9).add(o.linear(steps=3))),
        ("linear(steps=9) - linear(steps=3)", o.linear(steps=9).subtract(o.linear(steps=3))),
        ("1 - linear(steps=9)", 1 - o.linear(steps=9)),
        ("linear(steps=9) - 0.25 + 1", o.linear(steps=9).subtract(0.25).add(1)),
        ("0 + linear(steps=9)", o.linear(steps=9)),
        (
            "linear(steps=9).minimum(0.5).maximum(constant(0.1))",
            o.linear(steps=9).minimum(0.5).maximum(o.constant(0.1)),
        ),
        ("linear(steps=9).replace(steps=3)", o.linear(steps=3)),
        ("sequence([linear(steps=9), constant()])", o.linear(steps=9) >> o.constant()),
        ("sequence((linear(steps=9), constant()), at=[4])", o.linear(steps=9).then(o.constant(), at=4)),
        ("linear(steps=9).sequence([constant()])", o.linear(steps=9) >> o.constant()),
        ("constant(0.1)", o.constant(value=0.1)),
        ("expression('1 / (1 + t)')", o.expression(text="1 / (1 + t)")),
        ("linear(steps=9).by_tokens(3)", o.linear(steps=9).by_tokens(3)),
        ("linear(steps=9).by_tokens({1: 3, 5: 6})", o.linear(steps=9).by_tokens({1: 3, 5: 6})),
        ("by_tokens(linear(steps=9), '0:3 12:6')", o.linear(steps=9).by_tokens({1: 3, 5: 6})),
        (
            "constant().cooldown(at=5, steps=4, along=one_minus_power(power=2))",
            o.constant().cooldown(at=5, steps=4, along=o.one_minus_power(power=2)),
        ),
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
        ("cosine(steps=9) + None", "numbers take"),
        ("cosine(steps=9) + -1", r"add\(second=-1\): second must be >= 0"),
        ("cosine(steps=9) >> 1", "schedules take >> "),
        ("1 >> 2", "numbers take"),
        ("9 ** 9 ** 9 ** 9", "has no place in a schedule"),
        ("cosine(steps='a' * 9)", "numbers take"),
        ("cosine(steps=1 / 0)", "division by zero"),
        ("-cosine(steps=9)", "a sign stands before a number"),
        ("(" * 500 + ")" * 500, "is not an expression"),
        ("cosine(steps=" + "-" * 300 + "9)", "nested more than 250 deep|is not an expression"),
        ("x" + ".a" * 900, "has no place|is not an expression"),
        ("not " * 500 + "1", "has no place|is not an expression"),
        ("x" + ".a" * 5_000, "has no place|is not an expression"),
        ("cosine(steps=" + "-" * 100_000 + "9)", "nested more than 250 deep|is not an expression"),
        ("constant()  # \ud800", "is not an expression: nested too deeply, or no text"),
        ("cosine(steps=9))(", "at character 16 of .* is not an expression"),
        ("constant(value=1.0)) * (linear(steps=3)", "at character 20 of .* is not an expression"),
        ("constant(value=1.0)] * [linear(steps=3)", "at character 20 of .* is not an expression"),
        ("constant(value=1.0, value=2.0)", "at character 21 of .*'value' is given twice"),
        ("linear(steps=3).warmup(2).scale(factor=1, factor=2)", "at character 43 of .*'factor' is given twice"),
        ("#", "is not an expression: there is nothing in it"),
        ("\n# a plan\n", "is not an expression: there is nothing in it"),
        ("cosine(steps=0x" + "f" * 5_000 + ")", "steps must be finite"),
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
        ("0.1 *\n cosine(steps=)", "(15|21)"),  # what lacks a value, or where: Python 3.12 says the first
        ("cosine(steps=9) >> )", 21),  # this bracket closes what is put around the text
        ("cosine(steps=9) >>", 19),
        ("# a\u2028b\n cosine(steps=)", "(15|21)"),
        ("linear(steps=\0)", 14),
    ],
)
def test_parse_points_at_where_it_stopped(text, character):
    with pytest.raises(ValueError, match=f"^parse: at character {character} of .*: this is not an expression: "):
        parse(text)


@pytest.mark.parametrize(
    ("before", "after", "deepest"),
    [
        ("linear(steps=", ")", 249),
        ("linear(steps=1 + (1 + (1 + (2 * (", "))))) ", 245),
        ("shift(" * 99 + "linear(steps=", ")" + ", 1)" * 99, 150),
        ("shift(schedule=" * 99 + "linear(steps=", ")" + ", by=1)" * 99, 150),
        ("linear(steps=", ")" + ".shift(1)" * 99, 150),
        ("0.5 * " * 1 + "linear(steps=", ")" + " * 1.0" * 98, 150),
        ("milestones(at=[", "])", 248),
    ],
)
def test_parse_reads_250_levels_and_no_more(before, after, deepest):
    assert isinstance(parse(before + "+" * deepest + "9" + after), o.Schedule)
    with pytest.raises(ValueError, match="nested more than 250 deep"):
        parse(before + "+" * (deepest + 1) + "9" + after)


def test_texts_are_shown_up_to_80_characters():
    with pytest.raises(ValueError, match=f"at character 1 of '{'x' * 80}': unknown lr function"):
        parse("x" * 80)
    with pytest.raises(ValueError, match=rf"at character 1 of '{'x' * 77}\.\.\.': unknown lr function"):
        parse("x" * 81)
    with pytest.raises(ValueError, match=f"'{{{'1, ' * 13}' has no place in a schedule; known are numbers"):
        parse("{" + "1, " * 40 + "1}")  # the part that has no place, up to 40


def test_the_longest_text():
    assert parse("constant()" + " " * 999_990) == o.constant()
    with pytest.raises(ValueError, match="the text has 1000001 characters; at most 1000000 are read"):
        parse("constant()" + " " * 999_991)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("linear(steps=9)\n  .shift(\n  cosin(steps=3))", "at character 29 of"),
        ("é(steps=9)", "at character 1 of .*unknown lr function or plan 'é'"),
        ("constant(value=1) * 2 * é", "at character 25 of .*unknown lr function or plan 'é'"),
        ("   cosin(steps=3)", "at character 4 of"),
        ("   cosin(\n steps=3)", "at character 4 of"),
        ("constant(value=1) *\f cosin(steps=3)", "at character 22 of"),
        ("# a\u2028é\r\n cosin(steps=3)", "at character 9 of .*unknown lr function or plan 'cosin'"),
        ("# a\r\rcosin(steps=3)", "at character 6 of"),
        ("linear(steps=\0)", "is not an expression"),
        ("cosine(steps=9).shift(True)", "by must be a number .*got True"),
        ("+True", "a sign stands before a number, not before True"),
        ("True * linear(steps=9)", "numbers take"),
        ("False * linear(steps=9)", "numbers take"),
        ("linear(steps=9 + False)", "numbers take"),
        ("linear(steps=9) * None", "numbers take"),
        ("1 - 2", "is a int, not a schedule"),
        ("(1, 2)", "is a tuple, not a schedule"),
        ("linear(steps=9) / linear(steps=9)", "schedules take >> "),
        ("2 >> linear(steps=9)", "schedules take >> "),
        ("2 / linear(steps=9)", "schedules take >> "),
        ("linear(steps=9) * -1", "at character 1 of .*factor must be"),
        ("   ", "the text is empty, which is not an expression"),
    ],
)
def test_parse_says_what_and_where(text, message):
    with pytest.raises((ValueError, TypeError), match=message):
        parse(text)


def test_signs_and_lists_are_those_of_the_text():
    assert parse("linear(steps=10).shift(-3)").params["by"] == -3
    assert parse("linear(steps=10).shift(+3)").params["by"] == 3
    assert parse("linear(steps=10 - 3)").params["steps"] == 7
    assert parse("linear(steps=7 / 2)").params["steps"] == 3.5
    assert parse("milestones(at=[1, 2 * 3])").params["at"] == (1, 6)


def test_parse_does_not_warn_as_if_text_were_a_program():
    with pytest.raises(ValueError, match="has no place in a schedule"):
        parse("9in (1,)")  # warnings are errors here: the parser's own would come first
    with pytest.raises(ValueError, match="has no place in a formula"):
        o.expression(text="9in (1,)")


def test_parse_takes_nothing_else_than_a_schedule_in_some_form():
    with pytest.raises(TypeError, match=r"parse takes text, a mapping or a schedule, got 3 \(int\)"):
        parse(3)
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
        ({"scale": {"schedule": {"linear": {"steps": 9}}, "factor": "0.5"}}, o.linear(steps=9) * 0.5),
        (
            {"scale": {"schedule": "linear(steps=9)", "factor": "linear(steps=9)"}},
            o.linear(steps=9) * o.linear(steps=9),
        ),
        ({"expression": {"text": "1 / (t + 1)"}}, o.expression(text="1 / (t + 1)")),
        ({"expression": {"text": "3"}}, o.expression(text="3")),
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
        ("cosin(steps=9)", "parse: at character 1 of 'cosin.*; did you mean 'cosine'"),
        (3, "a schedule is one name .*got 3"),
        ({"repeat": {"schedule": {"linear": {"steps": 9}}, "closed": "up"}}, "at repeat: .*closed must be"),
        ({"scale": {"schedule": {"linear": {"steps": 9}}, "factor": "-1"}}, "at scale: .*factor must be .*-1"),
    ],
)
def test_from_dict_refuses(data, message):
    with pytest.raises((ValueError, TypeError), match=message):
        from_dict(data)


def refused_at_once(data, message):
    begin = time.process_time()
    with pytest.raises(ValueError, match=message):
        from_dict(data)
    assert time.process_time() - begin < 1.0


def test_from_dict_refuses_a_tree_made_huge_by_aliases():
    data = {"constant": {}}
    for _ in range(60):
        data = {"add": {"first": data, "second": data}}
    refused_at_once(data, "more than 1,100,000 values, or 50,000 schedules, in one")


def test_from_dict_builds_an_alias_once():
    data = {"linear": {"steps": 3}}
    for _ in range(12):
        data = {"scale": {"schedule": data, "factor": data}}
    plan = from_dict(data)
    assert plan.arguments["schedule"] is plan.arguments["factor"]
    assert plan.length == 3.0


def test_from_dict_counts_the_elements_of_tables():
    row = [0.5] * 1_000
    refused_at_once({"piecewise_constant": {"values": [row] * 1_101, "at": []}}, "more than 1,100,000 values")
    refused_at_once({"milestones": {"at": [1] * 1_100_000}}, "more than 1,100,000 values")  # and two mappings
    at = range(1, 20_001)
    assert from_dict({"milestones": {"at": list(at), "factor": 1.0}}).boundaries() == tuple(at)


def test_from_dict_does_not_go_through_a_row_that_is_too_long():
    refused_at_once({"milestones": {"at": range(10**12)}}, "more than 1,100,000 values")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"milestones": {"at": [10**5_000]}},
            r"milestones\(at=a list with a number of thousands of digits\): at must be finite",
        ),
        ({10**5_000: {}}, "unknown lr function or plan a number of 16610 bits"),
        ({"constant": {"value": "0" * 5_000 + "1"}}, "value must be a number .* got '000"),
    ],
)
def test_from_dict_refuses_numbers_that_python_does_not_write(data, message):
    with pytest.raises((ValueError, TypeError), match=message):
        from_dict(data)


@pytest.mark.parametrize(
    ("text_of_it", "message"),
    [
        ("cosine(steps=" + " * ".join(["9" * 4_000] * 200) + ")", "at character 14 of .* is too large a number"),
        ("{'cosine': {'steps': 3, 'steps': 4}}", "at character 25 of .*'steps' is given twice"),
        ("{{}: 1}", "at character 2 of .*the key of a mapping is text or a number, got {}"),
        ("constant(1, steps=10_000_000).running_product().running_product() >> linear(steps=3).foo", "has no place"),
        (
            "constant(0.1).cooldown(at=1, steps=1, along=constant(1, steps=10_000_000)"
            + ".running_product()" * 5
            + ")",
            "along must be a shape that is fitted to steps, .* which is evaluated update by update",
        ),
    ],
)
def test_parse_refuses_at_once(text_of_it, message):
    begin = time.process_time()
    with pytest.raises(ValueError, match=message):
        parse(text_of_it)
    assert time.process_time() - begin < 1.0


def test_a_shape_without_a_length_is_read_where_it_goes_along():
    cooldown = {"schedule": "constant(0.1)", "at": 80, "steps": 20, "along": "one_minus_power(power=0.5)"}
    plan = from_dict({"cooldown": cooldown})
    assert plan == o.constant(0.1).cooldown(at=80, steps=20, along=o.one_minus_power(power=0.5))
    with pytest.raises(TypeError, match=r"one_minus_power\(power=0.5\) needs steps= \(a length, in updates\)"):
        parse("one_minus_power(power=0.5)")
    with pytest.raises(TypeError, match=r"at then: one_minus_power\(power=0.5\) needs steps="):
        from_dict({"then": {"first": "one_minus_power(power=0.5)", "second": "constant()"}})


def tree(leaves):
    if leaves == 1:
        return {"constant": {"value": 0.0}}
    return {"add": {"first": tree(leaves // 2), "second": tree(leaves - leaves // 2)}}


def test_from_dict_reads_as_many_schedules_as_it_says(monkeypatch):
    assert (text._MOST_VALUES, text._MOST_SCHEDULES) == (1_100_000, 50_000)
    monkeypatch.setattr(text, "_MOST_SCHEDULES", 50)
    data = {"shift": {"schedule": tree(25), "by": 1}}  # 1 + 24 + 25
    assert from_dict(data)(1) == 0.0
    refused_at_once({"shift": {"schedule": data, "by": 1}}, "schedules, in one")


def test_from_dict_reads_as_many_values_as_it_says(monkeypatch):
    monkeypatch.setattr(text, "_MOST_VALUES", 50)
    at = list(range(1, 48))  # 47, and the two of `milestones`, and its name
    assert from_dict({"milestones": {"at": at, "factor": 1.0}}).boundaries() == tuple(at)
    refused_at_once({"milestones": {"at": [*at, 48], "factor": 1.0}}, "more than 50 values")


def test_from_dict_reads_what_to_dict_gives_of_a_long_sequence():
    plan = o.sequence([o.linear(steps=10)] * 5_001)
    assert from_dict(o.to_dict(plan)) == plan
    assert plan.length == 50_010.0


@pytest.mark.parametrize(
    "data",
    [
        {"sequence": {"schedules": [{"linear": {"steps": 9}}, "constant()"]}},
        {"sequence": {"schedules": ["linear(steps=9)", {"constant": None}], "at": ["9"]}},
    ],
)
def test_from_dict_reads_a_sequence(data):
    assert from_dict(data) == o.linear(steps=9) >> o.constant()


def test_from_dict_says_where_in_a_sequence():
    with pytest.raises(ValueError, match=r"at sequence\.schedules\.1: unknown lr function or plan 'linera'"):
        from_dict({"sequence": {"schedules": ["linear(steps=9)", {"linera": {"steps": 9}}]}})


@pytest.mark.parametrize(
    "per_update", [{1: 500, 1_001: 1_000}, {"1": "500", "1_001": 1_000}, [[1, 500], [1_001, 1_000]], "0:500 500K:1000"]
)
def test_from_dict_reads_tokens_per_update(per_update):
    plan = o.linear(steps=10**6).by_tokens({1: 500, 1_001: 1_000})
    assert from_dict({"by_tokens": {"schedule": "linear(steps=1_000_000)", "per_update": per_update}}) == plan
    assert from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    assert parse(repr(plan)) == plan


class Made(Mapping):
    """A mapping that makes its inner ones when it is asked, as do those of configuration libraries."""

    __slots__ = ("data",)

    def __init__(self, data):
        self.data = data

    def __getitem__(self, key):
        return Made(self.data[key]) if isinstance(self.data[key], dict) else self.data[key]

    def __iter__(self):
        return iter(self.data)

    def __len__(self):
        return len(self.data)


def test_from_dict_reads_mappings_that_are_made_on_the_way():
    parts = [{"constant": {"value": k}} for k in range(1, 10)]
    data = {"sequence": {"schedules": parts, "at": list(range(10, 90, 10))}}
    nested = {
        "clamp": {"schedule": data, "floor": {"add": {"first": parts[0], "second": parts[1]}}, "ceiling": parts[7]}
    }
    assert from_dict(Made(nested)) == from_dict(nested)


def test_from_dict_counts_levels():
    def nested(levels):
        data = {"constant": {}}
        for _ in range(levels):
            data = {"shift": {"schedule": data, "by": 1}}
        return data

    assert from_dict(nested(99))(1) == 1.0
    with pytest.raises(ValueError, match="schedules can be nested 100 deep"):
        from_dict(nested(250))
    with pytest.raises(ValueError, match="nested more than 250 deep"):
        from_dict(nested(251))


def test_from_dict_refuses_hostile_nesting():
    data = {"constant": {}}
    for _ in range(5_000):
        data = {"shift": {"schedule": data, "by": 1}}
    refused_at_once(data, "nested more than 250 deep")


def test_from_dict_refuses_data_that_contain_themselves():
    data = {"shift": {"by": 1}}
    data["shift"]["schedule"] = data
    refused_at_once(data, "nested more than 250 deep")
