"""How fast the open loop replays a recording, decoding apart.

    python bench/replay.py RECORDING...

The best of a few replays each, on one core: events of all kinds a second, for grouping them into operations and doing
these on the model together.
"""

import sys
from pathlib import Path

from recap.lab.verify import TimedReplay
from recap.pages import COMPILED

RUNS = 5


def main() -> None:
    """Print the figures."""
    print(f"{'recording':24} {'events':>10} {'decode s':>9} {'engine s':>9} {'M events/s':>11}")
    for path in map(Path, sys.argv[1:]):
        runs = []
        for _ in range(RUNS if COMPILED else 1):
            run = TimedReplay(path)
            run.to(len(run.events))
            runs.append((run.seconds, run.decode_seconds))
        seconds, decode = min(runs)
        events = len(run.events)
        print(f"{path.name:24} {events:10,} {decode:9.3f} {seconds:9.3f} {events / seconds / 1e6:11.1f}")


if __name__ == "__main__":
    main()
