"""What a user's plain Python costs against the same rule shipped and compiled, as a ratio of processor time.

python bench/policies.py RECORDING...
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from recap import policy
from recap.lab.runs import prepare
from recap.sim.run import Setup, simulate
from recap.trace import Recording

PAIRS = (("kosaki", "docs/my_policy.py"),)
ROUNDS = 7


def seconds(setup: Setup, name: str) -> float:
    """Processor time of one run."""
    began = time.process_time()
    simulate(setup, policy.load(name), 0)
    return time.process_time() - began


def main(paths: list[Path]) -> None:
    """Alternate the two; the fastest of each are least disturbed by what else the machine does."""
    for path in paths:
        setup = prepare(Recording(path), {})
        for shipped, user in PAIRS:
            pairs = [(seconds(setup, user), seconds(setup, shipped)) for _ in range(ROUNDS)]
            mine, theirs = (min(times) for times in zip(*pairs, strict=True))
            median = statistics.median(a / b for a, b in pairs)
            told = f"median of {ROUNDS} pairs {median:.2f}"
            print(f"{path.name}: {user} takes {mine / theirs:.2f} times {shipped}'s time, fastest to fastest ({told})")


if __name__ == "__main__":
    main([Path(path) for path in sys.argv[1:]])
