"""What recording costs: a load with and without it, in turns, and how many events a second get lost at full speed.

    sudo python bench/record.py [ROUNDS]

The load has the kernel populate memory and throws it away, which is little but page allocation: the worst case. It
runs on every CPU. `at most` is the busiest second of one CPU.
"""

import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from mmap import MADV_DONTNEED, MADV_NOHUGEPAGE, MAP_ANONYMOUS, MAP_PRIVATE, mmap
from pathlib import Path

import numpy as np

from recap.trace.opening import open_flow
from recap.trace.recorder import EventSet, Record, Request, record

SIZE = 64 << 20
MADV_POPULATE_WRITE = 23  # Linux 5.14
TIMES = 100
SECOND = 1_000_000_000
TO = "--to"  # the load in a process of its own, its seconds to a file


def touch(times: int) -> None:
    """Fault all of it in, one small page at a time, and throw it away."""
    with mmap(-1, SIZE, MAP_PRIVATE | MAP_ANONYMOUS) as memory:
        memory.madvise(MADV_NOHUGEPAGE)
        for _ in range(times):
            memory.madvise(MADV_POPULATE_WRITE)
            memory.madvise(MADV_DONTNEED)


def load() -> float:
    """The seconds the load takes on all CPUs."""
    began = time.perf_counter()
    workers = [multiprocessing.Process(target=touch, args=(TIMES,)) for _ in range(os.cpu_count() or 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.perf_counter() - began


def busiest(path: Path) -> int:
    """The most events one CPU had in a second."""
    found: dict[int, int] = {}
    for piece in open_flow(path).pieces:
        seconds, counts = np.unique((piece.time // SECOND << 16) + piece.cpu, return_counts=True)
        for second, count in zip(seconds.tolist(), counts.tolist(), strict=True):
            found[second] = found.get(second, 0) + count
    return max(found.values())


def recorded(events: EventSet) -> tuple[float, Record, int]:
    """The seconds it takes while it is recorded, what came of that, and the most events in a second of one CPU."""
    with tempfile.TemporaryDirectory() as scratch:
        seconds = Path(scratch, "seconds")
        command = [sys.executable, __file__, TO, str(seconds)]
        result = record(Request(Path(scratch, "out"), command, events, page_flags=False))
        return float(seconds.read_text()), result, busiest(Path(scratch, "out", "trace.dat"))


def main() -> None:
    """Print the figures."""
    if sys.argv[1:2] == [TO]:
        Path(sys.argv[2]).write_text(str(load()))
        return
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    sets: tuple[EventSet, ...] = ("light", "full")
    plain: list[float] = []
    found: dict[EventSet, list[tuple[float, Record, int]]] = {events: [] for events in sets}
    for _ in range(rounds):
        plain.append(load())
        for events in sets:
            found[events].append(recorded(events))
    base = statistics.median(plain)
    print(f"plain   {base:6.2f} s")
    for events in sets:
        took = statistics.median(seconds for seconds, _, _ in found[events])
        result = found[events][-1][1]
        lost = sum(one.lost for _, one, _ in found[events])
        most = max(number for _, _, number in found[events])
        each = (took - base) * (os.cpu_count() or 1) / result.events * 1e9
        print(
            f"{events:7} {took:6.2f} s  {100 * (took / base - 1):5.1f} % slower, {each:4.0f} ns an event; "
            f"{result.events / took / 1e6:.2f} M events/s on all CPUs, at most {most / 1e6:.2f} on one; "
            f"{result.events:,} events, lost in {rounds} rounds: {lost:,}"
        )


if __name__ == "__main__":
    main()
