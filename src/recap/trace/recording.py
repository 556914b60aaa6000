"""A recording: a folder with a trace and what was saved around it, a trace alone, or an archive of /proc files."""

from __future__ import annotations

import math
import os
import shutil
import weakref
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np

from recap.errors import InputError
from recap.printable import html_table
from recap.trace.event import Event
from recap.trace.example import located
from recap.trace.opening import TRACE, open_flow, open_trace, trace_files, trace_in
from recap.trace.procfs import (
    PageTypes,
    Zone,
    ZoneInfo,
    read_buddyinfo,
    read_counters,
    read_pagetypeinfo,
    read_swaps,
    read_sysctl,
    read_zoneinfo,
)
from recap.trace.raw import is_raw
from recap.trace.snapshot import Snapshot, read_snapshot
from recap.trace.standard_input import seekable
from recap.trace.surroundings import PAGE_FLAGS, Words, read_page_flags
from recap.trace.table import Events, Flow
from recap.trace.tarball import is_tarball, unpack

START, END = "START", "END"


def load(path: str | os.PathLike[str]) -> Recording:
    """Open a recording; its parts are read when first asked for.

    Args:
        path: a folder with a trace.dat and what was saved around it, or a trace alone; `-` is standard input.

    Errors:
        InputError: there is no such file, or no trace in the folder.

    Example:
        >>> recap.load("recordings/hugetlb-1cpu").sysctl["vm.swappiness"]
        '60'
    """
    return Recording(path)


def nothing() -> Flow:
    """The trace of a folder without one."""
    return Flow(comms={}, clock="unknown", cpus=1, buffers=("",), symbols={})


class Recording:
    """What was recorded, each part read when first asked for. `n` is 0 for before the load, 1 for after.

    `files` are those that were read so far: all that an experiment depends on.

    Example:
        >>> recording = recap.load("recordings/hugetlb-1cpu")
        >>> recording.vmstat(1)["compact_success"] - recording.vmstat(0)["compact_success"]
        39
    """

    def __init__(self, path: str | os.PathLike[str], progress: Callable[[float, str], None] | None = None) -> None:
        self.progress = progress or (lambda _share, _what: None)  # told how far long work on it is, 0 to 1
        given = located(seekable(Path(path)))
        self.folder: Path | None
        self.files: set[Path] = set()
        self.archive = is_tarball(given)
        if self.archive:
            self.path, self.folder = given, unpack(given)
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
            return
        self.path = trace_in(given)
        self.folder = given if given.is_dir() else None
        if not (self.path.is_file() or is_raw(self.path)):
            raise InputError(given, "", "there is no such file", f"name a folder with a {TRACE} in it, or a trace")

    def __repr__(self) -> str:
        return f"<Recording {self.folder or self.path}: {', '.join(self.parts()) or 'a trace alone'}>"

    def _repr_html_(self) -> str:
        """Where it is and what it has, for notebooks."""
        return html_table(
            "recording",
            ["", ""],
            [["path", str(self.folder or self.path)], ["beside the trace", ", ".join(self.parts())]],
        )

    def parts(self) -> list[str]:
        """The names of the files beside the trace."""
        there = self.folder.iterdir() if self.folder else iter(())
        return sorted(path.name for path in there if path.is_file() and path != self.path)

    def beside(self, name: str) -> Path | None:
        """A file of the folder, if it was saved."""
        path = self.folder / name if self.folder else None
        if path is None or not path.is_file():
            return None
        self.files.add(path)
        return path

    @cached_property
    def events(self) -> Events:
        """The trace; none are in an archive of /proc files."""
        if self.archive:
            return nothing().whole()
        self.files.update(trace_files(self.path))
        return open_trace(self.path, lambda share: self.progress(share, "reading the trace"))

    def flow(self) -> Flow:
        """The trace piece by piece, which takes little memory however long it is."""
        if self.archive:
            return nothing()
        self.files.update(trace_files(self.path))
        return open_flow(self.path)

    def snapshot(self, n: int) -> Snapshot | None:
        """The memory state before or after, None if there is none."""
        path = self.beside(f"snap{n}.npz")
        return read_snapshot(path) if path else None

    def page_flags(self) -> Words | None:
        """/proc/kpageflags before, index = pfn; None if it was not saved."""
        path = self.beside(PAGE_FLAGS)
        return read_page_flags(path) if path else None

    def vmstat(self, n: int) -> dict[str, int]:
        """/proc/vmstat, empty if not saved."""
        path = self.beside(f"vmstat.{n}")
        return read_counters(path) if path else {}

    def meminfo(self, n: int) -> dict[str, int]:
        """/proc/meminfo (kB, as the kernel gives it), empty if not saved."""
        path = self.beside(f"meminfo.{n}")
        return read_counters(path) if path else {}

    def zoneinfo(self, n: int) -> list[ZoneInfo]:
        """/proc/zoneinfo, empty if not saved."""
        path = self.beside(f"zoneinfo.{n}")
        return read_zoneinfo(path) if path else []

    def buddyinfo(self, n: int) -> dict[Zone, tuple[int, ...]]:
        """/proc/buddyinfo, empty if not saved."""
        path = self.beside(f"buddyinfo.{n}")
        return read_buddyinfo(path) if path else {}

    def pagetypeinfo(self, n: int) -> PageTypes:
        """/proc/pagetypeinfo, empty if not saved."""
        path = self.beside(f"pagetypeinfo.{n}")
        return read_pagetypeinfo(path) if path else PageTypes()

    def swaps(self, n: int) -> list[str]:
        """The names of the swap devices and files; empty if not saved."""
        path = self.beside(f"swaps.{n}")
        return read_swaps(path) if path else []

    def page_kib(self) -> int | None:
        """KiB of a page: what all zones manage is all memory. None if not saved."""
        pages = sum(zone.counters.get("managed", 0) for zone in self.zoneinfo(0))
        total = self.meminfo(0).get("MemTotal", 0)
        return 1 << round(math.log2(total / pages)) if total and pages else None

    @cached_property
    def sysctl(self) -> dict[str, str]:
        """The vm sysctls by their full names, empty if not saved."""
        path = self.beside("sysctl.vm")
        return read_sysctl(path) if path else {}

    @cached_property
    def start(self) -> int | None:
        """When the load began: the first START mark."""
        return next(iter(self.marked(START)), None)

    @cached_property
    def end(self) -> int | None:
        """When the load ended: the last END mark."""
        return next(reversed(self.marked(END)), None)

    def marked(self, text: str) -> list[int]:
        """The times of a trace marker."""
        times = self.events.time[self.events.event == np.uint8(Event.TRACE_MARKER)].tolist()
        return [time for time, mark in zip(times, self.events.marks, strict=True) if mark == text]
