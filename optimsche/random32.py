"""Random numbers that are a pure function of a seed and a counter, the same on every machine and in every library.

Threefry-2x32 with 20 rounds: additions, rotations and exclusive-ors of 32-bit words, which Python's integers, NumPy,
PyTorch and JAX all do exactly. The generator has no state, so draws may be made in any order, and made again.

Source: Salmon, Moraes, Dror & Shaw, Parallel Random Numbers: As Easy as 1, 2, 3 (2011), section 4.2; its known answers
are in the tests.
"""

from __future__ import annotations

from typing import Any

from optimsche import backends, ops

_WORD = 2.0**32
_PARITY = 0x1BD11BDA
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def threefry_2x32(key: tuple[int, int], counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """The two random words that belong to a key and a counter, each of two 32-bit words.

    The words of the counter may be Python integers, or arrays as :func:`optimsche.backends.words` makes them.

    >>> [hex(word) for word in threefry_2x32((0, 0), (0, 0))]
    ['0x6b200159', '0x99ba4efe']
    """
    keys = (*key, key[0] ^ key[1] ^ _PARITY)
    x, y = (
        backends.wrapped(word + backends.word(constant, word)) for word, constant in zip(counter, keys, strict=False)
    )
    for injection in range(1, 6):
        for rotation in _ROTATIONS[(injection - 1) % 2]:
            x = backends.wrapped(x + y)
            y = backends.wrapped((y << rotation) | (y >> (32 - rotation))) ^ x
        x = backends.wrapped(x + backends.word(keys[injection % 3], x))
        y = backends.wrapped(y + backends.word((keys[(injection + 1) % 3] + injection) % 2**32, y))
    return x, y


def uniform(seed: int, real_step: float) -> float:
    """A number between -1 and 1 that belongs to a seed and a whole step; a step between whole ones is rounded down.

    >>> uniform(0, 1.0) == uniform(0, 1.5) != uniform(0, 2.0)
    True
    """
    step = ops.floor(backends.wide(real_step))
    high = ops.floor(step / _WORD)
    counter = backends.words(high % _WORD, step - high * _WORD)
    word, _ = threefry_2x32((0, seed), counter)
    share: float = (backends.real_like(word, step) + 0.5) / _WORD
    noise: float = backends.real_like(2.0 * share - 1.0, real_step)
    return noise
