"""How fast a trace.dat becomes a table, beside `trace-cmd report` on the same file.

    python bench/ingest.py RECORDING

Both are timed from the closed file to the last event. trace-cmd prints what it reads, so the ratio says what
a program pays that reads its text, not how good its decoder is.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from recap.trace import Recording, open_trace, ringbuffer

RUNS = 7


def recap(path: Path) -> tuple[int, list[float], float]:
    """The number of events, the seconds of each run, and the least of CPU time, all threads together."""
    seconds, busy, events = [], [], 0
    for _ in range(RUNS):
        start, used = time.perf_counter(), time.process_time()
        trace = open_trace(path)
        seconds.append(time.perf_counter() - start)
        busy.append(time.process_time() - used)
        events = len(trace) + sum(trace.other.values())
    return events, seconds, min(busy)


def trace_cmd(path: Path) -> float:
    """The seconds of one `trace-cmd report`."""
    start = time.perf_counter()
    subprocess.run(
        ["trace-cmd", "report", "-i", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
    )
    return time.perf_counter() - start


def main() -> None:
    """Print the figures."""
    path = Recording(sys.argv[1]).path
    events, seconds, busy = recap(path)
    best, first = min(seconds), seconds[0]
    kind = "compiled" if ringbuffer.COMPILED else "uncompiled"
    print(f"{path}: {events} events, {path.stat().st_size / 1e6:.1f} MB, {kind}")
    print(f"recap      {best:7.3f} s  {events / best / 1e6:7.2f} M events/s, best of {RUNS}")
    print(f"recap      {first:7.3f} s  {events / first / 1e6:7.2f} M events/s, first run in this process")
    print(f"recap      {busy:7.3f} s  {events / busy / 1e6:7.2f} M events/s of CPU time, all threads together")
    if shutil.which("trace-cmd") is None:
        print("trace-cmd  is not installed")
        return
    theirs = trace_cmd(path)
    print(f"trace-cmd  {theirs:7.3f} s  {events / theirs / 1e6:7.2f} M events/s, report to /dev/null")
    print(f"ratio      {theirs / best:7.1f}")


if __name__ == "__main__":
    main()
