"""Many schedules one after the other."""

# Without postponed annotations: `from_dict` reads them.
import itertools
import math
from collections.abc import Iterable

from optimsche.call_errors import explained, shown
from optimsche.checking import admit
from optimsche.combinators import facts
from optimsche.combinators.then import then
from optimsche.names import register
from optimsche.schedule import Schedule


@explained
def sequence(schedules: Iterable[Schedule], at: Iterable[float] | None = None) -> Schedule:
    """Evaluate many schedules one after the other: `a >> b >> c >> ...`, however many there are.

    Args:
        schedules: at least one.
        at: the last update of each but the last, counted from the beginning; increasing, > 0. By default where their
            lengths put it.

    Returns:
        Schedules joined by `then`, nested as deep as the logarithm of their number. `>>` nests as deep as there are
        schedules.

    Raises:
        ValueError: there is no schedule, `at` does not fit their number or does not increase, or a schedule that never
            ends has no place in `at`.
        TypeError: one of them is not a schedule.

    >>> from optimsche import constant, linear
    >>> sequence([constant(value=0.1), linear(start=0.1, steps=50), constant(value=0.0)], at=(20, 70)).boundaries()
    (20.0, 70.0)
    """
    if isinstance(schedules, Schedule) or not isinstance(schedules, Iterable):
        raise TypeError(f"sequence takes a list of schedules, got {shown(schedules)}: write sequence([a, b, c])")
    pieces = tuple(schedules)
    for piece in pieces:
        if not isinstance(piece, Schedule):
            raise TypeError(f"sequence takes schedules, got {shown(piece)} ({type(piece).__name__})")
    if not pieces:
        raise ValueError("sequence needs at least one schedule")
    if at is None:  # where a piece that was shifted away to nothing ends where it begins
        edges: tuple[float, ...] = tuple(itertools.accumulate(piece.length for piece in pieces[:-1]))
    else:
        given = tuple(at) if isinstance(at, Iterable) else at
        never_ends = isinstance(given, tuple) and math.inf in given  # which is refused below, as a piece
        edges = given if never_ends else admit("sequence", "at", tuple[float, ...], given)
    if len(edges) != len(pieces) - 1:
        raise ValueError(f"sequence(at={edges!r}): at needs one update less than there are schedules ({len(pieces)})")
    if math.inf in edges:
        raise ValueError(
            f"sequence: piece {edges.index(math.inf)} never ends; "
            "give it a length (steps=) or say where each ends (at=)"
        )
    for left, right in itertools.pairwise((0, *edges)) if at is not None else ():
        if right <= left:
            raise ValueError(f"sequence(at={edges!r}): at must increase from above 0, got {right} after {left}")
    return _joined(pieces, (0, *edges))


def _joined(pieces: tuple[Schedule, ...], begins: tuple[float, ...]) -> Schedule:
    if len(pieces) == 1:
        return pieces[0]
    middle = len(pieces) // 2
    first, second = _joined(pieces[:middle], begins[:middle]), _joined(pieces[middle:], begins[middle:])
    return then(first, second, at=facts.whole_if_it_is(float(begins[middle] - begins[0])))


register("sequence", sequence)
