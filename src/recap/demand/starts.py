"""Where a model of a recording starts from: the kernel's own lists, from a dump or read live, or page flags alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from recap.demand.from_flags.estimate import estimate
from recap.demand.from_flags.seen import seen_in, seen_of
from recap.demand.hotplug import with_all_cpus
from recap.demand.nodes import LoadsNode, loads_node, of_node
from recap.demand.splits import lists_of_single_pages, split, split_later
from recap.demand.spot import check_same_machine, from_snapshot_on, mark, start_spot
from recap.errors import InputError
from recap.trace import START, Events, Recording, Snapshot

StartName = Literal["dump", "live", "flags"]
TAKE = {
    "dump": "pause a virtual machine and dump it (docs/recording-a-vm.md), or take --start flags",
    "live": "record as root on a kernel with /proc/kcore (`recap doctor`), or take --start flags",
}


@dataclass(frozen=True, eq=False)
class Origin:
    """The state at the start.

    Args:
        name: which of the three it is.
        snapshot: the state; of page flags, as seed 0 draws it.
        events: the trace from there on.
        drawn: the state as a seed draws it; all the same where nothing is drawn.
        assumptions: what is not known of it, each with its size.
    """

    name: StartName
    snapshot: Snapshot
    events: Events
    drawn: Callable[[int], Snapshot]
    assumptions: list[str] = field(default_factory=list)

    def with_cpus(self, cpus: int) -> Origin:
        """The same with all CPUs that the trace has: some may have come later."""
        return replace(
            self,
            snapshot=with_all_cpus(self.snapshot, cpus),
            drawn=lambda seed: with_all_cpus(self.drawn(seed), cpus),
        )

    def with_splits(self) -> Origin:
        """The same with the large folios as single pages that the recorded kernel frees in parts."""
        heads, orders = split_later(self.snapshot, self.events)
        if not len(heads):
            return self
        told = f"{len(heads)} large folios that the recorded kernel split later are single pages from the start"
        single = split(self.snapshot, heads, orders)
        return replace(  # a seed draws the lists alone
            self,
            snapshot=single,
            drawn=lambda seed: replace(single, lists=lists_of_single_pages(self.drawn(seed).lists, heads, orders)),
            assumptions=[*self.assumptions, told],
        )


def start_of(recording: Recording, wanted: StartName | None = None) -> Origin:
    """The best start a recording has, or the one that is wanted.

    Errors:
        InputError: it is not there, nothing marks its spot, or the trace is of another machine.
    """
    snapshot, node = recording.snapshot(0), loads_node(recording)
    elsewhere = snapshot is not None and node is not None and snapshot.taken.node != node.number
    if (
        wanted != "flags"
        and snapshot is not None
        and wanted in (None, snapshot.start)
        and not (elsewhere and not wanted)
    ):
        return of_snapshot(recording, snapshot, node)
    if wanted in ("dump", "live"):
        found = f"its snap0.npz is of a {snapshot.start} start" if snapshot else "it has no snap0.npz"
        raise InputError(recording.path, f"--start {wanted}", found, TAKE[wanted])
    return of_flags(recording, None if elsewhere else snapshot, node)


def of_snapshot(recording: Recording, snapshot: Snapshot, node: LoadsNode | None) -> Origin:
    """The kernel's own lists."""
    found = from_snapshot_on(recording)
    told = [*found.assumptions]
    if node is not None:
        told.append(node.told(snapshot.taken.node))
    return Origin(snapshot.start, found.snapshot, found.events, lambda _: found.snapshot, told).with_splits()


def of_flags(recording: Recording, snapshot: Snapshot | None, node: LoadsNode | None = None) -> Origin:
    """What /proc told; where only a snapshot was kept, what /proc would have told then."""
    saved = recording.page_flags() is not None
    seen = seen_in(recording, node) if saved or snapshot is None else seen_of(snapshot)
    events = of_node(recording, node.number) if node is not None else recording.events
    start = start_mark(recording, events) if saved or snapshot is None else start_spot(events, snapshot)
    found = estimate(seen, events, start)
    check_same_machine(recording, events, found.base)
    return Origin("flags", found.base, events.slice(start, len(events)), found.drawn, found.assumptions).with_splits()


def start_mark(recording: Recording, events: Events) -> int:
    """The first event after the START mark, which `record` writes once the flags are read."""
    start = mark(events, START)
    if start is None:
        remedy = "record with `recap record`, which marks where its page flags were read"
        raise InputError(recording.path, "trace markers", "there is no START mark", remedy)
    return start
