"""The format LLFree's replay benchmark reads (luhsra/llfree-rs, bench/src/bin/replay.rs).

A file of 4 KiB pages. The first says how many follow, the CPUs and the highest page frame, each in 32 bits. Every
other one belongs to a CPU (32 bits) and holds 255 entries of 128 bits from byte 16 on; from the lowest bit up: 38
bits of time in microseconds, 24 of the page frame, 1 for an allocation, 4 of the order, 29 of gfp flags, 32 of the pid.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from recap.errors import InputError
from recap.trace.cursor import CUT_SHORT, map_file
from recap.trace.gfp import GFP_NAMES
from recap.trace.table import COLUMNS, Event, Events

PAGE = 4096
HEAD = 16
ENTRY = np.dtype([("low", "<u8"), ("high", "<u8")])
MOST_CPUS = 1 << 12
MAX_ORDER = 10
PAGE_CACHE = 0x10000000  # LLFree's own flag
TIME_BITS, PFN_BITS, FLAG_BITS = 38, 24, 29
MICROSECOND = 1000

Words = npt.NDArray[np.uint64]


def is_llfree(head: bytes, size: int) -> bool:
    """Whether a file begins like one: as many pages as it says, few CPUs, and nothing else on the first page."""
    if size < 2 * PAGE or size % PAGE or len(head) < PAGE:
        return False
    pages, cpus, _ = np.frombuffer(head[:12], "<u4").tolist()
    return pages in (size // PAGE, size // PAGE - 1) and 0 < cpus <= MOST_CPUS and not any(head[12:PAGE])


def bits(words: Words, shift: int, width: int) -> Words:
    """Some bits of each word."""
    return words >> np.uint64(shift) & np.uint64((1 << width) - 1)


def read_llfree(path: Path) -> Events:
    """The allocations and frees of a file for LLFree's replay; page by page, all CPUs sorted by time."""
    data = np.frombuffer(map_file(path), np.uint8).reshape(-1, PAGE)[1:]
    cpu = np.repeat(data[:, :4].copy().view("<u4").ravel(), (PAGE - HEAD) // ENTRY.itemsize)
    entries = data[:, HEAD:].copy().view(ENTRY).ravel()
    used = (entries["low"] != 0) | (entries["high"] != 0)
    low, high, cpu = entries["low"][used], entries["high"][used], cpu[used]
    order = bits(low, 63, 1) | bits(high, 0, 3) << np.uint64(1)
    check(path, cpu, order)
    time = bits(low, 0, TIME_BITS).astype(np.int64) * MICROSECOND
    sort = np.lexsort((cpu, time))
    alloc = bits(low, TIME_BITS + PFN_BITS, 1).astype(np.bool_)
    found = {
        "time": time,
        "event": np.where(alloc, Event.MM_PAGE_ALLOC, Event.MM_PAGE_FREE),
        "cpu": cpu,
        "pid": bits(high, 32, 32).astype(np.uint32).view(np.int32),
        "pfn": bits(low, TIME_BITS, PFN_BITS),
        "order": order,
        "migratetype": np.where(alloc, bits(high, 3 + 3, 1), -1),  # __GFP_MOVABLE
        "flags": np.where(alloc, bits(high, 3, FLAG_BITS), 0),
    }
    columns = {}
    for name, kind in COLUMNS.items():
        column = found.get(name, np.zeros(len(time), kind)).astype(kind)[sort]
        column.flags.writeable = False
        columns[name] = column
    return Events(
        **columns,
        comms={},
        marks=[],
        lost=[],
        other={},
        clock="microseconds",
        cpus=int(cpu.max(initial=0)) + 1,
        buffers=("",),
        symbols={"gfp_flags": {PAGE_CACHE: "PAGE_CACHE", **GFP_NAMES}},
    )


def check(path: Path, cpu: npt.NDArray[np.uint32], order: Words) -> None:
    """Refuse what no machine has."""
    if len(cpu) == 0:
        raise InputError(path, "", "there is no event in it", CUT_SHORT)
    for name, wrong in (("cpuid", cpu >= MOST_CPUS), ("order", order > MAX_ORDER)):
        if wrong.any():
            raise InputError(path, f"field {name}", f"entry {int(np.argmax(wrong))} is absurd", CUT_SHORT)
