"""What /proc/kpageflags says of each page frame, and what it would say of the memory in a snapshot.

The numbers are its ABI (Documentation/admin-guide/mm/pagemap.rst; from 32 on include/linux/kernel-page-flags.h).
"""

from __future__ import annotations

import enum

import numpy as np
import numpy.typing as npt

from recap.trace.snapshot import FREE, Snapshot, frames

Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]


class KPF(enum.IntEnum):
    """The bits that recap reads."""

    REFERENCED = 2
    DIRTY = 4
    LRU = 5
    ACTIVE = 6
    SLAB = 7
    WRITEBACK = 8
    BUDDY = 10
    MMAP = 11
    ANON = 12
    SWAPBACKED = 14
    COMPOUND_HEAD = 15
    COMPOUND_TAIL = 16
    UNEVICTABLE = 18
    HWPOISON = 19
    NOPAGE = 20
    OFFLINE = 23
    PGTABLE = 26
    RESERVED = 32
    PRIVATE = 35


# The flags of struct page that kpageflags copies (stable_page_flags), by their names in a snapshot.
COPIED = {
    "PG_referenced": KPF.REFERENCED,
    "PG_dirty": KPF.DIRTY,
    "PG_lru": KPF.LRU,
    "PG_active": KPF.ACTIVE,
    "PG_slab": KPF.SLAB,
    "PG_writeback": KPF.WRITEBACK,
    "PG_swapbacked": KPF.SWAPBACKED,
    "PG_unevictable": KPF.UNEVICTABLE,
    "PG_hwpoison": KPF.HWPOISON,
    "PG_reserved": KPF.RESERVED,
    "PG_private": KPF.PRIVATE,
}
# What _mapcount holds of a page that cannot be mapped: bits that are clear, or since 6.12 (4ffca5a96678) a number in
# the highest byte.
PAGE_TYPE_BASE, PG_TABLE_BIT = 0xF0000000, 0x200
PGTY_TABLE, PGTY_SLAB = 0xF2, 0xF5
PAGE_MAPPING_ANON = np.uint64(1)


def has(flags: Words, bit: int) -> Mask:
    """Which frames have a flag."""
    return (flags >> np.uint64(bit) & np.uint64(1)).astype(np.bool_)


def mask(*bits: int) -> np.uint64:
    """These flags together."""
    return np.uint64(sum(1 << bit for bit in bits))


def of_snapshot(snapshot: Snapshot) -> Words:
    """The flags of all frames at the moment of a snapshot."""
    flags = np.zeros(len(snapshot.flags), np.uint64)

    def put(bit: KPF, where: Mask) -> None:
        flags[where] |= mask(bit)

    for name, bit in COPIED.items():
        if name in snapshot.enums["pageflags"]:
            put(bit, snapshot.has(name))
    put(KPF.ANON, snapshot.mapping & PAGE_MAPPING_ANON != 0)
    put(KPF.MMAP, (snapshot.mapcount >= 0) & snapshot.has("PG_lru"))
    for bit, where in page_types(snapshot).items():
        put(bit, where)
    heads, orders = snapshot.compound_blocks()
    inside = np.zeros(len(flags), np.bool_)
    inside[frames(heads, orders)] = True
    inside[heads] = False
    flags[inside] = mask(KPF.COMPOUND_TAIL)
    flags[heads] |= mask(KPF.COMPOUND_HEAD)
    flags[frames(*snapshot.free_blocks(FREE))] = mask(KPF.BUDDY)
    words = (snapshot.flags == 0) & (snapshot.mapcount_refcount == 0).all(axis=1)  # of struct pages that are not there
    flags[words] = mask(KPF.NOPAGE)
    return flags


def page_types(snapshot: Snapshot) -> dict[KPF, Mask]:
    """Page tables, and slabs where they have no flag of their own."""
    word = snapshot.mapcount.view(np.uint32)
    if "PG_slab" in snapshot.enums["pageflags"]:
        bits = PAGE_TYPE_BASE | PG_TABLE_BIT
        return {KPF.PGTABLE: word & np.uint32(bits) == np.uint32(PAGE_TYPE_BASE)}
    kind = word >> np.uint32(24)
    return {KPF.PGTABLE: kind == PGTY_TABLE, KPF.SLAB: kind == PGTY_SLAB}
