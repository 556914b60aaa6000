"""How much the start matters: each recording compared from its dump, and from page flags made of that dump.

python bench/starts.py [--seeds N] RECORDING...

Tables in Markdown: what the estimate has right of the lists, and what the unchanged model then makes of the load. Of
recordings that guests made of themselves (tools/live/record.py: NAME-live, beside NAME-dump) two more: how exact
the live start is, and what the model makes of the load from all three starts.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Set
from pathlib import Path

import numpy as np

from recap.demand.spot import from_snapshot_on
from recap.demand.starts import StartName, start_of
from recap.lab.compare import compare
from recap.lab.end_state import end_state
from recap.lab.results import Column, Interval
from recap.lab.verify import TimedReplay, verify
from recap.mm.machine import Machine
from recap.trace import Recording, Snapshot
from recap.trace.kpageflags import KPF, has, of_snapshot
from recap.trace.snapshot import FREE, PCP

STARTS: tuple[StartName, ...] = ("dump", "flags")
LIVE = ("readings", "differ", "torn", "free blocks in place", "per-cpu blocks in place", "pageblocks")
LIVE += ("exact from live", "exact from dump")
POINTS, PERCENT = 5, 15  # how far apart the two may be: success in points, pages stolen in percent


def figure(column: Column, *names: str) -> Interval:
    """The sum of some metrics, ends and all."""
    found = [column.metrics[name] for name in names if name in column.metrics]
    return Interval(*(sum(getattr(one, part) for one in found) for part in ("mean", "low", "high")))


def outcome(path: Path, seeds: int) -> str:
    """A recording's line: kernel, then the model from each start, and whether the two are near."""
    by_start = [compare(path, ["none"], seeds=seeds, start=start).columns for start in STARTS]
    kernel = by_start[0][0]
    models = [columns[1] for columns in by_start]
    success = [figure(column, "success_percent") for column in (kernel, *models)]
    stolen = [figure(column, "pgsteal_kswapd", "pgsteal_direct") for column in (kernel, *models)]
    points = success[2].mean - success[1].mean
    percent = 100 * (stolen[2].mean / stolen[1].mean - 1) if stolen[1].mean else 0.0
    met = abs(points) <= POINTS and abs(percent) <= PERCENT
    cells = [*map(str, success), f"{points:+.1f}", *map(str, stolen), f"{percent:+.1f} %", "yes" if met else "no"]
    return f"| {path.name} | " + " | ".join(cells) + " |"


def lists_right(path: Path) -> str:
    """A recording's line: how much of the estimate is as in the dump."""
    recording = Recording(path)
    real, guess = (start_of(recording, start).snapshot for start in STARTS)
    kinds = [share(blocks(real, kind), blocks(guess, kind)) for kind in (FREE, PCP)]
    there = np.unique(np.flatnonzero(~has(of_snapshot(real), KPF.NOPAGE)) // 512)
    types = f"{int((real.pageblock[there] == guess.pageblock[there]).sum())} of {len(there)}"
    lru = [share(set(real.lru_list(n).tolist()), set(guess.lru_list(n).tolist())) for n in range(4)]
    return f"| {path.name} | {kinds[0]} | {types} | {kinds[1]} | " + ", ".join(lru) + f" | {order_right(real, guess)} |"


def blocks(snapshot: Snapshot, kind: int) -> set[tuple[int, ...]]:
    """Every entry of the lists of a kind, with its list."""
    return set(map(tuple, snapshot.lists[snapshot.lists[:, 0] == kind].tolist()))


def share(real: Set[Hashable], guess: Set[Hashable]) -> str:
    """How many of the real entries the estimate has."""
    return f"{len(real & guess)} of {len(real)}"


def order_right(real: Snapshot, guess: Snapshot) -> str:
    """Of the pages on the inactive list of files, the rank correlation of their places."""
    places = [{pfn: n for n, pfn in enumerate(snapshot.lru_list(2).tolist())} for snapshot in (real, guess)]
    both = [pfn for pfn in places[0] if pfn in places[1]]
    if len(both) < 2:
        return "-"
    ranks = [np.array([place[pfn] for pfn in both]).argsort().argsort() for place in places]
    return f"{np.corrcoef(*ranks)[0, 1]:.2f}"


def live_right(path: Path) -> str:
    """A live recording's line: how it was read, how exactly both starts replay, and what is the same in both: the live
    state, replayed to the event at which the guest was dumped, beside the dump."""
    dump = dump_of(path)
    snapshot, dumped = Recording(path).snapshot(0), Recording(dump).snapshot(0)
    if snapshot is None or dumped is None:
        raise SystemExit(f"{path}: there is no live snapshot, or no dump beside it")
    exact = [verify(one) for one in (path, dump)]
    run = TimedReplay(path)
    run.to(len(run.events) - len(from_snapshot_on(Recording(dump)).events))
    then = end_state(Machine(run.replay.m), dumped)
    taken = snapshot.taken
    shares = (then.free_lists_in_place, then.pcp_lists_in_place, then.pageblocks_exact)
    cells = [f"{taken.readings}", f"{taken.differ}", f"{len(taken.torn)}", *(f"{share:.4f}" for share in shares)]
    cells += [f"{one.exact:,} of {one.allocations:,} ({one.exact_ratio:.5f})" for one in exact]
    return f"| {name_of(path)} | " + " | ".join(cells) + " |"


def three_starts(path: Path, seeds: int) -> str:
    """A live recording's line: kernel, then the model from each of three starts."""
    wanted: list[tuple[Path, StartName]] = [(dump_of(path), "dump"), (path, "live"), (path, "flags")]
    columns = [compare(one, ["none"], seeds=seeds, start=start).columns for one, start in wanted]
    found = [columns[0][0], *(one[1] for one in columns)]
    success = [str(figure(column, "success_percent")) for column in found]
    stolen = [str(figure(column, "pgsteal_kswapd", "pgsteal_direct")) for column in found]
    return f"| {name_of(path)} | " + " | ".join((*success, *stolen)) + " |"


def dump_of(path: Path) -> Path:
    """The same recording with the host's dump for its start."""
    return path.with_name(f"{name_of(path)}-dump")


def name_of(path: Path) -> str:
    """What a live recording is called."""
    return path.name.removesuffix("-live")


def head(*names: str) -> None:
    """A table's head."""
    print("\n| recording | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1))


def main(arguments: list[str]) -> None:
    """All tables."""
    seeds = 8
    if arguments[0] == "--seeds":
        seeds, arguments = int(arguments[1]), arguments[2:]
    paths = [Path(argument) for argument in arguments if not argument.endswith("-live")]
    live = [Path(argument) for argument in arguments if argument.endswith("-live")]
    head("free blocks", "pageblock types", "per-cpu entries", "LRU pages, four lists", "order")
    for path in paths:
        print(lists_right(path), flush=True)
    head("success: kernel", "dump", "flags", "points", "pgsteal: kernel", "dump", "flags", "apart", "near")
    for path in paths:
        print(outcome(path, seeds), flush=True)
    head(*LIVE)
    for path in live:
        print(live_right(path), flush=True)
    head("success: kernel", "dump", "live", "flags", "pgsteal: kernel", "dump", "live", "flags")
    for path in live:
        print(three_starts(path, seeds), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
