"""Write the memory state of a kernel that stands still as a recap snapshot (snap0.npz, snap1.npz).

    pip install recap-mm[snapshot]
    python tools/snapshot.py CORE --symbols vmlinux -o snap0.npz      a dump of a paused guest, or a kdump
    python tools/snapshot.py CORE --btf -o snap0.npz                  without debug symbols: what the kernel carries
    python tools/snapshot.py --live --symbols vmlinux -o snap.npz     this machine: lists may change while they are read

docs/recording-a-vm.md tells how to get the dump at the right moment. What is read: every free list, per-cpu list and
LRU list in order, head first; the flags and a few words of every struct page; each pageblock's type; counters,
watermarks and the kernel's own enumerations. The format is that of `recap.trace.snapshot`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

try:
    import btf
    import drgn
    from drgn.helpers.linux import for_each_online_cpu, per_cpu_ptr
except ImportError:
    sys.exit("snapshot: drgn is not installed; pip install recap-mm[snapshot]")

FREE_LIST, PCP_LIST, LRU_LIST = range(3)
NR_LRU = 4  # the unevictable list is not kept as a list
ENUMS = ("migratetype", "zone_stat_item", "node_stat_item", "pageflags")
PCP_FIELDS = ("count", "high", "batch", "free_factor")
PCP_FIELDS_SINCE_6_7 = ("high_min", "high_max", "alloc_factor", "free_count", "flags")
TYPE_MASK = 7
SECTION = 1 << 15  # page frames, x86-64


class Kernel:
    """A kernel's memory, through drgn."""

    def __init__(self, program: drgn.Program) -> None:
        self.program = program
        self.node = program["node_data"][0]
        self.page = program.type("struct page")
        self.lru = drgn.offsetof(self.page, "lru")
        self.vmemmap = program["vmemmap_base"].value_()
        self.zones = [(index, zone) for index, zone in enumerate(self.node.node_zones) if zone.present_pages.value_()]

    def pfns(self, head: drgn.Object) -> Iterator[int]:
        """The page frames on a list, head first."""
        end = head.address_of_().value_()
        at = head.next.value_()
        while at != end:
            yield (at - self.lru - self.vmemmap) // drgn.sizeof(self.page)
            at = self.program.read_u64(at)

    def lists(self) -> np.ndarray[Any, Any]:
        """One row for each entry of a list: kind, three numbers that name the list, page frame."""
        rows = []
        for index, zone in self.zones:
            for order, area in enumerate(zone.free_area):
                for mt, head in enumerate(area.free_list):
                    rows += [(FREE_LIST, index, order, mt, pfn) for pfn in self.pfns(head)]
            for cpu in for_each_online_cpu(self.program):
                for number, head in enumerate(per_cpu_ptr(zone.per_cpu_pageset, cpu).lists):
                    rows += [(PCP_LIST, index, number, cpu, pfn) for pfn in self.pfns(head)]
        lruvec = self.node.member_("__lruvec")
        for lru in range(NR_LRU):
            rows += [(LRU_LIST, 0, lru, 0, pfn) for pfn in self.pfns(lruvec.lists[lru])]
        return np.array(rows, np.int64).reshape(-1, 5)

    def pages(self) -> dict[str, np.ndarray[Any, Any]]:
        """The words of every struct page that a model needs."""
        size = drgn.sizeof(self.page)
        frames = max(int(zone.zone_start_pfn) + int(zone.spanned_pages) for _, zone in self.zones)
        raw = b"".join(self.section(pfn, min(SECTION, frames - pfn) * size) for pfn in range(0, frames, SECTION))
        words = np.frombuffer(raw, np.uint64).reshape(frames, size // 8)
        halves = np.frombuffer(raw, np.int32).reshape(frames, size // 4)

        def word(name: str) -> np.ndarray[Any, Any]:
            return words[:, drgn.offsetof(self.page, name) // 8].copy()

        counts = [drgn.offsetof(self.page, name) // 4 for name in ("_mapcount", "_refcount")]
        index = "index" if self.page.has_member("index") else "__folio_index"  # since 6.16
        found = {"index": word(index), **{name: word(name) for name in ("flags", "mapping", "private")}}
        found["mapcount_refcount"] = halves[:, counts].copy()
        return found

    def section(self, pfn: int, size: int) -> bytes:
        """The struct pages of a section; zeros where there is a hole in memory."""
        try:
            return self.program.read(self.vmemmap + pfn * drgn.sizeof(self.page), size)
        except drgn.FaultError:
            return bytes(size)

    def pageblocks(self, frames: int) -> np.ndarray[Any, Any]:
        """The migratetype of each pageblock; 0 where there is no memory."""
        per_root = 4096 // drgn.sizeof(self.program.type("struct mem_section"))
        types = np.zeros((frames + 511) // 512, np.uint8)
        bits = dict(self.program.type("enum pageblock_bits").enumerators)
        types_of = dict(self.program.type("enum migratetype").enumerators)
        isolated = bits.get("PB_migrate_isolate")  # since 6.17; a type among the others before
        width = 4 if isolated is None else 8
        for block in range(len(types)):
            pfn = block * 512
            section = pfn // SECTION
            try:
                usage = self.program["mem_section"][section // per_root][section % per_root].usage
                if not usage.value_():
                    continue
                bit = (pfn % SECTION // 512) * width
                flags = usage.pageblock_flags[bit // 64].value_() >> bit % 64
                types[block] = flags & TYPE_MASK
                if isolated is not None and flags >> isolated & 1:
                    types[block] = types_of["MIGRATE_ISOLATE"]
            except drgn.FaultError:
                continue
        return types

    def meta(self) -> dict[str, Any]:
        """Zones, per-cpu lists, counters and enumerations."""
        pcps = []
        for index, zone in self.zones:
            for cpu in for_each_online_cpu(self.program):
                pcp = per_cpu_ptr(zone.per_cpu_pageset, cpu)[0]
                pcps.append({"zone": index, "cpu": cpu, **present(pcp, PCP_FIELDS + PCP_FIELDS_SINCE_6_7)})
        return {
            "kernel": self.program["init_uts_ns"].name.release.string_().decode(),
            "zones": [self.zone(index, zone) for index, zone in self.zones],
            "pcp": pcps,
            "node_vm_stat": [int(counter.counter) for counter in self.node.vm_stat],
            "lru_names": ["inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable"],
            **{name: dict(self.program.type(f"enum {name}").enumerators) for name in ENUMS},
        }

    def zone(self, index: int, zone: drgn.Object) -> dict[str, Any]:
        """One zone's limits and counters."""
        flags = dict(self.program.type("enum zone_flags").enumerators)
        below_high = {}
        if "ZONE_BELOW_HIGH" in flags:  # since 6.7
            below_high = {"below_high": int(zone.flags) >> flags["ZONE_BELOW_HIGH"] & 1}
        return {
            **present(zone, ("nr_free_highatomic",)),
            **below_high,
            "index": index,
            "name": zone.name.string_().decode(),
            "start_pfn": int(zone.zone_start_pfn),
            "spanned": int(zone.spanned_pages),
            "present": int(zone.present_pages),
            "managed": int(zone.managed_pages.counter),
            "watermark": [int(mark) for mark in zone.member_("_watermark")],
            "watermark_boost": int(zone.watermark_boost),
            "lowmem_reserve": [int(pages) for pages in zone.lowmem_reserve],
            "nr_reserved_highatomic": int(zone.nr_reserved_highatomic),
            "vm_stat": [int(counter.counter) for counter in zone.vm_stat],
        }


def present(record: drgn.Object, names: tuple[str, ...]) -> dict[str, int]:
    """Those of these numbers that this kernel's record has."""
    return {name: int(getattr(record, name)) for name in names if record.type_.has_member(name)}


def program(arguments: argparse.Namespace) -> drgn.Program:
    """The kernel that was asked for."""
    opened = drgn.Program()
    if arguments.live:
        opened.set_kernel()
    else:
        opened.set_core_dump(arguments.core)
    if arguments.btf:
        btf.load(opened)
        return opened
    opened.load_debug_info([arguments.symbols] if arguments.symbols else None, default=not arguments.symbols)
    return opened


def main() -> None:
    """Take one snapshot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("core", nargs="?", type=Path, help="a memory dump: of a guest, or from kdump")
    parser.add_argument("--live", action="store_true", help="this machine's own kernel")
    parser.add_argument("--symbols", type=Path, help="vmlinux with debug symbols of that kernel")
    parser.add_argument("--btf", action="store_true", help="no symbols: what the kernel's own memory tells")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the snapshot to write, .npz")
    arguments = parser.parse_args()
    if (arguments.core is None) != arguments.live:
        parser.error("name a dump, or --live")
    if arguments.btf and arguments.symbols:
        parser.error("--symbols or --btf, not both")
    try:
        kernel = Kernel(program(arguments))
        pages = kernel.pages()
        arrays = {"lists": kernel.lists(), **pages, "pageblock": kernel.pageblocks(len(pages["flags"]))}
        meta = json.dumps(kernel.meta() | {"start": "live" if arguments.live else "dump"})
    except (OSError, LookupError, ValueError, AttributeError, drgn.FaultError, drgn.MissingDebugInfoError) as error:
        sys.exit(f"snapshot: {arguments.core or 'this machine'}: {error}; are the symbols those of its kernel?")
    np.savez_compressed(arguments.output, **arrays, meta=np.array(meta))
    print(f"{arguments.output}: {len(pages['flags'])} page frames, {len(arrays['lists'])} list entries")


if __name__ == "__main__":
    main()
