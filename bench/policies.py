"""What a user's plain Python costs against the same rule shipped and compiled, as a ratio of processor time.

python bench/policies.py RECORDING...
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from recap import policy
from recap.lab.compare import prepare
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
    """Alternate the two, and take the median of the ratios."""
    for path in paths:
        setup = prepare(Recording(path), {})
        for shipped, user in PAIRS:
            ratios = [seconds(setup, user) / seconds(setup, shipped) for _ in range(ROUNDS)]
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            print(f"{path.name}: {user} takes {statistics.median(ratios):.2f} times {shipped}'s time ({spread})")


if __name__ == "__main__":
    main([Path(path) for path in sys.argv[1:]])
