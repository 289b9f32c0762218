"""SpeeChain: arguments without a recorded curve, by its formula, and those it refuses."""

import pytest

from optimsche import peers


def test_noam_with_everything():
    plan = peers.speechain.Noamlr(d_model=100, warmup_steps=4, accum_grad=3, ft_factor=0.5)
    expected = [0.05 * min(c**-0.5, c * 4**-1.5) for c in (1, 1, 1, 2, 4, 4, 5, 100)]
    assert [plan(n) for n in (1, 2, 3, 4, 10, 12, 13, 300)] == pytest.approx(expected, rel=1e-12)


def test_the_epoch_as_a_clock():
    plan = peers.speechain.ExponentDecayLr(decay_factor=0.5, base_lr=0.1)
    assert [plan(epoch) for epoch in (1, 2, 3)] == [0.1, 0.05, 0.025]
    assert plan.shift(-1).by_epoch()(12345, epoch=3) == 0.025


@pytest.mark.parametrize(
    ("schedule", "params", "error", "words"),
    [
        ("Noamlr", {}, ValueError, "give d_model, or base_lr"),
        ("Noamlr", {"d_model": 512, "warmup_steps": 0}, ValueError, "warmup_steps must be"),
        ("Noamlr", {"d_model": 512, "accum_grad": 0}, ValueError, "accum_grad must be"),
        ("ExponentDecayLr", {"gamma": 0.9, "base_lr": 0.1}, TypeError, "no parameter 'gamma'"),
    ],
)
def test_refuses(schedule, params, error, words):
    with pytest.raises(error, match=words):
        getattr(peers.speechain, schedule)(**params)
