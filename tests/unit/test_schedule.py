"""What every schedule does, whatever its formula: clocks, types, nesting, other parameters, facts, equality."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import optimsche as o
from optimsche import Rate, lr_fn

PLAN = o.linear(start=1.0, steps=10)


@lr_fn
def of_numpy(real_step, epoch, *, peak: Rate):
    return np.float64(peak) * real_step


@lr_fn
def whole(real_step, epoch):
    return 3


@lr_fn
def nothing(real_step, epoch):
    return None


@pytest.mark.parametrize("clocks", [(2,), (2.5,), (2, 1.0), (2, 1), (2.5, 1.5), (np.int64(2),), (np.float32(2),)])
def test_a_number_for_numbers_is_a_float(clocks):
    for plan in (PLAN, of_numpy(peak=0.1), whole()):
        assert type(plan(*clocks)) is float


@pytest.mark.parametrize("clocks", [(2,), (2.5,), (2, 1.5)])
def test_a_formula_that_returns_no_number_is_named(clocks):
    with pytest.raises(
        TypeError, match=rf"an lr function returns a number; nothing returned None for real_step={clocks[0]}"
    ):
        nothing()(*clocks)


def test_a_formula_that_returns_text_is_named():
    @lr_fn
    def in_words(real_step, epoch):
        return "fast"

    for clocks in ((2,), (2.5,), (2, 1.5)):
        with pytest.raises(
            TypeError, match="an lr function returns a number; in_words returned 'fast' for real_step=2"
        ):
            in_words()(*clocks)


@pytest.mark.parametrize("bad", [-1, -0.5, math.nan, math.inf, -math.inf, 1e301, 10**400])
@pytest.mark.parametrize("calls", [0, 100])
def test_a_clock_out_of_range_is_refused_however_often_the_plan_was_called(bad, calls):
    plan = o.cosine(steps=10).warmup(2)
    for t in range(calls):
        plan(t)
    for clocks in ((bad,), (bad, 1.0), (bad, 2)):
        with pytest.raises(ValueError, match="real_step must be a number from 0 to 1e300"):
            plan(*clocks)
    for clocks in ((3, bad), (3.5, bad), (np.array([1, 2]), bad)):
        with pytest.raises(ValueError, match="epoch must be"):
            plan(*clocks)


@pytest.mark.parametrize("count", [1, 1_000])  # a few go number by number, many in blocks
def test_a_clock_has_one_range(count):
    plan = o.cosine(steps=10)
    for clock in (1e301, np.full(count, 1e301)):
        with pytest.raises(ValueError, match=r"real_step must .* from 0 to 1e300, got "):
            plan(clock)
    assert plan(1e300) == plan(np.full(count, 1e300))[-1] == 0.0


@pytest.mark.parametrize("kind", ["f2", "f4"])  # which do not hold 1e300
def test_narrow_clocks_have_no_limit_but_infinity(kind):
    assert o.cosine(steps=10)(np.full(1_000, 6e4, dtype=kind))[-1] == 0.0
    with pytest.raises(ValueError, match="real_step must hold numbers from 0 to 1e300, got values from inf to inf"):
        o.cosine(steps=10)(np.full(1_000, math.inf, dtype=kind))


def test_a_clock_has_the_same_range_in_torch():
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match="real_step must hold numbers from 0 to 1e300, got "):
        o.cosine(steps=10)(torch.tensor([1e301], dtype=torch.float64))


@pytest.mark.parametrize("t", [0, 1, 2**53 - 1, 2**53, 2**53 + 1, 2**60, 10**18])
def test_a_whole_number_is_the_float_nearest_to_it(t):
    far = o.inverse_sqrt(timescale=10**6)
    assert far(t) == far(float(t)) == far(t, 1.0) == far(t, 1) == far(np.array([float(t)]))[0]


def test_whole_numbers_too_large_for_a_float_are_rounded_first():
    plan = o.linear(start=1.0, steps=2**54) * o.linear(start=3.0, steps=10**17)
    steps = [2**53 + k for k in range(101)]
    assert [plan(t) for t in steps] == [plan(float(t)) for t in steps]


@pytest.mark.parametrize("t", [2**53 + 1, 2**54 + 1])
def test_a_boundary_is_where_the_nearest_float_is(t):
    plan = o.milestones(at=(2**53, 2**54), factor=0.5)
    for _ in range(100):  # before and after it has flat code
        assert plan(t) == plan(t, 1.0) == plan(float(t))


@pytest.mark.parametrize("epoch", [1, 1.0, 1.5, 7, 2.0**53, 2.0**54, 1e300])
def test_epochs_are_numbers_from_one(epoch):
    plan = o.inverse_sqrt(timescale=10.0).by_epoch()
    expected = (1 + max(epoch - 1.0, 0.0) / 10.0) ** -0.5
    assert plan(3, epoch) == plan(3.0, epoch) == pytest.approx(expected, rel=1e-15)
    assert plan(np.array([3, 4]), epoch).tolist() == pytest.approx([expected] * 2, rel=1e-15)
    assert plan(3, np.array([epoch, epoch], dtype=float)).tolist() == pytest.approx([expected] * 2, rel=1e-15)


def test_schedules_are_nested_a_hundred_deep_and_no_more():
    plan = PLAN
    for _ in range(99):
        plan = plan * 1.0
    assert plan(5) == 0.5
    with pytest.raises(ValueError, match="scale: schedules can be nested 100 deep, and this would be one more"):
        plan * 1.0
    with pytest.raises(ValueError, match="then: schedules can be nested 100 deep"):
        PLAN >> plan


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"strat": 0.5}, r"apply: linear has no parameter 'strat'; did you mean 'start'\?"),
        ({"start": 0.5, "wibble": 1}, r"apply: linear has no parameter 'wibble'"),
    ],
)
def test_apply_refuses_a_parameter_that_is_not_there(params, message):
    with pytest.raises(TypeError, match=message):
        PLAN.apply(1, 1, params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (None, r"apply takes a dictionary of parameters of cosine, \{\} for no change, got None"),
        ({"start": None}, r"apply: cosine\(start=None\): start must be a number"),
        ({"start": {}}, r"apply: cosine\(start=\{\}\): start must be a number"),
        ({"start": o.constant()}, r"apply: cosine.*: start must be a number"),
        ({"start": "a"}, r"apply: cosine\(start='a'\): start must be a number"),
    ],
)
def test_apply_refuses_a_parameter_of_another_kind(params, message):
    with pytest.raises(TypeError, match=message):
        o.cosine(steps=9).apply(5, 1, params)


@lr_fn
def stepping(real_step, epoch, *, before: Rate = 0.5):
    return before if real_step < 5 else 0.1


@pytest.mark.parametrize("plan", [stepping(), 2 * stepping(), o.constant(value=0.5).running_product()], ids=repr)
def test_apply_equals_the_call_on_arrays_where_the_formula_takes_numbers_alone(plan):
    for steps in (np.arange(9), np.arange(400), np.arange(9, dtype=np.float32)):
        assert plan.apply(steps, 1, {}).tolist() == plan(steps).tolist()
        assert plan.apply(steps, 1, plan.params).dtype == plan(steps).dtype
    assert stepping().apply(np.arange(4, 6), 1, {"before": 0.25}).tolist() == [0.25, 0.1]


@lr_fn
def in_place(real_step, epoch, *, factor: Rate = 0.5):
    real_step *= factor
    return real_step


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor], ids=["numpy", "torch"])
def test_a_formula_that_works_in_place_leaves_its_clocks_alone(library):
    steps = library([1.0, 2.0])
    plan, half = in_place(), {"factor": steps[:1] / 2}
    results = [plan(steps), plan.apply(steps, 1, {}), plan.apply(steps, 1, half)]
    assert steps.tolist() == [1.0, 2.0]
    assert [result.tolist() for result in results] == [[0.5, 1.0]] * 3


@lr_fn
def complex_valued(real_step, epoch):
    return real_step * 1j


@pytest.mark.parametrize("steps", [3, np.arange(3), np.arange(300), torch.arange(3.0), jnp.arange(3.0)], ids=type)
def test_complex_values_are_refused(steps):
    with pytest.raises(
        TypeError, match=r"an lr function returns (a number; complex_valued returned|real numbers, got)"
    ):
        complex_valued()(steps)


@pytest.mark.parametrize("count", [3, 300])
def test_a_formula_that_returns_nothing_for_an_array_is_named(count):
    with pytest.raises(TypeError, match=r"an lr function returns a number; nothing returned None for real_step=0\.0"):
        nothing()(np.arange(count))


def test_durations_are_no_clocks():
    with pytest.raises(TypeError, match=r"real_step must hold whole or real numbers, got an array of timedelta64"):
        o.linear(steps=10)(np.array([1, 2], dtype="m8[D]"))


@pytest.mark.parametrize("count", [1, 400])
def test_half_precision_clocks_do_not_overflow(count):
    curve = o.linear(steps=100_000)(np.full(count, 50_000, dtype=np.float16))
    assert curve.dtype == np.float16
    assert curve.tolist() == [0.5] * count


def test_apply_goes_into_schedules_inside():
    plan = PLAN.warmup(4) * 0.5
    assert plan.apply(14, 1, {}) == plan(14)
    assert plan.apply(2, 1, {"schedule": {"steps": 2, "schedule": {"start": 3.0}}}) == 1.5
    with pytest.raises(TypeError, match=r"scale's schedule takes a dictionary of the parameters of warmup, got 0\.5"):
        plan.apply(2, 1, {"schedule": 0.5})
    table = o.piecewise_constant(values=(0.1, 0.2), at=(5,))
    assert table.apply(9, 1, {"values": [0.3, 0.4]}) == 0.4
    growing = o.constant().repeat(every=2)
    assert growing.apply(5, 1, {"scale": 2.0}) == 4.0  # ranges are not checked


def test_facts():
    plan = PLAN.warmup(4) * 0.5
    assert plan.lr_fn is o.scale
    assert list(plan.arguments) == ["schedule", "factor"]
    assert (PLAN.inner, (PLAN >> plan).inner, plan.inner) == ((), (PLAN, plan), (PLAN.warmup(4),))
    assert plan.lr_fn(**plan.arguments) == plan
    assert plan.params["schedule"]["schedule"] == {"start": 1.0, "end": 0.0, "steps": 10}
    assert [p.counts_epochs for p in (plan, PLAN.by_epoch(), PLAN * PLAN.by_epoch())] == [False, True, True]
    assert (whole().length, whole().boundaries()) == (math.inf, ())
    assert (o.constant(steps=5).length, o.constant(steps=5).boundaries()) == (5.0, (5.0,))
    assert repr(o.cosine) == "<lr function cosine(start, end, steps)>"


def test_what_is_equal_and_what_is_not():
    assert o.linear(start=1, steps=10.0) == PLAN
    assert hash(PLAN) == hash(o.linear(start=1.0, steps=10))
    assert o.linear(start=0.5, steps=10) != PLAN
    assert o.cosine(start=1.0, steps=10) != PLAN
    assert PLAN != "linear(start=1.0, end=0.0, steps=10)"
    assert len({PLAN, o.linear(start=1.0, steps=10), o.cosine(steps=10)}) == 2
    assert o.linear == o.linear
    assert o.linear != o.cosine


def test_annotations_as_text_find_what_is_defined_around_the_function():
    Mine = Rate
    namespace = {"lr_fn": lr_fn}
    code = "def around(Mine):\n @lr_fn\n def f(real_step, epoch, *, peak: 'Mine'):\n  Mine; return peak\n return f"
    exec(code, namespace)
    made = namespace["around"](Mine)
    assert made(peak=0.5)(1) == 0.5
    with pytest.raises(ValueError, match="peak"):
        made(peak=-1.0)


@pytest.mark.parametrize(
    "formula",
    [
        lambda: None,
        "def f(real_step): pass",
        "def f(epoch, real_step): pass",
        "def f(epoch, t, *, peak=0.1): pass",
        "def f(real_step, epoch=1): pass",
        "def f(real_step, *, epoch): pass",
        "def f(*clocks): pass",
    ],
)
def test_the_clocks_come_first(formula):
    if isinstance(formula, str):
        namespace = {}
        exec(formula, namespace)
        formula = namespace["f"]
    begins_wrong = r"@lr_fn: .*(must begin with the clocks|'<lambda>' is not an identifier: define it with def)"
    with pytest.raises(TypeError, match=begins_wrong):
        lr_fn(formula)


def test_operators_are_combinators():
    first, second = o.cosine(steps=9), o.linear(steps=5)
    assert first / 4 == first / np.float64(4) == 0.25 * first == first.scale(0.25)
    assert first + second == first.add(second)
    assert first >> second + second == first.then(second.add(second))


def test_a_schedule_that_is_a_part_twice_is_not_asked_twice_at_each_level():
    plan = o.linear(steps=10)
    for _ in range(60):
        plan = plan * plan
    assert (plan.length, plan.counts_epochs, len({plan})) == (10, False, 1)  # 2**60 questions would not end


class WithAttributes:
    def __init__(self):
        self._node, self._hash, self.start = None, 7, 0.5

    def __call__(self, step):
        return 1.0


def test_a_state_of_lambda_lr_that_comes_from_an_object_leaves_the_plan_as_it_is():
    def scheduler(function):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        return torch.optim.lr_scheduler.LambdaLR(optimizer, function)

    plan = o.cosine(steps=10).warmup(2)
    with_plan, saved = scheduler(plan), scheduler(WithAttributes()).state_dict()
    with_plan.load_state_dict(saved)
    assert (plan.__dict__, plan(2), plan) == ({}, 1.0, o.cosine(steps=10).warmup(2))
    assert not hasattr(plan, "start")
    assert with_plan.state_dict()["lr_lambdas"] == [{}]


def test_torch_compile_follows_a_plan():
    compiled = torch.compile(lambda t: PLAN(t) * 2.0, fullgraph=True, backend="eager")
    assert compiled(torch.tensor([0.0, 5.0])).tolist() == [2.0, 1.0]


@pytest.mark.parametrize("combine", [lambda s: s + s, lambda s: s * s, lambda s: s.then(s, at=1), lambda s: s - s])
def test_schedules_that_hold_a_part_twice_are_compared_at_once(combine):
    one, other, different = o.linear(steps=10), o.linear(steps=10), o.linear(steps=11)
    for _ in range(60):
        one, other, different = combine(one), combine(other), combine(different)
    assert one == other  # 2**60 comparisons would not end
    assert one != different
    assert hash(one) == hash(other)


def test_schedules_of_equal_hashes_are_compared_and_not_taken_for_equal():
    one, other = o.linear(steps=10) * 0.5, o.linear(steps=10) * 0.25
    object.__setattr__(other, "_hash", one._hash)
    assert one != other
    inside, outside = one.warmup(3), other.warmup(3)
    object.__setattr__(outside, "_hash", inside._hash)
    assert inside != outside
