"""Mutated files of every kind, thrown at their readers: a table or one line, never anything else, never a wait.

    python -m tests.trace.fuzz COUNT [SEED]

Each file is made small here, or cut out of real traces, then changed in a few places; the seed and the number of a
file name it, so that a failure can be had again. All CPUs take part.
"""

import io
import multiprocessing
import os
import random
import struct
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from unittest import mock

import msgspec
import numpy as np
from rich.console import Console, RenderableType

from recap.errors import InputError
from recap.lab.explain import explain
from recap.lab.info import KnownFrames, examine
from recap.lab.kept import KeptComparison
from recap.policy import load
from recap.report.comparison import comparison
from recap.report.exchange import to_json
from recap.report.explanation import explanation
from recap.report.html import html
from recap.report.mmtests import mmtests
from recap.report.tables import TABLES, to_csv
from recap.sim.timeline import read_timeline
from recap.trace import Events, Recording, llfree, open_trace, text
from recap.trace.container import RawFolder, pack
from recap.trace.opening import open_flow
from recap.trace.procfs import read_buddyinfo, read_counters, read_pagetypeinfo, read_sysctl, read_zoneinfo
from recap.trace.snapshot import read_snapshot
from recap.trace.surroundings import read_page_flags
from tests.report.conftest import timeline, write_kept
from tests.trace.manglers import CARRIERS, SHAPES, journal, pretty
from tests.trace.test_damage import FILES
from tests.trace.test_forms import NO_ARROW, raw_folder, replay
from tests.trace.test_snapshot import save, small

SEED = 2008
LONGEST = 5.0  # seconds of CPU time a small file may take
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "recordings" / "hugetlb-1cpu"
REPORTS = ROOT / "tests" / "lab"
POLICY = ROOT / "docs" / "my_policy.py"
TEXT_LINES = (
    "# tracer: nop",
    "CPU:0 [LOST 12 EVENTS]",
    "x-7 [000] 12.000340: mm_pagevec_free: page=ffffea0003db9f50 pfn=1155801 order=0 cold=0",
    "x-7 [000] 12.000341: mm_page_free_direct: page=ffffea0003db9f50 pfn=1155801 order=0",
    " 1)    <...>-7     =>    bash-2345",
    " 1)               |    /* mm_page_alloc: page=12 pfn=0x26cc75 order=3 migratetype=1 gfp_flags=GFP_KERNEL */",
    "  kworker/u8:0-77  [003] d.h2.  12.000345: mm_page_alloc: pfn=0x26cc75 order=3 migratetype=1 gfp_flags=GFP_KERNEL",
    "x 77 [001] 12.000346: kmem:mm_page_free: page=1 pfn=0x26cc75 order=3",
    "x-7 [000] 12.000347: mm_filemap_add_to_page_cache: dev 8:1 ino 1c pfn=0x10 ofs=8192 order=0",
    "x-7 [000] 12.000348: block_rq_issue: 8,0 WS 4096 () 123 + 8 none,0,0 [sh]",
    "x-7 [000] 12.000349: sched_switch: init:1 [120] S ==> rcu_preempt:15 [120]",
    "x-7 [000] 12.000350: mm_compaction_isolate_freepages: range=(0x10 ~ 0x20) nr_scanned=16 nr_taken=3",
    "x-7 [000] 12.000351: print: tracing_mark_write: START",
)
INTERESTING = (b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\xff" * 8, b"9" * 25, b"\n", b"=", b"-1", b"0x", b"[", b" ")

Reader = Callable[[Path], object]


def whole(path: Path) -> Events:
    """A trace, read as a whole, and looked through piece by piece."""
    events = open_trace(path)
    assert (np.diff(events.time) >= 0).all()
    found = examine(open_flow(path), KnownFrames("unknown"), "fuzz")
    assert found.events == len(events) + sum(events.other.values())
    return events


def in_blocks(module: ModuleType, size: int) -> Reader:
    """The same, of a form that is read in blocks, so small that there is more than one."""

    def read(path: Path) -> object:
        with mock.patch.object(module, "BLOCK", size):
            return whole(path)

    return read


def explained(path: Path) -> object:
    """The reports of a kernel log, and all that is printed of them."""
    found = explain(path)
    return rendered(explanation(found)), msgspec.json.encode(found)


def raw(path: Path) -> Events:
    """A folder of raw pages, of which this file is one CPU's."""
    return whole(path.parents[2])


@dataclass
class Target:
    """A kind of file: what it is mutated from, and who reads it."""

    name: str
    reader: Reader
    seeds: list[bytes] = field(default_factory=list)
    file: str = "fuzz"


def targets(folder: Path) -> Iterator[Target]:
    """Every reader there is."""
    for name, content in FILES.items():
        yield Target(f"trace.dat {name}", whole, [content])
    yield Target("text", in_blocks(text, 300), ["\n".join(TEXT_LINES).encode()])
    yield Target(
        "llfree", in_blocks(llfree, 4096), [replay([(7, 1, True, 9, 0, 4242), (9, 1, False, 9, 0, 1)], cpus=2)]
    )
    yield Target("kernel log", explained, kernel_logs())
    pages = raw_folder(folder / "raw") / "per_cpu/cpu0/trace_pipe_raw"
    yield Target("raw pages", raw, [pages.read_bytes()], "raw/per_cpu/cpu0/trace_pipe_raw")
    described = folder / "raw/events/kmem/mm_page_alloc/format"
    yield Target(
        "event format",
        lambda _path: whole(folder / "raw"),
        [described.read_bytes()],
        str(described.relative_to(folder)),
    )
    pack(RawFolder(folder / "raw"), folder / "packed.dat")
    yield Target("packed", whole, [(folder / "packed.dat").read_bytes()])
    for name, reader in (
        ("vmstat.0", read_counters),
        ("zoneinfo.0", read_zoneinfo),
        ("buddyinfo.0", read_buddyinfo),
        ("pagetypeinfo.0", read_pagetypeinfo),
        ("sysctl.vm", read_sysctl),
    ):
        whole_zones = name == "zoneinfo.0"  # a zone that is cut short is refused
        yield Target(name, reader, [(FOLDER / name).read_bytes() if whole_zones else first_lines(FOLDER / name)])
    flags = io.BytesIO()
    np.savez_compressed(flags, start=np.arange(3), flags=np.ones(3, np.uint64), frames=9, meta=np.array("{}"))
    yield Target("page flags", read_page_flags, [flags.getvalue()])
    stated = folder / "snap0.npz"
    save(stated, *small())
    yield Target("snapshot", read_snapshot, [stated.read_bytes()])
    yield Target("tarball", lambda path: Recording(path).zoneinfo(0), [tarball()])
    yield Target("timeline", lambda path: read_timeline(path, path.read_bytes()), [timeline(9).packed()])
    yield from kept(folder)
    yield Target("policy", lambda path: load(str(path)), [POLICY.read_bytes()], "fuzz.py")
    if not NO_ARROW:
        from recap.trace.parquet import write_parquet  # noqa: PLC0415 (an extra)

        write_parquet(open_trace(folder / "packed.dat").flow(), folder / "fuzz.parquet")
        yield Target("parquet", whole, [(folder / "fuzz.parquet").read_bytes()])


def kept(folder: Path) -> Iterator[Target]:
    """Each file of a kept comparison, without checksums, so that what is in it is looked at."""
    made = folder / "kept"
    write_kept(made)
    for name in ("comparison.json", "runs.json", "runs/none-0.json", "runs/none-0.npz"):
        yield Target(f"kept {name}", lambda _path: report(made), [(made / name).read_bytes()], f"kept/{name}")


def report(folder: Path) -> object:
    """Everything that is made of a kept comparison in Python alone."""
    found = KeptComparison(folder)
    tables = [to_csv(table(found)) for table in TABLES.values()]
    return html(found), to_json(found), mmtests(found.comparison), rendered(comparison(found.comparison)), tables


def rendered(shown: RenderableType) -> str:
    """What is printed."""
    console = Console(width=100, file=io.StringIO(), markup=False)
    console.print(shown)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def first_lines(path: Path) -> bytes:
    """The beginning of a text."""
    head = path.read_bytes()[:1500]
    return head[: head.rindex(b"\n") + 1]


def kernel_logs() -> list[bytes]:
    """Short logs of each kind, as they are, and as people send them."""
    plain = [path.read_bytes() for path in sorted((REPORTS / "pasted").glob("*.txt"))]
    whole = (REPORTS / "reports/order-4-4.8.txt").read_text()
    text = "\n".join(line for line in whole.splitlines() if line.startswith("["))
    sent = [
        CARRIERS[name](text) for name in ("UTF-16", "mail", "attachment", "pre", "JSON object", "docker", "gzip", "tar")
    ]
    wrapped = ["\n".join(SHAPES[name](text.splitlines())).encode() for name in ("hard 80", "soft 72", "one line")]
    return [*plain, whole.encode(), *sent, *wrapped, journal(text), pretty(text)]


def tarball() -> bytes:
    """What sosreport makes, very small."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name in ("vmstat", "buddyinfo"):
            content = (FOLDER / f"{name}.0").read_bytes()
            entry = tarfile.TarInfo(f"sos-host/proc/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def mutate(content: bytes, chance: random.Random) -> bytes:
    """Some bytes of it changed, put in, taken away, repeated, or the end cut off."""
    out = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(out) + 1)
        kind = chance.randrange(7)
        if kind == 0:
            out[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 1 and at < len(out):
            out[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            out[at:at] = chance.choice(INTERESTING)
        elif kind == 3:
            piece = chance.choice(INTERESTING)
            out[at : at + len(piece)] = piece
        elif kind == 4:
            del out[at : at + chance.randrange(1, 32)]
        elif kind == 5:
            out[at:at] = out[at : at + chance.randrange(1, 200)]
        else:
            out[at : at + 4] = struct.pack(
                "<I", chance.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, len(out), chance.getrandbits(32)))
            )
    if chance.random() < 0.05:
        del out[chance.randrange(len(out) + 1) :]
    return bytes(out)


def attempt(target: Target, path: Path, content: bytes) -> bool:
    """Whether the file is read; if not, it must be refused in one line, and in time."""
    path.unlink(missing_ok=True)  # a new file: the last one may still be mapped
    path.write_bytes(content)
    began, refusal = time.process_time(), ""
    try:
        target.reader(path)
    except InputError as error:
        refusal = str(error)
    assert time.process_time() - began < LONGEST, "it took too long"
    assert "\n" not in refusal
    assert not refusal or "; " in refusal
    return not refusal


@dataclass(frozen=True)
class Part:
    """What one worker does: of so many files of each kind, every `workers`-th from `first` on."""

    tries: int
    seed: int
    first: int
    workers: int


def work(part: Part) -> dict[str, int]:
    """How many files of each kind could be read."""
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for target in targets(folder):
            path = folder / target.file
            read = 0
            for number in range(part.first, part.tries, part.workers):
                chance = random.Random(f"{part.seed} {target.name} {number}")
                content = mutate(chance.choice(target.seeds), chance)
                try:
                    read += attempt(target, path, content)
                except BaseException:
                    print(f"{target.name}, seed {part.seed}, number {number}", file=sys.stderr)
                    raise
            path.write_bytes(target.seeds[0])
            found[target.name] = read
            if sys.stderr.isatty():
                print(f"{part.first}: {target.name}", file=sys.stderr)
    return found


def of_each(count: int) -> int:
    """How many files of each kind make that many in all."""
    with tempfile.TemporaryDirectory() as scratch:
        kinds = len(list(targets(Path(scratch))))
    return -(-count // kinds)


def run(count: int, seed: int = SEED) -> dict[str, tuple[int, int]]:
    """That many files over all kinds: of each, how many were tried, and how many could be read."""
    tries = of_each(count)
    workers = os.cpu_count() or 1
    parts = [Part(tries, seed, first, workers) for first in range(workers)]
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(work, parts))
    return {name: (tries, sum(part[name] for part in found)) for name in found[0]}


if __name__ == "__main__":
    for name, (tries, read) in run(*map(int, sys.argv[1:])).items():
        print(f"{name:16} {tries:8,} files, {read:8,} could be read all the same", flush=True)
