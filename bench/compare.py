"""How fast the closed loop runs: simulated seconds for each second of wall time, and demand from a trace.

python bench/compare.py RECORDING
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from recap import policy
from recap.lab.runs import prepare
from recap.sim.run import simulate
from recap.trace import Recording


def main(path: Path) -> None:
    """Read once, run once under each shipped policy."""
    recording = Recording(path)
    events = len(recording.events)
    began = time.perf_counter()
    setup = prepare(recording, {})
    seconds = time.perf_counter() - began
    print(f"demand from {events} events: {seconds:.2f} s, {events / seconds / 1e6:.1f} M events/s")
    for info in policy.catalogue():
        began = time.perf_counter()
        simulated = simulate(setup, policy.load(info.name), 0)["simulated_seconds"]
        seconds = time.perf_counter() - began
        print(f"{info.name}: {simulated:.1f} simulated seconds in {seconds:.2f} s, {simulated / seconds:.0f} to 1")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
