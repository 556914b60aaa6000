"""How fast a trace.dat becomes a table, and how fast `info` goes through it, beside `trace-cmd report`.

    python bench/ingest.py RECORDING [COUNT]

All are timed from the closed file to the last event. The first reading of a process has to have its memory cleared by
the kernel; later ones have it, so both are shown: the first of each of COUNT new processes (7), and the best of as many
in one. trace-cmd prints what it reads, so the ratio says what a program pays that reads its text, not how good its
decoder is. On a busy machine: `chrt -f 10 python bench/ingest.py RECORDING`, as root.
"""

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from recap.lab.info import info
from recap.trace import Recording, open_trace, ringbuffer

RUNS = 7
ONCE = "--once"


def table(path: Path) -> int:
    """Read the whole table: how many events there were."""
    trace = open_trace(path)
    return len(trace) + sum(trace.other.values())


def tell(path: Path) -> int:
    """Read it as `info` does, piece by piece, and count everything there is to count."""
    return info(path).events


READERS: dict[str, Callable[[Path], int]] = {"table": table, "info": tell}


def once(name: str, path: Path) -> tuple[int, float, float]:
    """Events, seconds, and seconds of CPU time of all threads together."""
    start, used = time.perf_counter(), time.process_time()
    events = READERS[name](path)
    return events, time.perf_counter() - start, time.process_time() - used


def in_new_process(name: str, path: Path) -> tuple[int, float, float]:
    """The same in a process that has read nothing yet."""
    command = [sys.executable, __file__, ONCE, name, str(path)]
    events, seconds, busy = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(events), float(seconds), float(busy)


def print_rates(what: str, runs: list[tuple[int, float, float]]) -> None:
    """A line: the middle run, the best and the worst, and what it takes of CPU time."""
    rates = [events / seconds / 1e6 for events, seconds, _ in runs]
    busy = [events / cpu / 1e6 for events, _, cpu in runs]
    print(
        f"{what:12} {statistics.median(rates):6.2f} M events/s ({min(rates):.2f} to {max(rates):.2f}), "
        f"{statistics.median(busy):6.2f} M for a second of CPU time",
        flush=True,
    )


def trace_cmd(path: Path) -> float:
    """The seconds of one `trace-cmd report`."""
    start = time.perf_counter()
    subprocess.run(
        ["trace-cmd", "report", "-i", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
    )
    return time.perf_counter() - start


def main() -> None:
    """Print the figures."""
    if sys.argv[1] == ONCE:
        print(*once(sys.argv[2], Path(sys.argv[3])))
        return
    path = Recording(sys.argv[1]).path
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else RUNS
    kind = "compiled" if ringbuffer.COMPILED else "uncompiled"
    print(f"{path}: {table(path)} events, {path.stat().st_size / 1e6:.1f} MB, {kind}")
    fastest = []
    for name in READERS:
        print_rates(f"{name}, first", [in_new_process(name, path) for _ in range(runs)])
        warm = [once(name, path) for _ in range(runs)]
        print_rates(f"{name}, warm", warm)
        fastest.append(min(seconds for _, seconds, _ in warm))
    if shutil.which("trace-cmd") is None:
        print("trace-cmd    is not installed")
        return
    theirs = trace_cmd(path)
    print(f"trace-cmd    {table(path) / theirs / 1e6:6.2f} M events/s, report to /dev/null")
    print(f"ratio        {theirs / fastest[0]:6.1f} (table, warm)")


if __name__ == "__main__":
    main()
