"""What errors say of a value, and of a name that is nearly right."""

import inspect

import pytest

import optimsche
from optimsche.call_errors import by_name, closest, did_you_mean, explained, explained_methods, shown


def test_a_number_too_long_to_print_is_shown_by_its_size():
    assert shown(10**10_000) == "a number of 33220 bits"
    assert shown([1] * 100) == "[1, 1, 1, 1, 1, 1, ...]"
    assert shown(0.5) == "0.5"


def test_the_nearest_name():
    assert (closest("step", ["start", "steps"]), closest("zebra", ["start", "steps"])) == ("steps", None)
    assert (did_you_mean("zebra", ["start"]), did_you_mean(3, ["start"])) == ("", "")


def test_an_error_from_inside_is_not_explained():
    @explained
    def train(*, steps):
        return len(5)

    with pytest.raises(TypeError, match=r"object of type 'int' has no len"):
        train(steps=3)
    with pytest.raises(TypeError, match=r"train\(\) has no parameter 'step'; did you mean 'steps'"):
        train(step=3)
    with pytest.raises(TypeError, match=r"train\(\) needs steps=$"):
        train()


def test_a_wrong_name_is_answered_where_a_function_takes_any():
    @explained
    def search(optimizer, *, start=1.0, **options):
        return start

    assert search(1, start=2.0, use_amp=True) == 2.0
    with pytest.raises(TypeError, match=r"search\(\) needs optimizer=$"):
        search(use_amp=True)
    with pytest.raises(
        TypeError,
        match=r"takes at most one parameter by position: write search\(optimizer=..., start=..., \*\*options\)",
    ):
        search(1, 2)


@pytest.mark.parametrize(
    "name",
    [
        "as_keras", "as_optax", "audit", "fit", "from_torch", "layer_decay", "next_window", "plot", "range_test",
        "read_log", "resume_step", "table", "total_updates", "without_decay",
    ],
)  # fmt: skip
def test_public_functions_are_explained(name):
    function = getattr(optimsche, name)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())
    with pytest.raises(
        TypeError, match=rf"^{name}\(\) (needs|has no parameter 'wibble'; (it takes|did you mean) )"
    ) as caught:
        function(wibble=1)
    assert ("needs" in str(caught.value)) is takes_any


def test_methods_of_a_class_are_explained_and_private_ones_are_not():
    @explained_methods
    class Run:
        def __init__(self, *, grad_clip=None):
            self.grad_clip = grad_clip

        def go(self, steps):
            return steps

        @classmethod
        def load(cls, *, steps):
            return cls()

        def _hidden(self, steps):
            return steps

    assert (Run().go(3), Run(grad_clip=1).grad_clip, type(Run.load(steps=3))) == (3, 1, Run)
    for call, message in {
        lambda: Run(max_norm=1): "has no parameter 'max_norm'; here that is 'grad_clip'",
        lambda: Run().go(step=3): "has no parameter 'step'; did you mean 'steps'",
        lambda: Run.load(step=3): "has no parameter 'step'; did you mean 'steps'",
        lambda: Run()._hidden(step=3): "unexpected keyword argument 'step'",
    }.items():
        with pytest.raises(TypeError, match=message):
            call()


def test_defaults_are_filled_in():
    def call(first, *, second=2):
        raise NotImplementedError

    import inspect

    parameters = inspect.signature(call).parameters
    assert by_name("call", parameters, (1,), {}) == {"first": 1, "second": 2}
    assert by_name("call", parameters, (), {"second": 5, "first": 3}) == {"first": 3, "second": 5}
    with pytest.raises(TypeError, match=r"call\(\) got 'first' twice, by position and by name"):
        by_name("call", parameters, (1,), {"first": 1})
