"""A memory state as a snapshot: of a kernel that stands still, or of one that runs, of which the trace is on."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from recap.trace.memory import available
from recap.trace.npz import SHARE
from recap.trace.snapshot import LRU, Taken
from recap.trace.state.image import Image
from recap.trace.state.lists import Lists, lists_of
from recap.trace.state.memory import KernelSource, UnreadableError
from recap.trace.state.reading import CHUNK_FRAMES, PIECE_FRAMES, Reading
from recap.trace.state.structures import PAGEBLOCK_PAGES, SECTION_PAGES, Places, StructRecord, Structures

# The marks of a live snapshot in the trace: before all struct pages are read, before the lists are, and behind it all.
ALL, LISTS, DONE = "SNAPSHOT all", "SNAPSHOT lists", "SNAPSHOT done"
SMALL_FRAMES = 1 << 19  # 2 GiB: up to this size all struct pages are read again
SECONDS = 1.0  # to wait for two readings that agree
PAUSE = 0.002
FRAME_BYTES = 128  # for each page frame, while the words of its struct page are sorted out
FAST = 1  # zlib's level: a recording waits for it
ENUMS = ("migratetype", "zone_stat_item", "node_stat_item", "pageflags")
PCP_FIELDS = ("count", "high", "batch", "free_factor")
PCP_FIELDS_SINCE_6_7 = ("high_min", "high_max", "alloc_factor", "free_count", "flags")
TYPE_MASK = 7
NR_TIERS = 4
TIER_NUMBERS, TIER_COUNTERS = ("avg_refaulted", "avg_total", "protected"), ("refaulted", "evicted")
GENERATION_NUMBERS = ("enabled", "max_seq", "min_seq", "nr_pages", *TIER_NUMBERS, *TIER_COUNTERS)
LRU_NAMES = ["inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable"]

Mark = Callable[[str], None]


def silent(_text: str) -> None:
    """No trace to mark."""


def take_dump(source: KernelSource, path: Path) -> Taken:
    """The snapshot of a kernel that stands still."""
    structures = Structures(source)
    places = structures.places()
    image, reading = Image(structures.btf, places.frames), Reading(structures, places, [])
    read_all(structures, places, image)
    reading.read()
    found = lists_of(reading, image)
    taken = said("dump", structures, places, found)
    save(path, reading, image, found, taken)
    return taken


def take_live(source: KernelSource, path: Path, mark: Mark = silent, seconds: float = SECONDS) -> Taken:
    """The snapshot of the running kernel, with marks in its trace that say when which part was read.

    The last two readings agree, unless for so long no two did.
    """
    structures = Structures(source)
    places = structures.places()
    check_room(places)
    image = Image(structures.btf, places.frames)
    small = places.frames <= SMALL_FRAMES
    mark(ALL)
    if not small:
        read_all(structures, places, image)
    runs = [(0, places.frames)] if small else []
    give_up = time.monotonic() + seconds
    readings = 0
    pair = Reading(structures, places, runs), Reading(structures, places, runs)
    while True:
        mark(LISTS)
        began = time.monotonic()
        for one in pair:
            one.read()
        ended = time.monotonic()
        mark(DONE)
        readings += len(pair)
        differ = pair[0].differs(pair[1], image)
        pair[1].put(image)
        wanted = runs if small else named(pair[1], image)
        if (not differ and covers(runs, wanted)) or ended > give_up:
            break
        if wanted != runs:
            runs = wanted
            pair = Reading(structures, places, runs), Reading(structures, places, runs)
        if differ:
            time.sleep(PAUSE)
    found = lists_of(pair[1], image)
    taken = said("live", structures, places, found)
    taken.readings, taken.differ, taken.ms, taken.whole = readings, differ, round((ended - began) * 1e3, 3), small
    save(path, pair[1], image, found, taken)
    return taken


def check_room(places: Places) -> None:
    """Refuse to take much of the memory that is about to be looked at.

    Errors:
        UnreadableError: it would.
    """
    room, wanted = available(), places.frames * FRAME_BYTES
    if room is not None and wanted > room // SHARE:
        raise UnreadableError(
            f"the words of {places.frames:,} struct pages take {wanted >> 20:,} MiB, too much of the free memory"
        )


def read_all(structures: Structures, places: Places, image: Image) -> None:
    """All struct pages, piece by piece."""
    size = structures.page.size
    buffer = memoryview(bytearray(PIECE_FRAMES * size))
    for first in range(0, places.frames, PIECE_FRAMES):
        part = buffer[: min(PIECE_FRAMES, places.frames - first) * size]
        structures.source.memory.read_into(places.vmemmap + first * size, part)
        image.put(first, part)


def named(reading: Reading, image: Image) -> list[tuple[int, int]]:
    """The struct pages that free and per-cpu lists go through, in whole chunks: first frames and how many."""
    pages = lists_of(reading, image, lru=False).rows[:, 4]
    chunks = np.unique(pages // CHUNK_FRAMES)
    begins = np.flatnonzero(np.diff(chunks, prepend=-2) != 1)
    lengths = np.diff(np.append(begins, len(chunks)))
    return [
        (int(chunks[at]) * CHUNK_FRAMES, min(int(length) * CHUNK_FRAMES, image.frames - int(chunks[at]) * CHUNK_FRAMES))
        for at, length in zip(begins, lengths, strict=True)
    ]


def covers(runs: list[tuple[int, int]], wanted: list[tuple[int, int]]) -> bool:
    """Whether some struct pages have all others that are wanted among them."""
    return chunks(wanted) <= chunks(runs)


def chunks(runs: list[tuple[int, int]]) -> set[int]:
    """The numbers of all chunks of these."""
    return {
        chunk for first, frames in runs for chunk in range(first // CHUNK_FRAMES, -(-(first + frames) // CHUNK_FRAMES))
    }


def said(start: Literal["dump", "live"], structures: Structures, places: Places, found: Lists) -> Taken:
    """How it was taken, as far as the lists tell."""
    nodes = len(structures.nodes())
    return Taken(
        start=start,
        torn=found.torn,
        cgroups=found.cgroups,
        generations=found.generations,
        node=places.node,
        nodes=nodes,
    )


def save(path: Path, reading: Reading, image: Image, found: Lists, taken: Taken) -> None:
    """Write the file; the format is that of recap.trace.snapshot."""
    columns = image.columns()
    if found.generations:  # whose pages have no flag that says so
        active = found.rows[(found.rows[:, 0] == LRU) & (found.rows[:, 2] % 2 == 1)][:, 4]
        columns["flags"][active] |= np.uint64(1 << image.bits["PG_active"])
    listed = found.rows[found.rows[:, 0] != LRU][:, 4]
    private = np.zeros(image.frames, np.uint64)
    private[listed] = image.words["private"][listed]
    columns["index"][listed] = image.words["index"][listed]
    arrays: dict[str, npt.NDArray[Any]] = {
        "lists": found.rows,
        **columns,
        "private": private,
        "pageblock": pageblocks(reading, image.frames),
        "meta": np.array(json.dumps(meta(reading) | {"taken": asdict(taken)})),
    }
    part = path.with_name(f"{path.name}.part")  # so that a recorder that is killed leaves none, or all of it
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=FAST) as file:
        for name, array in arrays.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    part.replace(path)


def pageblocks(reading: Reading, frames: int) -> npt.NDArray[np.uint8]:
    """The migratetype of each pageblock; 0 where there is no memory."""
    found = np.zeros(-(-frames // PAGEBLOCK_PAGES), np.uint8)
    per_section = SECTION_PAGES // PAGEBLOCK_PAGES
    enums = reading.structures.btf
    types, isolated = enums.enum("migratetype"), enums.enum("pageblock_bits").get("PB_migrate_isolate")
    for number, octets in reading.bits().items():
        if isolated is None:
            bits = np.stack((octets & 0xF, octets >> 4), axis=1).ravel()
            kind = bits & TYPE_MASK
        else:  # since 6.17; a type among the others before
            kind = np.where(octets >> isolated & 1, np.uint8(types["MIGRATE_ISOLATE"]), octets & TYPE_MASK)
        at = number * per_section
        found[at : at + per_section] = kind[: len(found) - at]
    return found


def meta(reading: Reading) -> dict[str, Any]:
    """Zones, per-cpu lists, counters and enumerations."""
    btf = reading.structures.btf
    pcps = []
    for zone, cpu in reading.pcp_at:
        record = reading.pcp((zone, cpu))
        numbers = {name: record.number(name) for name in PCP_FIELDS + PCP_FIELDS_SINCE_6_7 if record.has(name)}
        pcps.append({"zone": zone, "cpu": cpu, **numbers})
    return {
        "kernel": reading.structures.release(),
        "zones": [zone_meta(reading, index) for index in reading.zone_at],
        "pcp": pcps,
        "node_vm_stat": reading.node_stat(),
        "lru_names": LRU_NAMES,
        **generations_meta(reading.lruvecs()),
        **{name: btf.enum(name) for name in ENUMS},
    }


def generations_meta(lruvecs: Sequence[StructRecord]) -> dict[str, Any]:
    """The numbers of a multi-generational LRU, and the refaults of each tier: anonymous pages first, then files.

    Memory cgroups have generations of their own: with several cgroups nothing is kept.
    """
    found = [one.inner("lrugen") for one in lruvecs if one.has("lrugen")]
    used = [one for one in found if all(map(one.has, GENERATION_NUMBERS)) and any(one.numbers("nr_pages"))]
    if len(used) != 1:
        return {}
    lrugen = used[0]
    tiers = {name: per_tier(lrugen.numbers(name)) for name in TIER_NUMBERS}
    counters = {name: per_tier(lrugen.atomics(name)) for name in TIER_COUNTERS}
    numbers = {"enabled": lrugen.number("enabled"), "max_seq": lrugen.number("max_seq")}
    return {"lru_gen": {**numbers, "min_seq": lrugen.numbers("min_seq"), **tiers, **counters}}


def per_tier(found: list[int]) -> list[int]:
    """A number for each type and tier; until 6.14 the first tier had none of its own in `protected`.

    With CONFIG_LRU_GEN_STATS there is a history: the first of its generations is taken.
    """
    tiers = NR_TIERS if len(found) % (2 * NR_TIERS) == 0 else NR_TIERS - 1
    types = [found[:tiers], found[tiers : 2 * tiers]]
    return [number for one in types for number in [0] * (NR_TIERS - tiers) + one]


def zone_meta(reading: Reading, index: int) -> dict[str, Any]:
    """One zone's limits and counters."""
    zone = reading.zone(index)
    flags = reading.structures.btf.enum("zone_flags")
    found: dict[str, Any] = {}
    if "ZONE_BELOW_HIGH" in flags:  # since 6.7
        found["below_high"] = zone.number("flags") >> flags["ZONE_BELOW_HIGH"] & 1
    if zone.has("nr_free_highatomic"):
        found["nr_free_highatomic"] = zone.number("nr_free_highatomic")
    return found | {
        "index": index,
        "name": reading.structures.text(zone.number("name")),
        "start_pfn": zone.number("zone_start_pfn"),
        "spanned": zone.number("spanned_pages"),
        "present": zone.number("present_pages"),
        "managed": zone.atomic("managed_pages"),
        "watermark": zone.numbers("_watermark"),
        "watermark_boost": zone.number("watermark_boost"),
        "lowmem_reserve": zone.numbers("lowmem_reserve"),
        "nr_reserved_highatomic": zone.number("nr_reserved_highatomic"),
        "vm_stat": zone.atomics("vm_stat"),
    }
