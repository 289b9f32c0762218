"""Factors that follow a metric: what makes them fall and rise, and that nothing is remembered."""

import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import optimsche as o

histories = st.lists(st.floats(-10, 10), max_size=60)


class TestPlateau:
    def test_falls_after_more_than_patience_reports_without_an_improvement(self):
        assert o.plateau.trace([3.0, 2.0, 2.0, 2.0, 1.0], factor=0.5, patience=1) == [1, 1, 1, 1, 0.5, 0.5]

    def test_an_improvement_below_the_tolerance_does_not_count(self):
        assert o.plateau([1.0, 0.9999, 0.9998], factor=0.5, patience=1, rtol=1e-2) == 0.5
        assert o.plateau([1.0, 0.9, 0.8], factor=0.5, patience=1, rtol=1e-2) == 1.0
        assert o.plateau([1.0, 0.9, 0.8], factor=0.5, patience=1, rtol=0.0, atol=0.3) == 0.5

    def test_upside_down_for_an_accuracy(self):
        assert o.plateau([0.1, 0.2, 0.3], factor=0.5, patience=1, mode="max") == 1.0
        assert o.plateau([0.3, 0.2, 0.1], factor=0.5, patience=1, mode="max") == 0.5

    def test_rests_after_a_fall(self):
        flat = [1.0] * 7
        assert o.plateau.trace(flat, factor=0.5, patience=0, cooldown=2) == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]

    def test_stops_at_its_floor_and_makes_no_small_change(self):
        assert o.plateau([1.0] * 20, factor=0.5, patience=0, floor=0.3) == 0.3
        assert o.plateau([1.0] * 20, factor=0.5, patience=0, smallest_change=0.2) == 0.25

    def test_averages_reports(self):
        assert o.plateau.trace([2, 0, 1, 1, 1, 1], factor=0.5, patience=1, average=2) == [1, 1, 1, 1, 1, 1, 0.5]

    def test_nothing_that_is_no_number_is_an_improvement(self):
        assert o.plateau([1.0, math.nan, math.nan], factor=0.5, patience=1) == 0.5

    @given(histories, histories)
    def test_the_past_is_not_changed_by_what_comes(self, before, after):
        assert o.plateau.trace(before + after)[: len(before) + 1] == o.plateau.trace(before)
        assert o.plateau.trace(before)[-1] == o.plateau(before)

    @given(histories, st.floats(0.1, 0.9), st.integers(0, 4), st.floats(0.0, 1.0))
    def test_never_rises_and_stays_at_or_above_its_floor(self, history, factor, patience, floor):
        factors = o.plateau.trace(history, factor=factor, patience=patience, floor=floor)
        assert factors == sorted(factors, reverse=True)
        assert min(factors) >= floor

    def test_multiplies_a_plan(self):
        plan = o.warmup_cosine(peak=1.0, warmup_steps=10, total_steps=100)
        assert (plan * o.plateau([1.0] * 5, factor=0.5, patience=3))(10) == 0.5

    def test_takes_what_a_training_loop_has(self):
        assert o.plateau([torch.tensor(1.0), torch.tensor(1.0)], patience=0) == 0.1
        assert o.plateau([]) == 1.0


class TestGreedy:
    def test_rises_while_the_metric_improves_and_falls_while_it_does_not(self):
        assert o.greedy.trace([4, 3, 2, 1], factor=0.5, patience=1) == [1, 1, 2, 2, 4]
        assert o.greedy.trace([1, 2, 3, 4], factor=0.5, patience=1) == [1, 1, 1, 0.5, 0.5]

    def test_stays_between_floor_and_ceiling(self):
        assert o.greedy(range(50, 0, -1), factor=0.5, patience=0, ceiling=3.0) == 3.0
        assert o.greedy(range(50), factor=0.5, patience=0, floor=0.1) == 0.1

    def test_begins_anew_after_so_many_falls_at_the_floor(self):
        factors = o.greedy.trace([1.0] * 5, factor=0.5, patience=0, floor=0.5, restart_after=2)
        assert factors == [1, 2, 1, 0.5, 1, 2]

    @given(histories, histories)
    def test_the_past_is_not_changed_by_what_comes(self, before, after):
        assert o.greedy.trace(before + after)[: len(before) + 1] == o.greedy.trace(before)


class TestWrongCalls:
    def test_a_report_that_is_no_number(self):
        with pytest.raises(TypeError, match=r"plateau: history must hold .* numbers, got '0,5' as report 2"):
            o.plateau([1.0, "0,5"])

    def test_a_setting_that_is_not_there(self):
        with pytest.raises(TypeError, match=r"plateau\(\) has no parameter 'patiense'; did you mean 'patience'\?"):
            o.plateau([1.0], patiense=3)

    def test_a_setting_out_of_range(self):
        with pytest.raises(ValueError, match=r"plateau\(factor=1.5\): factor must be > 0 and < 1"):
            o.plateau([1.0], factor=1.5)

    def test_no_history(self):
        with pytest.raises(TypeError, match=r"plateau\(\) needs history="):
            o.plateau(patience=3)

    @pytest.mark.parametrize("history", [None, 1.0, np.array(1.0), "12", {1: 2}])
    def test_a_history_that_is_no_list(self, history):
        with pytest.raises(TypeError, match="history must be a list of the metrics reported so far"):
            o.plateau(history)


def test_they_travel_by_their_name():
    assert pickle.loads(pickle.dumps(o.plateau)) is o.plateau


@pytest.mark.parametrize("exponent", [400, 5000])
def test_a_metric_too_large_for_a_float_is_refused(exponent):
    with pytest.raises(ValueError, match=r"plateau: history must hold metrics that fit a float, got .* as report 2"):
        o.plateau([1.0, 10**exponent])
