# SPDX-License-Identifier: GPL-2.0
"""What kosaki's question costs, of what run.py measured: `python3 question.py RUNS.jsonl`.

For each load and mode the questions of a run, what they looked at and how long they took; then what a struct page costs
kosaki, over all loads. Only of guests with one CPU, whose clock counts instructions: with two it is the host's, and
whatever that does meanwhile is in it.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from guests import MODES

KOSAKI = 3

Capture = dict[str, int]
HEADS = (
    *("load", "compaction", "mode", "runs", "questions", "of the same block", "looked at, each", "µs each"),
    *("ns a look", "asking, ms", "% of direct reclaim", "map writes", "ns each"),
)


def row(captures: list[Capture]) -> list[str]:
    """Means over the runs of one load in one mode."""
    total = {name: sum(capture[name] for capture in captures) for name in captures[0]}
    each = total["timed_ns"] / total["timed"]
    asking = each * total["asked"] / 1e6
    return [
        str(len(captures)),
        f"{total['asked'] / len(captures):,.0f}",
        f"{100 * total['again'] / total['asked']:.0f} %",
        f"{total['looked'] / total['asked']:.1f}",
        f"{each / 1000:.2f}",
        f"{total['timed_ns'] / total['timed_looked']:.0f}",
        f"{asking / len(captures):.1f}",
        f"{100 * asking / (total['reclaim_us'] / 1000):.1f}",
        f"{total['map_writes'] / len(captures):,.0f}",
        f"{total['map_write_ps'] / len(captures) / 1000:.0f}" if total["map_writes"] else "",
    ]


def table(path: Path) -> Iterator[str]:
    """A line for each load and mode, and the price."""
    cells: defaultdict[tuple[Any, ...], list[Capture]] = defaultdict(list)
    for line in map(json.loads, path.read_text().splitlines()):
        if line["load"].endswith("-1cpu") and line.get("capture", {}).get("timed"):
            cells[line["load"], line["compact"], line["mode"]].append(line["capture"])
    yield f"| {' | '.join(HEADS)} |"
    yield "|---" * len(HEADS) + "|"
    for (load, compact, mode), captures in sorted(cells.items()):
        yield f"| {' | '.join([load, 'on' if compact else 'off', MODES[mode], *row(captures)])} |"
    asked = [each for (*_, mode), captures in cells.items() if mode == KOSAKI for each in captures]
    page = sum(each["timed_ns"] for each in asked) / sum(each["timed_looked"] for each in asked)
    yield ""
    yield f"A struct page costs kosaki {page:.0f} ns."


if __name__ == "__main__":
    print("\n".join(table(Path(sys.argv[1]))))
