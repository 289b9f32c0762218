"""A plan in optax: the rate that each update was made at, read from what it changed."""

from __future__ import annotations

import copy
import pickle

import jax
import jax.numpy as jnp
import optax
import pytest

from optimsche import as_optax, cosine, linear
from tests.adapters.helpers import HALVES, PLAN, RATES, UPDATES

PARAMS = {"w": jnp.ones(3)}
GRADIENTS = {"w": jnp.ones(3)}


def steps_of(optimizer, updates, state=None):
    """The steps that an optimizer takes for a gradient of 1: the rates, for SGD."""
    state = optimizer.init(PARAMS) if state is None else state
    taken = []
    for _ in range(updates):
        change, state = optimizer.update(GRADIENTS, state, PARAMS)
        taken.append(-float(change["w"][0]))
    return taken, state


def in_float32(rates):
    return pytest.approx(rates, rel=1e-6, abs=1e-12)


def test_each_update_has_its_rate():
    assert steps_of(optax.sgd(as_optax(PLAN)), UPDATES)[0] == in_float32(RATES)


def test_under_jit_and_scan():
    optimizer = optax.sgd(as_optax(PLAN))

    @jax.jit
    def run(state):
        def step(state, _):
            change, state = optimizer.update(GRADIENTS, state, PARAMS)
            return state, -change["w"][0]

        return jax.lax.scan(step, state, length=UPDATES)[1]

    assert run(optimizer.init(PARAMS)).tolist() == in_float32(RATES)


def test_inject_hyperparams_logs_the_rate_and_schedules_the_rest():
    decay = linear(start=0.1, steps=UPDATES)
    optimizer = optax.inject_hyperparams(optax.adamw)(learning_rate=as_optax(PLAN), weight_decay=as_optax(decay))
    state, logged = optimizer.init(PARAMS), []
    for _ in range(UPDATES):
        _, state = jax.jit(optimizer.update)(GRADIENTS, state, PARAMS)
        logged.append((float(state.hyperparams["learning_rate"]), float(state.hyperparams["weight_decay"])))
    assert [rate for rate, _ in logged] == in_float32(RATES)
    assert [value for _, value in logged] == in_float32([decay(n) for n in range(1, UPDATES + 1)])


@pytest.mark.parametrize("jit", [False, True])
def test_joined_with_schedules_of_optax(jit):
    """It calls each at all times, with counts below 0 before its turn."""
    joined = optax.join_schedules([optax.constant_schedule(0.5), as_optax(PLAN)], [3])
    rates = [float((jax.jit(joined) if jit else joined)(count)) for count in range(3 + UPDATES)]
    assert rates == in_float32([0.5, 0.5, 0.5, *RATES])


def test_accumulated():
    optimizer = optax.MultiSteps(optax.sgd(as_optax(PLAN)), every_k_schedule=2)
    taken, _ = steps_of(optimizer, 2 * UPDATES)
    assert taken[1::2] == in_float32(RATES)
    assert taken[::2] == [0.0] * UPDATES


@pytest.mark.parametrize(("plan", "rates"), [(PLAN, RATES), (0.5 * PLAN, HALVES)])
def test_resumed(plan, rates):
    _, state = steps_of(optax.sgd(as_optax(PLAN)), 3)
    state = pickle.loads(pickle.dumps(jax.device_get(state)))
    assert steps_of(optax.sgd(as_optax(plan)), UPDATES - 3, state)[0] == in_float32(rates[3:])


def test_groups():
    optimizer = optax.multi_transform(
        {"slow": optax.sgd(as_optax(0.25 * PLAN)), "fast": optax.sgd(as_optax(PLAN))}, {"w": "slow", "v": "fast"}
    )
    both = {"w": jnp.ones(3), "v": jnp.ones(3)}
    state = optimizer.init(both)
    for rate in RATES:
        change, state = optimizer.update(both, state, both)
        assert [-float(change[name][0]) for name in ("w", "v")] == in_float32([0.25 * rate, rate])


def test_it_is_a_value():
    schedule = as_optax(PLAN)
    for again in (pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule), as_optax(PLAN)):
        assert again == schedule
        assert hash(again) == hash(schedule)
    assert repr(schedule) == f"as_optax({PLAN!r})"


@pytest.mark.parametrize(
    ("plan", "kind", "words"),
    [
        (1e-3, TypeError, r"as_optax: plan must be a schedule, got 0.001.\n.*constant\(value=0.001\)"),
        (cosine(steps=4).by_epoch(), ValueError, r"counts epochs, and optax counts updates alone.\n.*plan.stretch"),
        (linear(steps=0.5), ValueError, "shorter than one update"),
    ],
)
def test_refused(plan, kind, words):
    with pytest.raises(kind, match=words):
        as_optax(plan)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("injected", [False, True])
def test_a_plan_that_optax_calls_itself_says_what_to_write(injected, jit):
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=PLAN) if injected else optax.sgd(PLAN)

    def train():
        return optimizer.update(GRADIENTS, optimizer.init(PARAMS), PARAMS)

    with pytest.raises(ValueError, match=r"optax counts finished updates from 0.*Write as_optax\(plan\)"):
        (jax.jit(train) if jit else train)()


def test_a_plan_on_arrays_of_jax_is_called_by_others_as_before():
    assert float(PLAN(jnp.int32(0))) == 0.0
    assert steps_of(optax.sgd(lambda count: PLAN(count + 1)), 2)[0] == in_float32(RATES[:2])
