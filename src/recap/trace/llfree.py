"""The format LLFree's replay benchmark reads (luhsra/llfree-rs, bench/src/bin/replay.rs).

A file of 4 KiB pages. The first says how many follow, the CPUs and the highest page frame, each in 32 bits. Every
other one belongs to a CPU (32 bits) and holds 255 entries of 128 bits from byte 16 on; from the lowest bit up: 38
bits of time in microseconds, 24 of the page frame, 1 for an allocation, 4 of the order, 29 of gfp flags, 32 of the pid.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recap.errors import InputError
from recap.trace.blocks import LATEST, Block, BlockReader, Columns
from recap.trace.cursor import CUT_SHORT, forget
from recap.trace.event import Event
from recap.trace.gfp import GFP_NAMES
from recap.trace.table import COLUMNS, Flow

PAGE = 4096
BLOCK = 64 * PAGE
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


class LLFreeReplay(BlockReader):
    """A file for LLFree's replay on its way to the table."""

    def __init__(self, path: Path) -> None:
        symbols = {"gfp_flags": {PAGE_CACHE: "PAGE_CACHE", **GFP_NAMES}}
        super().__init__(path, Flow(comms={}, clock="microseconds", cpus=1, buffers=("",), symbols=symbols))

    def blocks(self) -> Iterator[Block]:
        """The blocks, after a look at the times in them."""
        for start in range(PAGE, len(self.data), BLOCK):
            stop = min(start + BLOCK, len(self.data))
            _, _, entries = entries_of(self.data[start:stop])
            yield Block(start, stop, int(times(entries).min(initial=LATEST)))
            forget(self.data, start, stop)

    def read(self, block: Block) -> Columns:
        """The allocations and frees of a block."""
        places, cpu, entries = entries_of(self.data[block.start : block.stop])
        low, high = entries["low"], entries["high"]
        order = bits(low, 63, 1) | bits(high, 0, 3) << np.uint64(1)
        self.check(block.start + places, cpu < MOST_CPUS, "cpuid")
        self.check(block.start + places, order <= MAX_ORDER, "order")
        alloc = bits(low, TIME_BITS + PFN_BITS, 1).astype(np.bool_)
        found = {
            "time": times(entries),
            "event": np.where(alloc, Event.MM_PAGE_ALLOC, Event.MM_PAGE_FREE),
            "cpu": cpu,
            "pid": bits(high, 32, 32).astype(np.uint32).view(np.int32),
            "pfn": bits(low, TIME_BITS, PFN_BITS),
            "order": order,
            "migratetype": np.where(alloc, bits(high, 3 + 3, 1), -1),  # __GFP_MOVABLE
            "flags": np.where(alloc, bits(high, 3, FLAG_BITS), 0),
        }
        forget(self.data, block.start, block.stop)
        return {name: found.get(name, np.zeros(len(cpu))).astype(kind) for name, kind in COLUMNS.items()}

    def check(self, places: npt.NDArray[np.int64], right: npt.NDArray[np.bool_], name: str) -> None:
        """Refuse what no machine has."""
        if not right.all():
            where = f"offset {places[np.argmin(right)]:#x}, field {name}"
            raise InputError(self.path, where, "the order is out of range", CUT_SHORT)


def entries_of(data: memoryview) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32], npt.NDArray[np.void]]:
    """The entries of whole pages that are used: where each is, its CPU, and itself."""
    pages = np.frombuffer(data, np.uint8).reshape(-1, PAGE)
    entries = pages[:, HEAD:].copy().view(ENTRY)
    page, number = np.nonzero((entries["low"] != 0) | (entries["high"] != 0))
    cpu = pages[:, :4].copy().view("<u4").ravel()
    return page * PAGE + HEAD + number * ENTRY.itemsize, cpu[page], entries[page, number]


def times(entries: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
    """When the entries were made, in nanoseconds."""
    return bits(entries["low"], 0, TIME_BITS).astype(np.int64) * MICROSECOND


def llfree_flow(path: Path) -> Flow:
    """The allocations and frees of a file for LLFree's replay, piece by piece."""
    return LLFreeReplay(path).flow()
