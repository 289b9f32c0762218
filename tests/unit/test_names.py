"""The table of names: who has a name, for how long, and who is refused one."""

import gc
import sys
import types

import pytest

import optimsche as o
from optimsche import Rate, lr_fn, names


def defined_in(module, name="of_two_modules", factor=1.0, qualname=None):
    def formula(real_step, epoch, *, peak: Rate):
        return factor * peak

    formula.__name__, formula.__qualname__, formula.__module__ = name, qualname or name, module
    return lr_fn(formula)


@pytest.fixture
def few_objects():
    """What is there already is not looked at when garbage is collected: in a long run of tests that takes long."""
    gc.freeze()
    yield
    gc.unfreeze()


def test_another_function_of_the_same_name_is_refused():
    first = defined_in("one")
    with pytest.raises(
        ValueError, match=r"'of_two_modules' is already the name of of_two_modules in one, and text could"
    ):
        defined_in("two")
    with pytest.raises(ValueError, match=r"'of_two_modules' is already the name of of_two_modules in one"):
        defined_in("one", qualname="somewhere.else_")
    assert o.parse("of_two_modules(peak=0.5)") == first(peak=0.5)


def test_the_same_module_and_name_may_define_it_again():
    first, second = defined_in("one"), defined_in("one", factor=2.0)
    assert (first(peak=0.5)(1), second(peak=0.5)(1)) == (0.5, 1.0)
    assert o.parse("of_two_modules(peak=0.5)") == second(peak=0.5) != first(peak=0.5)


def test_how_a_function_is_called():
    assert names.call_of(o.linear) == "linear(start=..., end=..., steps=...)"
    assert names.call_of(o.warmup_constant) == "warmup_constant(peak=..., warmup_steps=..., total_steps=...)"
    assert names.call_of(min) == names.call_of(None) == ""


@pytest.mark.usefixtures("few_objects")
def test_a_function_that_nobody_holds_has_no_name():
    held = defined_in("one")
    assert names.known()["of_two_modules"] is held
    del held
    gc.collect()
    assert "of_two_modules" not in names.known()
    with pytest.raises(ValueError, match="unknown lr function or plan 'of_two_modules'"):
        o.parse("of_two_modules(peak=0.5)")
    defined_in("two")


@pytest.mark.usefixtures("few_objects")
def test_a_schedule_holds_its_function():
    plan = defined_in("one")(peak=0.5)
    gc.collect()
    assert o.parse(repr(plan)) == plan
    with pytest.raises(ValueError, match="is already the name"):
        defined_in("two")


@pytest.mark.parametrize("name", ["cosine", "warmup_cosine", "then", "sequence", "by_tokens"])
def test_the_names_of_the_library_are_taken(name):
    with pytest.raises(ValueError, match=f"'{name}' is the name of a built-in schedule; give your lr function another"):
        defined_in("one", name)
    assert names.lookup(name) is getattr(o, name)


def test_a_module_that_is_loaded_again_defines_its_functions_again(monkeypatch):
    code = "from optimsche import lr_fn\n@lr_fn\ndef reloaded(real_step, epoch):\n return {}\n"
    for value in (1.0, 2.0):
        module = types.ModuleType("reloaded_module")
        monkeypatch.setitem(sys.modules, "reloaded_module", module)
        exec(code.format(value), module.__dict__)
        assert o.parse("reloaded()")(1) == value
