"""What recording costs: a load with and without it, in turns, and how many events a second get lost at full speed.

    sudo python bench/record.py [ROUNDS]

The load maps, touches and unmaps memory, which is little but page allocation: the worst case. It runs on every CPU.
"""

import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from mmap import mmap
from pathlib import Path

from recap.trace.recorder import EventSet, Record, Request, record

SIZE = 16 << 20
PAGE = 4096
TIMES = 60
TO = "--to"  # the load in a process of its own, its seconds to a file


def touch(times: int) -> None:
    """Map, touch and unmap."""
    for _ in range(times):
        with mmap(-1, SIZE) as memory:
            memory[::PAGE] = bytes(SIZE // PAGE)


def load() -> float:
    """The seconds the load takes on all CPUs."""
    began = time.perf_counter()
    workers = [multiprocessing.Process(target=touch, args=(TIMES,)) for _ in range(os.cpu_count() or 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.perf_counter() - began


def recorded(events: EventSet) -> tuple[float, Record]:
    """The seconds it takes while it is recorded, and what came of that."""
    with tempfile.TemporaryDirectory() as scratch:
        seconds = Path(scratch, "seconds")
        command = [sys.executable, __file__, TO, str(seconds)]
        result = record(Request(Path(scratch, "out"), command, events, page_flags=False))
        return float(seconds.read_text()), result


def main() -> None:
    """Print the figures."""
    if sys.argv[1:2] == [TO]:
        Path(sys.argv[2]).write_text(str(load()))
        return
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    sets: tuple[EventSet, ...] = ("light", "full")
    plain: list[float] = []
    found: dict[EventSet, list[tuple[float, Record]]] = {events: [] for events in sets}
    for _ in range(rounds):
        plain.append(load())
        for events in sets:
            found[events].append(recorded(events))
    base = statistics.median(plain)
    print(f"plain   {base:6.2f} s")
    for events in sets:
        took = statistics.median(seconds for seconds, _ in found[events])
        result = found[events][-1][1]
        lost = sum(one.lost for _, one in found[events])
        each = (took - base) * (os.cpu_count() or 1) / result.events * 1e9
        print(
            f"{events:7} {took:6.2f} s  {100 * (took / base - 1):5.1f} % slower, {each:4.0f} ns an event; "
            f"{result.events / took / 1e6:.2f} M events/s, {result.events:,} events, lost in {rounds} rounds: {lost:,}"
        )


if __name__ == "__main__":
    main()
