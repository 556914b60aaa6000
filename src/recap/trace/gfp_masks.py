"""gfp masks of kernels before 4.6, which printed a number and no names."""

from __future__ import annotations

from recap.kernel import Version
from recap.trace.gfp import PLAIN, VALUES

COMMON = {
    0x01: "__GFP_DMA",
    0x02: "__GFP_HIGHMEM",
    0x04: "__GFP_DMA32",
    0x08: "__GFP_MOVABLE",
    0x20: "__GFP_HIGH",
    0x40: "__GFP_IO",
    0x80: "__GFP_FS",
    0x100: "__GFP_COLD",
    0x200: "__GFP_NOWARN",
    0x400: "__GFP_REPEAT",
    0x800: "__GFP_NOFAIL",
    0x1000: "__GFP_NORETRY",
    0x2000: "__GFP_MEMALLOC",
    0x4000: "__GFP_COMP",
    0x8000: "__GFP_ZERO",
    0x10000: "__GFP_NOMEMALLOC",
    0x20000: "__GFP_HARDWALL",
    0x40000: "__GFP_THISNODE",
    0x200000: "__GFP_NOTRACK",
    0x800000: "__GFP_OTHER_NODE",
    0x1000000: "__GFP_WRITE",
}
# d0164adc89f6 (4.4): __GFP_WAIT became two bits, and __GFP_ATOMIC one of its own.
WITH_WAIT = COMMON | {0x10: "__GFP_WAIT", 0x80000: "__GFP_RECLAIMABLE", 0x400000: "__GFP_NO_KSWAPD"}
WITH_RECLAIM = COMMON | {
    0x10: "__GFP_RECLAIMABLE",
    0x80000: "__GFP_ATOMIC",
    0x100000: "__GFP_ACCOUNT",
    0x400000: "__GFP_DIRECT_RECLAIM",
    0x2000000: "__GFP_KSWAPD_RECLAIM",
}
KSWAPD_BIT = 0x2000000  # of no older layout
MOVABLE_MOVED = (2, 6, 30)  # until then __GFP_MOVABLE was where __GFP_KMEMCG is later
KERNEL_OF = {"__GFP_IO", "__GFP_FS"}
LIGHT = {"__GFP_HIGHMEM", "__GFP_MOVABLE", "__GFP_HARDWALL"}
GROUPS: tuple[
    tuple[str, set[str], bool], ...
] = (  # what is printed as one word, the largest first, without what stands for waiting
    ("GFP_HIGHUSER_MOVABLE", KERNEL_OF | LIGHT, True),
    ("GFP_HIGHUSER", KERNEL_OF | {"__GFP_HIGHMEM", "__GFP_HARDWALL"}, True),
    ("GFP_USER", KERNEL_OF | {"__GFP_HARDWALL"}, True),
    ("GFP_TEMPORARY", KERNEL_OF | {"__GFP_RECLAIMABLE"}, True),
    ("GFP_KERNEL", KERNEL_OF, True),
    ("GFP_NOFS", {"__GFP_IO"}, True),
    ("GFP_NOIO", set(), True),
    ("GFP_ATOMIC", {"__GFP_HIGH"}, False),
    ("GFP_NOWAIT", set(), False),
)
WAITS = {"__GFP_WAIT", "__GFP_DIRECT_RECLAIM", "__GFP_KSWAPD_RECLAIM", "__GFP_ATOMIC"}
ZONE_NAMES = {"__GFP_DMA": "GFP_DMA", "__GFP_DMA32": "GFP_DMA32"}


def layout_of(mask: int, version: Version | None) -> dict[int, str]:
    """The names of the bits of a mask."""
    if version >= (4, 4) if version else mask & KSWAPD_BIT:
        return WITH_RECLAIM
    old = version < MOVABLE_MOVED if version else bool(mask & 0x02)
    return WITH_WAIT | {0x100000: "__GFP_MOVABLE" if old else "__GFP_KMEMCG"}


def names_of_mask(mask: int, version: Version | None) -> list[str]:
    """The flags of a mask, one name a bit, and what has none as a number."""
    layout = layout_of(mask, version)
    bits = [1 << bit for bit in range(mask.bit_length()) if mask >> bit & 1]
    return [layout.get(bit, hex(bit)) for bit in bits]


def printed(names: list[str]) -> str:
    """Flags as kernels since 4.6 print them: `GFP_ATOMIC|__GFP_COMP`."""
    left = set(names)
    waits = bool(left & {"__GFP_WAIT", "__GFP_DIRECT_RECLAIM"})
    words = []
    for word, parts, waiting in GROUPS:
        if waiting == waits and parts <= left:
            words.append(word)
            left -= parts
            break
    return "|".join(words + [ZONE_NAMES.get(name, name) for name in names if name in left - WAITS])


def word_of(names: list[str]) -> int:
    """The same with the bits of today."""
    both = PLAIN["__GFP_DIRECT_RECLAIM"] | PLAIN["__GFP_KSWAPD_RECLAIM"]
    today = {"__GFP_WAIT": both, "__GFP_REPEAT": PLAIN["__GFP_RETRY_MAYFAIL"]}
    word = 0
    for name in names:
        word |= today.get(name, VALUES.get(name, 0))
    if "__GFP_KSWAPD_RECLAIM" not in names and "__GFP_DIRECT_RECLAIM" not in names and "__GFP_NO_KSWAPD" not in names:
        word |= PLAIN["__GFP_KSWAPD_RECLAIM"]  # before 4.4 kswapd was woken by all others
    if "__GFP_HIGH" in names and "__GFP_WAIT" not in names and "__GFP_DIRECT_RECLAIM" not in names:
        word |= PLAIN["__GFP_ATOMIC"]
    return word
