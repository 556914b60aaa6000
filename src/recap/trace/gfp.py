"""gfp flags by name, for traces that come without a kernel's own formats.

The bits are those of include/linux/gfp_types.h since 4.19; those that were gone by 6.18 are here all the same.
"""

import re
from functools import lru_cache

BITS = (
    *("DMA", "HIGHMEM", "DMA32", "MOVABLE", "RECLAIMABLE", "HIGH", "IO", "FS", "ZERO", "ATOMIC"),
    *("DIRECT_RECLAIM", "KSWAPD_RECLAIM", "WRITE", "NOWARN", "RETRY_MAYFAIL", "NOFAIL", "NORETRY"),
    *("MEMALLOC", "COMP", "NOMEMALLOC", "HARDWALL", "THISNODE", "ACCOUNT", "ZEROTAGS", "NO_OBJ_EXT"),
)
PLAIN = {f"__GFP_{name}": 1 << bit for bit, name in enumerate(BITS)}
RECLAIM = PLAIN["__GFP_DIRECT_RECLAIM"] | PLAIN["__GFP_KSWAPD_RECLAIM"]
KERNEL = RECLAIM | PLAIN["__GFP_IO"] | PLAIN["__GFP_FS"]
USER = KERNEL | PLAIN["__GFP_HARDWALL"]
MOVABLE = USER | PLAIN["__GFP_HIGHMEM"] | PLAIN["__GFP_MOVABLE"]
LIGHT = (MOVABLE | PLAIN["__GFP_COMP"] | PLAIN["__GFP_NOMEMALLOC"] | PLAIN["__GFP_NOWARN"]) & ~RECLAIM

# The largest first, as the kernel prints them.
COMPOSITE = {
    "GFP_TRANSHUGE": LIGHT | PLAIN["__GFP_DIRECT_RECLAIM"],
    "GFP_TRANSHUGE_LIGHT": LIGHT,
    "GFP_HIGHUSER_MOVABLE": MOVABLE,
    "GFP_HIGHUSER": USER | PLAIN["__GFP_HIGHMEM"],
    "GFP_USER": USER,
    "GFP_KERNEL_ACCOUNT": KERNEL | PLAIN["__GFP_ACCOUNT"],
    "GFP_KERNEL": KERNEL,
    "GFP_NOFS": RECLAIM | PLAIN["__GFP_IO"],
    "GFP_ATOMIC": PLAIN["__GFP_HIGH"] | PLAIN["__GFP_KSWAPD_RECLAIM"],
    "GFP_NOIO": RECLAIM,
    "__GFP_RECLAIM": RECLAIM,
}
# Printed as one word, but not the same word in all kernels.
OTHERS = {
    "GFP_NOWAIT": PLAIN["__GFP_KSWAPD_RECLAIM"],
    "GFP_DMA": PLAIN["__GFP_DMA"],
    "GFP_DMA32": PLAIN["__GFP_DMA32"],
    "none": 0,
    "GFP_NOTRACK": 0,
}
# Names of other releases and architectures: __GFP_WAIT became two flags (d0164adc89f6), __GFP_REPEAT was renamed
# (dcda9b04713c); those of NOTHING_NOW have no bit today, or one that only a configuration has.
RENAMED = {"WAIT": RECLAIM, "REPEAT": PLAIN["__GFP_RETRY_MAYFAIL"]}
NOTHING_NOW = (
    *(
        "COLD",
        "NOTRACK",
        "NO_KSWAPD",
        "OTHER_NODE",
        "KMEMCG",
        "NOLOCKDEP",
        "CMA",
        "NOACCOUNT",
        "SKIP_ZERO",
        "SKIP_KASAN",
    ),
    *("SKIP_KASAN_POISON", "SKIP_KASAN_UNPOISON", "NORETRY_KSWAPD"),
)
ELSEWHERE = (
    {f"__GFP_{name}": bits for name, bits in (RENAMED | dict.fromkeys(NOTHING_NOW, 0)).items()}
    | {f"GFP_{name}": bits for name, bits in (RENAMED | dict.fromkeys(NOTHING_NOW, 0)).items()}
    | {"GFP_TEMPORARY": KERNEL | PLAIN["__GFP_RECLAIMABLE"]}
)
# Before 4.6 trace events printed single flags without underscores (edf14cdbf9a0).
BARE = {name.removeprefix("__"): bits for name, bits in PLAIN.items()}
VALUES = BARE | ELSEWHERE | PLAIN | COMPOSITE | OTHERS
GFP_NAMES = {bits: name for name, bits in (COMPOSITE | PLAIN).items()}
LONGEST = 1000
NUMBER = re.compile(r"0x[0-9a-fA-F]{1,16}")


@lru_cache(4096)
def gfp_bits(text: str) -> int:
    """The flag word behind what the kernel prints, `GFP_KERNEL|__GFP_ZERO`; what has no name here adds nothing."""
    bits = 0
    for name in text[:LONGEST].split("|"):
        if NUMBER.fullmatch(name):
            bits |= int(name, 16) & 0xFFFFFFFF
        else:
            bits |= VALUES.get(name, 0)
    return bits


@lru_cache(4096)
def unknown_names(text: str) -> tuple[str, ...]:
    """Those of the flags that have no name here."""
    return tuple(name for name in text[:LONGEST].split("|") if name not in VALUES and NUMBER.fullmatch(name) is None)
