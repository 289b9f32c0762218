"""What a run leaves in its folder: a checkpoint that is never half written, a table, and a picture."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import torch

from optimsche.curve import plot, style
from optimsche.schedule import Schedule

COLUMNS = ("optimizer", "update", "epoch", "step_num", "lr", "loss", "grad_norm", "skipped")


def write_atomically(path: Path, content: bytes) -> None:
    """Put `content` at `path` whole or not at all, also if the process or the machine stops in the middle."""
    draft = path.with_name(path.name + ".part")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name itself is only on the disk after this
    finally:
        os.close(folder)


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint that `torch.load` reads with its safe default, `weights_only=True`."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path: Path, parts: Set[str]) -> dict[str, Any]:
    """Read a checkpoint that has these parts.

    Raises:
        ValueError: the file is cut off, or something else.
    """
    try:
        state = torch.load(path)
    except OSError:
        raise
    except Exception:  # torch answers a broken file with whatever goes wrong first
        state = None
    if not isinstance(state, dict) or state.keys() != parts:
        raise ValueError(f"{path} is not a whole checkpoint of the demo; begin anew with --restart")
    return state


def write_metrics(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    """One line an update, in the order of `COLUMNS`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def draw_rates(
    path: Path, plans: Mapping[str, Schedule], rows: Sequence[Sequence[Any]], *, steps_per_epoch: int, accum_grad: int
) -> None:
    """Draw the rates that were planned as lines, and those that were applied as dots upon them."""
    from optimsche.curve import canvas

    def draw(figure: Any) -> None:
        axes = plot(
            {f"{name}, planned": plan for name, plan in plans.items()},
            steps=max(row[1] for row in rows),
            steps_per_epoch=steps_per_epoch,
            accum_grad=accum_grad,
            ax=figure.subplots(),
        )
        for number, name in enumerate(plans):
            own = [row for row in rows if row[0] == name]
            sparse = own[:: max(len(own) // 60, 1)]
            colour = style.COLOURS[(len(plans) + number) % len(style.COLOURS)]
            look: Any = {"ms": 4, "mfc": "none", "color": colour, "label": f"{name}, applied"}
            axes.plot([row[1] for row in sparse], [row[4] for row in sparse], "o", **look)
        axes.legend()
        axes.set_title("Learning rates planned and applied", color=style.GREY)

    buffer = io.BytesIO()
    canvas.unshown_figure(draw, width=8.0, height=4.5).savefig(buffer, format="png", dpi=120)
    write_atomically(path, buffer.getvalue())
