"""Composer's times, and what a run must say for them."""

import pytest

from optimsche.peers import composer

RUN = {"base_lr": 1.0, "max_duration": "10ep", "dataloader_len": 10, "samples_per_batch": 8, "tokens_per_batch": 256}


@pytest.mark.parametrize(
    ("time", "batches"),
    [
        ("20ba", 20),
        (20, 20),
        ("2ep", 20),
        ("2EP", 20),
        ("160sp", 20),
        ("5120tok", 20),
        ("5.12e3tok", 20),
        ("0.2dur", 20),
        (".2dur", 20),
        ("100sp", 12.5),
        ("0.333dur", 33),
    ],
)
def test_times(time, batches):
    line = composer.LinearScheduler(t_max=time, **RUN)
    assert line.length == batches + 2
    assert line(2) == line(1) == 1.0
    assert line(3) == pytest.approx(1 - 1 / batches)


def test_the_ratio_scales_all_but_parts_of_the_run():
    assert composer.LinearScheduler(t_max="21ba", ssr=0.5, **RUN).length == 10 + 2
    assert composer.LinearScheduler(t_max="0.2dur", ssr=0.5, **RUN).length == 20 + 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"t_max": "ten ep"}, "t_max='ten ep' is no time"),
        ({"t_max": "10"}, "t_max='10' is no time"),
        ({"t_max": "-1ba"}, "is no time"),
        ({"t_max": "nandur"}, "is no time"),
        ({"t_max": "1.5ba"}, "must be a whole number of ba"),
        ({"t_max": "30sec"}, "in a unit that no schedule can use"),
        ({"t_max": "0ba"}, "is 0 in this run"),
        ({"t_max": "10ep", "dataloader_len": None}, "give dataloader_len"),
        ({"t_max": "8sp", "samples_per_batch": None}, "give samples_per_batch"),
        ({"t_max": "8tok", "tokens_per_batch": None}, "give tokens_per_batch"),
        ({"max_duration": None}, "give max_duration"),
        ({"max_duration": "1dur"}, "must be in ep, ba, sp or tok"),
        ({"ssr": 0}, "ssr must be > 0"),
    ],
)
def test_refusals(arguments, words):
    with pytest.raises(ValueError, match=words):
        composer.LinearScheduler(**{**RUN, **arguments})


def test_warmup_and_end_must_fit():
    with pytest.raises(ValueError, match="must use the same units"):
        composer.CosineAnnealingWithWarmupScheduler("80sp", "1dur", **RUN)
    with pytest.raises(ValueError, match="t_max 50ba must be greater than or equal to max_duration 10ep"):
        composer.LinearWithWarmupScheduler("10ba", t_max="50ba", **RUN)
