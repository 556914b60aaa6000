"""The names of processes and threads: those alive at the start, at the end, and those the kernel kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

NAMES = "saved_cmdlines"


def save_comms(root: Path, raw: Path) -> None:
    """Add those known now to the ones that were saved before, in the form that tracefs has."""
    found = {**named(raw / NAMES), **dict(alive()), **named(root / NAMES)}
    (raw / NAMES).write_text("".join(f"{pid} {comm}\n" for pid, comm in sorted(found.items())))


def named(path: Path) -> dict[int, str]:
    """The names that a file tells."""
    try:
        lines: Iterable[str] = path.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    parts = (line.partition(" ") for line in lines)
    return {int(pid): comm for pid, _, comm in parts if pid.isdecimal()}


def alive() -> Iterator[tuple[int, str]]:
    """Every thread's name."""
    for process in Path("/proc").iterdir():
        with suppress(OSError):  # tasks go away meanwhile
            for task in (process / "task").iterdir() if process.name.isdecimal() else ():
                with suppress(OSError):
                    yield int(task.name), (task / "comm").read_text(errors="replace").rstrip("\n")
