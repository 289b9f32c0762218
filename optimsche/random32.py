"""Random numbers that are a pure function of a seed and a counter, the same on every machine and in every library.

Threefry-2x32 with 20 rounds: additions, rotations and exclusive-ors of 32-bit words, which Python's integers, NumPy,
PyTorch and JAX all do exactly. The generator has no state, so draws may be made in any order, and made again.

Source: Salmon, Moraes, Dror & Shaw, Parallel Random Numbers: As Easy as 1, 2, 3 (2011), section 4.2; its known answers
are in the tests.
"""

from __future__ import annotations

from typing import Any

from optimsche import ops
from optimsche.libraries import is_number, library_of

_WORD, _MASK = 2.0**32, 2**32 - 1
_PARITY = 0x1BD11BDA
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def threefry_2x32(key: tuple[int, int], counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """The two random words that belong to a key and a counter, each of two 32-bit words.

    The words of the counter may be Python integers, or arrays as `words` makes them.

    >>> [hex(word) for word in threefry_2x32((0, 0), (0, 0))]
    ['0x6b200159', '0x99ba4efe']
    """
    keys = (*key, key[0] ^ key[1] ^ _PARITY)
    x, y = (wrapped(word + as_word(constant, word)) for word, constant in zip(counter, keys, strict=False))
    for injection in range(1, 6):
        for rotation in _ROTATIONS[(injection - 1) % 2]:
            x = wrapped(x + y)
            y = wrapped((y << rotation) | (y >> (32 - rotation))) ^ x
        x = wrapped(x + as_word(keys[injection % 3], x))
        y = wrapped(y + as_word((keys[(injection + 1) % 3] + injection) % 2**32, y))
    return x, y


def uniform(seed: int, real_step: float) -> float:
    """A number between -1 and 1 that belongs to a seed and a whole step; a step between whole ones is rounded down.

    >>> uniform(0, 1.0) == uniform(0, 1.5) != uniform(0, 2.0)
    True
    """
    step = ops.floor(real_step)
    high = ops.floor(step / _WORD)
    counter = words(high % _WORD, step - high * _WORD)
    word, _ = threefry_2x32((0, seed), counter)
    share: float = (real_like(word, step) + 0.5) / _WORD
    noise: float = real_like(2.0 * share - 1.0, real_step)
    return noise


# ---------------------------------------------------------------------------------------------------------------------
# 32-bit words: Python's integers, or arrays of a type that holds them
# ---------------------------------------------------------------------------------------------------------------------


def words(*values: float) -> tuple[Any, ...]:
    """Whole floats below 2**32 as words."""
    return tuple(int(value) if is_number(value) else library_of(value).word(value) for value in values)


def as_word(constant: int, like: Any) -> Any:
    """A constant word of the kind of another."""
    return constant if is_number(like) else library_of(like).word(constant, like)


def wrapped(value: Any) -> Any:
    """A sum or shift of words as a word again: modulo 2**32."""
    return value & _MASK if is_number(value) else library_of(value).wrapped(value)


def real_like(value: Any, clock: Any) -> Any:
    """A word as a real number of the type of a clock."""
    return float(value) if is_number(value) else library_of(value).real_like(value, clock)
