"""How much memory long traces take.

    python bench/memory.py RECORDING GIGABYTES [FOLDER]
    python bench/memory.py RECORDING --events MILLIONS [FOLDER]

A long trace is made by repeating the recording's ring-buffer pages, each time later. It is
read in every form: pages as they come, trace.dat, Parquet. So are a text and a file for LLFree's replay, as large, of
the recording's allocations and frees. FOLDER needs room for it all, and is emptied again.

With `--events`, the trace has at least that many million events. Each repetition ends by freeing what the recording
left allocated, and `info` and `compare` work on it, with the recording's other files. As root, where memory cgroups can
be had, each is held to 4 GB, what it has of files in memory included.
"""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from recap.kernel import GFP_KERNEL
from recap.trace import NO_PFN, Recording
from recap.trace.event import Event
from recap.trace.ingest import ingest
from recap.trace.pagedata import page_data
from recap.trace.table import COLUMNS, Events
from recap.trace.tracedat import TraceDat, read_tracedat

HEADER_PAGE = (
    "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
    "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
    "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n"
)
MAKE = "--make"
PAGE = 4096
ENTRIES = 255  # on a page of LLFree's
SECOND = 10**9
MICROSECOND = 1000
LIMIT = 4 * 10**9
PADDING, TIME_EXTEND, TIME_STAMP = 29, 30, 31


def pages_of(trace: TraceDat) -> dict[int, np.ndarray]:
    """All pages of each CPU, unpacked."""
    found = {}
    with page_data(trace) as pages:
        for lane in pages.lanes:
            parts = []
            while not lane.last:
                lane.turn()
                parts.append(bytes(lane.data[lane.begin : lane.end]))
            found[lane.cpu] = np.frombuffer(b"".join(parts), np.uint8).reshape(-1, PAGE).copy()
    return found


def absolute_stamps(page: bytes) -> Iterator[int]:
    """Where a page has records that say the whole time: they must be moved as its header is."""
    at, end = 16, 16 + (struct.unpack_from("<I", page, 8)[0] & 0x7FFFFFF)
    while at < end:
        (word,) = struct.unpack_from("<I", page, at)
        kind = word & 31
        if kind == TIME_STAMP:
            yield at
        if kind in (TIME_EXTEND, TIME_STAMP):
            at += 8
        elif 0 < kind < PADDING:
            at += 4 + 4 * kind
        elif kind == PADDING and word >> 5 == 0:
            return
        else:
            at += 4 + struct.unpack_from("<I", page, at + 4)[0]


def move(pages: np.ndarray, stamps: np.ndarray, by: int) -> None:
    """Let pages be later: their headers, and the stamps inside."""
    pages[:, :8].view(np.int64)[:, 0] += by
    for row, at in stamps.tolist():
        low, high = struct.unpack_from("<II", pages[row], at)
        time = (high << 27 | low >> 5) + by
        struct.pack_into("<II", pages[row], at, (time & 0x7FFFFFF) << 5 | low & 31, time >> 27)


def repeat(trace: TraceDat, size: int, folder: Path, more: tuple[bytes, ...] = ()) -> None:
    """A folder of raw pages as large as wanted; `more` records come last each time."""
    for described in trace.formats.values():
        path = folder / "events" / described.system / described.name / "format"
        path.parent.mkdir(parents=True)
        path.write_text(described.text)
    (folder / "events/header_page").write_text(HEADER_PAGE)
    (folder / "saved_cmdlines").write_text("".join(f"{pid} {comm}\n" for pid, comm in trace.comms.items()))
    (folder / "trace_clock").write_text(f"[{trace.clock}]")
    cpus = pages_of(trace)
    when = ingest(trace).time
    first = min(cpus)
    cpus[first] = np.concatenate([cpus[first], pages_with(more, int(when[-1]) + SECOND // 2)])
    span = int(when[-1] - when[0]) + 1_000_000_000
    times = -(-size // sum(pages.nbytes for pages in cpus.values()))
    for cpu, pages in cpus.items():
        path = folder / f"per_cpu/cpu{cpu}/trace_pipe_raw"
        path.parent.mkdir(parents=True)
        stamps = np.array([(n, at) for n, page in enumerate(pages) for at in absolute_stamps(page.tobytes())], np.int64)
        with path.open("wb") as file:
            for _ in range(times):
                file.write(pages.tobytes())
                move(pages, stamps.reshape(-1, 2), span)


def pages_with(records: tuple[bytes, ...], time: int) -> np.ndarray:
    """Pages with events, each a microsecond after the one before."""
    pages: list[bytes] = []
    page, began, room = b"", time, PAGE - 16
    for record in records:
        event = struct.pack("<I", len(record) // 4 | MICROSECOND << 5) + record
        if len(page) + len(event) > room:
            pages.append(struct.pack("<QQ", began, len(page)) + page.ljust(room, b"\0"))
            began, page = time, b""
        page += event
        time += MICROSECOND
    pages.append(struct.pack("<QQ", began, len(page)) + page.ljust(room, b"\0"))
    return np.frombuffer(b"".join(pages), np.uint8).reshape(-1, PAGE).copy()


def settled(trace: TraceDat) -> Iterator[bytes]:
    """Events that free what a trace allocated and kept, and allocate what it freed of what was there before."""
    events = ingest(trace)
    rows = np.flatnonzero((events.event <= Event.MM_PAGE_FREE) & (events.pfn != NO_PFN))
    kept: dict[int, int] = {}
    gone: dict[int, int] = {}
    columns = (events.event[rows], events.pfn[rows], events.order[rows])
    for event, pfn, order in zip(*(column.tolist() for column in columns), strict=True):
        new, old = (kept, gone) if event == Event.MM_PAGE_ALLOC else (gone, kept)
        if old.pop(pfn, None) is None:
            new[pfn] = order
    for name, blocks in (("mm_page_free", kept), ("mm_page_alloc", gone)):
        described = next(found for found in trace.formats.values() if found.name == name)
        fields = described.fields
        size = -(-max(field.offset + field.size for field in fields.values()) // 4) * 4
        for pfn, order in sorted(blocks.items()):
            record = bytearray(size)
            values = {"common_type": described.id, "common_pid": 1, "pfn": pfn, "order": order}
            values |= {"gfp_flags": GFP_KERNEL} if "gfp_flags" in fields else {}
            for field, value in values.items():
                at, width = fields[field].offset, fields[field].size
                record[at : at + width] = value.to_bytes(width, "little")
            yield bytes(record)


def repeat_text(trace: TraceDat, size: int, path: Path) -> None:
    """A text as large as wanted."""
    events, span = requests(trace)
    rows = zip(events.pid.tolist(), events.cpu.tolist(), events.event.tolist(), events.pfn.tolist(), strict=True)
    orders = zip(events.order.tolist(), events.flags.tolist(), strict=True)
    lines = [
        (
            f"{trace.comms.get(pid, 'x')}-{pid} [{cpu:03}] ",
            f"mm_page_alloc: pfn={pfn:#x} order={order} migratetype=1 gfp_flags={flags:#x}\n"
            if event == Event.MM_PAGE_ALLOC
            else f"mm_page_free: pfn={pfn:#x} order={order}\n",
        )
        for (pid, cpu, event, pfn), (order, flags) in zip(rows, orders, strict=True)
    ]
    later = 0
    with path.open("w") as file:
        while file.tell() < size:
            for (who, what), time in zip(lines, (events.time + later).tolist(), strict=True):
                file.write(f"{who}{time // SECOND}.{time % SECOND:09}: {what}")
            later += span


def repeat_replay(trace: TraceDat, size: int, path: Path) -> None:
    """A file for LLFree's replay as large as wanted."""
    events, span = requests(trace)
    pages = sum(-(-int((events.cpu == cpu).sum()) // ENTRIES) for cpu in range(events.cpus))
    times = -(-size // (pages * PAGE))
    with path.open("wb") as file:
        file.write(struct.pack("<III", times * pages, events.cpus, 1 << 24).ljust(PAGE, b"\0"))
        for number in range(times):
            for cpu in range(events.cpus):
                file.write(replay_pages(events, cpu, number * span))


def replay_pages(events: Events, cpu: int, later: int) -> bytes:
    """One CPU's events as LLFree's pages hold them."""
    rows = np.flatnonzero(events.cpu == cpu)
    time, pfn = (events.time[rows] + later).astype(np.uint64) // np.uint64(1000), events.pfn[rows].astype(np.uint64)
    alloc = (events.event[rows] == Event.MM_PAGE_ALLOC).astype(np.uint64)
    order, flags = events.order[rows].astype(np.uint64), events.flags[rows].astype(np.uint64)
    pages = np.zeros((-(-len(rows) // ENTRIES), PAGE // 8), "<u8")
    pages[:, 0] = cpu
    entries = np.zeros((len(pages) * ENTRIES, 2), "<u8")
    entries[: len(rows), 0] = time | pfn << np.uint64(38) | alloc << np.uint64(62) | order << np.uint64(63)
    entries[: len(rows), 1] = order >> np.uint64(1) | (flags & np.uint64((1 << 29) - 1)) << np.uint64(3)
    pages[:, 2:] = entries.reshape(len(pages), -1)
    return pages.tobytes()


def repeat_settled(trace: TraceDat, size: int, folder: Path) -> None:
    """A folder of raw pages, after each repetition of which the same is allocated as before."""
    repeat(trace, size, folder, tuple(settled(trace)))


def requests(trace: TraceDat) -> tuple[Events, int]:
    """The allocations that did not fail, and the frees; and by how much a repetition is later."""
    events = ingest(trace)
    ours = (events.event <= Event.MM_PAGE_FREE) & (events.pfn < 1 << 24) & (events.order <= 10)
    columns = {name: getattr(events, name)[ours] for name in COLUMNS}
    return replace(events, **columns), int(events.time[-1] - events.time[0]) + SECOND


def measure(*arguments: str, cgroup: Path | None = None) -> None:
    """Run one verb: its time, and the most memory it had; of a cgroup, what was charged to it."""
    command = [sys.executable, "-m", "recap", *arguments]
    if cgroup:
        command = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(cgroup), *command]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"recap {' '.join(arguments)} failed")
    print(f"{arguments[0]:8} {usage.ru_maxrss / 1024:7.0f} MB {time.perf_counter() - began:7.1f} s  ", end="")
    print(" ".join(Path(name).name for name in arguments[1:]), flush=True)


@contextmanager
def at_most(size: int) -> Iterator[Path | None]:
    """A memory cgroup with a limit; None where none can be made."""
    root = Path("/sys/fs/cgroup/memory")
    limit = "memory.limit_in_bytes"
    if not root.is_dir():
        root, limit = Path("/sys/fs/cgroup"), "memory.max"
    path = root / f"recap-bench-{os.getpid()}"
    try:
        path.mkdir()
        (path / limit).write_text(str(size))
    except OSError:
        yield None
        return
    try:
        yield path
    finally:
        path.rmdir()


def measure_events(recording: str, millions: float, folder: Path) -> None:
    """The verbs that go on from a recording, on a long one."""
    source = Path(recording)
    trace = read_tracedat(Recording(source).path)
    own = ingest(trace)
    events = len(own) + sum(own.other.values())
    size = int(millions * 1e6 / events * sum(pages.nbytes for pages in pages_of(trace).values()))
    del own, trace
    long = folder / "long"
    long.mkdir()
    for path in source.iterdir():
        if path.is_file() and path.name != "trace.dat":
            shutil.copy(path, long)
    subprocess.run([sys.executable, __file__, MAKE, recording, str(size / 1e9), "settled", long / "raw"], check=True)
    with at_most(LIMIT) as cgroup:
        print(f"held to {LIMIT / 1e9:.0f} GB" if cgroup else "not held to any limit", flush=True)
        measure("info", str(long), cgroup=cgroup)
        measure("compare", str(long), "-p", "none", "--seeds", "1", cgroup=cgroup)


def make(recording: str, gigabytes: str, form: str, target: str) -> None:
    """In a process of its own, as what a process had counts for those it starts."""
    makers = {"raw": repeat, "settled": repeat_settled, "text": repeat_text, "llfree": repeat_replay}
    makers[form](read_tracedat(Recording(recording).path), int(float(gigabytes) * 1e9), Path(target))


def main() -> None:
    """Print the figures."""
    if sys.argv[1] == MAKE:
        make(*sys.argv[2:])
        return
    if sys.argv[2] == "--events":
        with tempfile.TemporaryDirectory(dir=sys.argv[4] if len(sys.argv) > 4 else None) as scratch:
            measure_events(sys.argv[1], float(sys.argv[3]), Path(scratch))
        return
    with tempfile.TemporaryDirectory(dir=sys.argv[3] if len(sys.argv) > 3 else None) as scratch:
        folder = Path(scratch)
        raw, packed, parquet = folder / "raw", folder / "trace.dat", folder / "trace.parquet"
        subprocess.run([sys.executable, __file__, MAKE, *sys.argv[1:3], "raw", raw], check=True)
        size = sum(path.stat().st_size for path in raw.glob("per_cpu/*/*"))
        print(f"{size / 1e9:.1f} GB of pages", flush=True)
        measure("info", str(raw))
        measure("convert", str(raw), str(packed))
        measure("info", str(packed))
        measure("convert", str(packed), str(parquet))
        measure("info", str(parquet))
        print(f"trace.dat {packed.stat().st_size / 1e9:.2f} GB, Parquet {parquet.stat().st_size / 1e9:.2f} GB")
        shutil.rmtree(raw)
        for form in ("llfree", "text"):
            path = folder / form
            subprocess.run([sys.executable, __file__, MAKE, *sys.argv[1:3], form, path], check=True)
            measure("info", str(path))
            path.unlink()


if __name__ == "__main__":
    main()
