"""Pictures are read on a white ground and on a black one."""

import pytest

from optimsche.curve import style

GROUNDS = {"white": "#ffffff", "JupyterLab's black": "#111111", "VS Code's black": "#1e1e1e"}


def luminance(colour):
    """As the web's guidelines define it."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("colour", [*style.COLOURS, style.GREY, *style.GREYS])
def test_every_colour_stands_out(colour, ground):
    low, high = sorted((luminance(colour), luminance(GROUNDS[ground])))
    assert (high + 0.05) / (low + 0.05) >= 3.0


@pytest.mark.parametrize("update", [*range(0, 3_000, 7), 10**6, 1_234_567, 2.5e9, 123_456_000, 999_999, 0.25])
def test_a_short_number_is_the_number(update):
    text = style.short(update).replace(",", "")
    size = {"k": 1e3, "M": 1e6, "B": 1e9}.get(text[-1], 1.0)
    assert float(text.rstrip("kMB")) * size == pytest.approx(update, rel=1e-12)


@pytest.mark.parametrize("value", [0.0, 1e-8, 3.25e-5, 1e-3, 0.1, 1.0, 250.0, 12_345.0])
def test_a_rate_is_the_rate(value):
    assert float(style.rate(value)) == pytest.approx(value, rel=5e-4)
    assert len(style.rate(value)) <= 8


def test_ticks_that_four_digits_cannot_tell_apart_are_left_to_matplotlib():
    assert style.are_told_apart(0.0, 1e-6)
    assert not style.are_told_apart(0.1, 0.1001)
