"""Logs as trainers write them: which rate was applied at which step."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from optimsche import call_errors
from optimsche.missing import needs


class RunLog(NamedTuple):
    """The rates of a run and the steps that they were logged at, in the order in which `audit` and `fit` take them."""

    rates: tuple[float, ...]
    steps: tuple[int, ...]


# As a log calls them, letters and digits alone, the likeliest first.
_STEPS = (
    "globalstep",
    "step",
    "steps",
    "update",
    "updates",
    "realstep",
    "numupdates",
    "iteration",
    "iter",
    "it",
    "currentsteps",
)
_RATES = ("learningrate", "lr", "rate")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_IN_TEXT = re.compile(
    rf"(?<![a-z])(?:learning[_ ]?rate|lr)(?:[-_/][a-z0-9]+)?['\"]?\s*(?:[:=]\s*)?\[?({_NUMBER})", re.I
)
_STEP_IN_TEXT = re.compile(
    r"(?<![a-z])(?:global[_ ]?step|steps?|updates?|iter(?:ation)?s?)(?:\(train\))?['\"]?\s*(?:[:=\[]\s*)?"
    r"(\d{1,3}(?:,\d{3})+(?!\d)|\d+)",
    re.I,
)
# What may be a number of steps, or begin anew in each epoch, or come once for many lines.
_COUNTER_IN_TEXT = re.compile(r"\d+\s?/\s{0,9}\d+|epoch", re.I)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@call_errors.explained
def read_log(
    path: str | os.PathLike[str], *, rate: str | None = None, step: str | None = None, pattern: str | None = None
) -> RunLog:
    """Read which rates a run has logged.

    Args:
        path: a file, or for TensorBoard also a folder. `.json`: the `trainer_state.json` of Hugging Face's Trainer, or
            a list of records. `.jsonl`: a record in each line. `.csv` and `.tsv`: a table with names at its head, as
            W&B exports, too. `events.out.tfevents...`: TensorBoard's, for which `tensorboard` must be installed. Any
            other name: text as it was printed, such as `step 100 | loss 2.1 | lr 3e-4`.
        rate: name of the column, tag or key of the rates; by default the one that is called as rates are.
        step: name of the column or key of the steps; likewise.
        pattern: for printed text, a regular expression with a group `rate`, and a group `step` if steps were printed.

    Returns:
        `rates` and `steps`, in the order in which `audit(plan, *read_log(path))` takes them. Where no steps were
        logged, they are 1, 2, 3, ...

    Raises:
        ValueError: the file has no rates, or several columns of them; its format is broken; its text has no steps that
            are called so, but numbers or epochs that may be.
        ModuleNotFoundError: TensorBoard's files, without `tensorboard`.
    """
    file = Path(path)
    if pattern is not None and (rate is not None or step is not None):
        raise ValueError(
            "read_log: pattern= finds rates and steps in text; rate= and step= name columns. Give one kind"
        )
    if file.is_dir() or "tfevents" in file.name:
        return _of_tensorboard(file, rate)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(
            f"read_log: {file} is no text; TensorBoard's files are known by 'tfevents' in their names"
        ) from None
    if pattern is not None:
        return _by_pattern(file, text, pattern)
    if file.suffix == ".json":
        return _of_records(file, _records_of_json(file, text), rate, step)
    if file.suffix == ".jsonl":
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        return _of_records(file, [_json(f"{file}, line {number}", line) for number, line in lines], rate, step)
    if file.suffix in (".csv", ".tsv"):
        head, rows = _records_of_csv(file, text)
        return _of_records(file, rows, rate, step, head)
    if rate is not None or step is not None:
        raise ValueError(f"read_log: {file} is read as printed text, which has no columns; give pattern= instead")
    return _printed(file, text)


def _json(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"read_log: {where} is no JSON: {str(error)[:100]}") from None


def _records_of_json(file: Path, text: str) -> Any:
    data = _json(str(file), text)
    return data.get("log_history", data) if isinstance(data, Mapping) else data


def _records_of_csv(file: Path, text: str) -> tuple[list[str], list[dict[str, str]]]:
    """The names at the head of a table, and its lines."""
    try:
        rows = csv.DictReader(io.StringIO(text), delimiter="\t" if file.suffix == ".tsv" else ",")
        return list(rows.fieldnames or ()), list(rows)
    except csv.Error as error:
        raise ValueError(f"read_log: {file} is no CSV: {error}") from None


def _of_records(file: Path, records: Any, rate: str | None, step: str | None, head: Sequence[str] = ()) -> RunLog:
    if not isinstance(records, Sequence) or not all(isinstance(record, Mapping) for record in records):
        raise ValueError(f"read_log: {file} must have records, each with its names, got {call_errors.shown(records)}")
    names = list(dict.fromkeys([*head, *(str(name) for record in records for name in record if name is not None)]))
    of_rate = _column(file, names, rate, "rate", _is_rate, needed=True)
    of_step = _column(file, names, step, "step", _is_step, needed=False)
    rates: list[float] = []
    steps: list[int] = []
    for record in records:
        value = record.get(of_rate)
        if value is None or value == "":
            continue  # a line of an evaluation, say
        at = record.get(of_step) if of_step is not None else len(rates) + 1
        if at is None or at == "":
            raise ValueError(
                f"read_log: {file}: a record with a rate has no {of_step!r}: {call_errors.shown(dict(record))}"
            )
        rates.append(_number(file, str(of_rate), value))
        steps.append(_whole(file, str(of_step), at))
    return _checked(file, rates, steps)


def _column(
    file: Path,
    names: Sequence[str],
    wanted: str | None,
    what: str,
    is_one: Callable[[str], int | None],
    *,
    needed: bool,
) -> str | None:
    """The name of a column: the one that is wanted, or the one that is called so."""
    if wanted is not None:
        if wanted not in names:
            hint = call_errors.did_you_mean(wanted, names) or f"; it has {', '.join(map(repr, names[:20]))}"
            raise ValueError(f"read_log: {file} has no {wanted!r}{hint}")
        return wanted
    ranked: dict[int, list[str]] = {}
    for name in names:
        place = is_one(name)
        if place is not None:
            ranked.setdefault(place, []).append(name)
    found = ranked[min(ranked)] if ranked else []
    if len(found) > 1:
        raise ValueError(
            f"read_log: {file} has several columns of a {what}: {', '.join(map(repr, found[:10]))}; "
            f"say which, {what}=..."
        )
    if not found and needed:
        raise ValueError(
            f"read_log: {file} has no column that is called as a learning rate is; it has "
            f"{', '.join(map(repr, names[:20])) or 'none'}. Name it: rate=..."
        )
    return found[0] if found else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_rate(name: str) -> int | None:
    if name.endswith(("__MIN", "__MAX")):  # beside each column of W&B's
        return None
    parts = [_plain(part) for part in re.split(r"/| - ", name)]
    if parts[-1] in _RATES:
        return _RATES.index(parts[-1])
    # Named after an optimizer, and after a group of it, too.
    return len(_RATES) if any(part.startswith(("lr", "learningrate")) for part in parts[-2:]) else None


def _is_step(name: str) -> int | None:
    if name.endswith(("__MIN", "__MAX")) or " - " in name:
        return None
    plain = _plain(name.rpartition("/")[2])
    return _STEPS.index(plain) if plain in _STEPS else None


def _number(file: Path, name: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(f"read_log: {file}: {name} must be numbers >= 0, got {call_errors.shown(value)}")
    return number


def _whole(file: Path, name: str, value: Any) -> int:
    number = _number(file, name, value)
    if number != math.floor(number) or number > 2**53:
        raise ValueError(f"read_log: {file}: {name} must be whole numbers, got {call_errors.shown(value)}")
    return int(number)


def _checked(file: Path, rates: Iterable[float], steps: Iterable[int]) -> RunLog:
    log = RunLog(tuple(rates), tuple(steps))
    if not log.rates:
        raise ValueError(f"read_log: {file} has no learning rates")
    return log


def _printed(file: Path, text: str) -> RunLog:
    rates: list[float] = []
    steps: list[int | None] = []
    unclear: str | None = None
    for line in text.splitlines():
        line = _COLOURS.sub("", line[:10_000])
        found, at = _IN_TEXT.search(line), _STEP_IN_TEXT.search(line)
        if found:
            rates.append(_number(file, "lr", found[1]))
            steps.append(int(at[1].replace(",", "")) if at else None)
        if at or _COUNTER_IN_TEXT.search(line):
            unclear = unclear or line
    if unclear is not None and steps and all(step is None for step in steps):
        raise ValueError(
            f"read_log: {file}: its lines with a rate have no number that is called a step, but there is "
            f"{call_errors.shown(unclear.strip())}. Say which is the step: pattern=r'...(?P<step>\\d+)...(?P<rate>...)'"
        )
    if any(step is None for step in steps) and any(step is not None for step in steps):
        raise ValueError(f"read_log: {file}: some lines with a rate have a step and others have none; give pattern=")
    numbered = [place if step is None else step for place, step in enumerate(steps, 1)]
    return _checked(file, rates, [_whole(file, "step", step) for step in numbered])


def _by_pattern(file: Path, text: str, pattern: str) -> RunLog:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"read_log(pattern={pattern!r}): it is no regular expression: {error}") from None
    if "rate" not in compiled.groupindex:
        raise ValueError(
            f"read_log(pattern={pattern!r}): it must have a group (?P<rate>...), and may have (?P<step>...)"
        )
    found = list(compiled.finditer(text))
    rates = [_number(file, "rate", one["rate"]) for one in found]
    has_steps = "step" in compiled.groupindex
    steps = [_whole(file, "step", one["step"]) if has_steps else place for place, one in enumerate(found, 1)]
    return _checked(file, rates, steps)


def _of_tensorboard(path: Path, rate: str | None) -> RunLog:
    try:
        reader = import_module("tensorboard.backend.event_processing.event_accumulator")
    except ImportError:
        raise needs("read_log of TensorBoard's files", "tensorboard") from None
    events: Any = reader.EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0})
    try:
        events.Reload()
    except Exception as error:  # whatever a broken file makes of it
        raise ValueError(f"read_log: {path} is no file of TensorBoard: {str(error)[:100]}") from None
    tags = events.Tags()
    tag = _column(path, [*tags["scalars"], *tags["tensors"]], rate, "rate", _is_rate, needed=True)
    if tag in tags["scalars"]:
        points = [(event.value, event.step) for event in events.Scalars(tag)]
    else:
        read = import_module("tensorboard.util.tensor_util").make_ndarray
        points = [(read(event.tensor_proto).item(), event.step) for event in events.Tensors(tag)]
    rates = [_number(path, str(tag), value) for value, _ in points]
    return _checked(path, rates, [int(at) for _, at in points])
