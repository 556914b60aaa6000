"""A run as a Perfetto trace: tasks and kernel threads with stalls, reclaim and compaction as slices, and counters."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recap.errors import MissingExtraError
from recap.pages import Array
from recap.report.tables import task_name
from recap.sim.note import Note
from recap.sim.timeline import Timeline

SEQUENCE = 1
MACHINE, COUNTERS = 1, 1 << 20  # track numbers; tasks are numbered from FIRST_TASK on
FIRST_TASK = 16
SLICES = {
    Note.KSWAPD: "balance_pgdat",
    Note.RECLAIM: "direct reclaim",
    Note.COMPACT: "direct compaction",
    Note.KCOMPACTD: "kcompactd",
}
INSTANTS = {Note.STOLEN: "takes a stolen page", Note.OOM_KILL: "OOM kill"}


def perfetto(seen: Timeline, title: str) -> bytes:
    """The trace, to be opened in Perfetto's user interface.

    Args:
        seen: one run.
        title: its name there.

    Errors:
        MissingExtraError: the package perfetto is not installed.
    """
    try:
        from perfetto.trace_builder.proto_builder import TraceProtoBuilder  # noqa: PLC0415 (an extra)
    except ImportError:
        raise MissingExtraError("perfetto", "perfetto") from None
    trace = Trace(TraceProtoBuilder())
    trace.process(MACHINE, title)
    for task in np.unique(seen.notes["task"]).tolist():
        trace.thread(FIRST_TASK + task, task_name(seen, task), task + 1)
    for task in np.unique(seen.notes["task"]).tolist():
        add_notes(trace, FIRST_TASK + task, seen.notes[seen.notes["task"] == task])
    for i, (name, values) in enumerate(counter_tracks(seen).items()):
        trace.counter(COUNTERS + i, name, seen.samples["time"], values)
    return trace.bytes()


def add_notes(trace: Trace, track: int, notes: Array) -> None:
    """A task's notes: a slice for what lasts, an instant for what does not; what lies within another is inside it."""
    ends: list[int] = []
    for note in notes[np.lexsort((notes["kind"], -notes["until"], notes["time"]))]:
        begin = int(note["time"])
        while ends and ends[-1] <= begin:
            trace.end(track, ends.pop())
        if note["kind"] in INSTANTS:
            trace.instant(track, begin, INSTANTS[note["kind"]])
        else:
            trace.begin(track, begin, name_of(note))
            ends.append(int(note["until"]))
    while ends:
        trace.end(track, ends.pop())


def name_of(note: Any) -> str:
    """What a slice is called: what the kernel's function is called, where one does it all."""
    if note["kind"] == Note.STALL:
        return f"stall, order {note['order']}, {'served' if note['served'] else 'failed'}"
    return SLICES[note["kind"]]


def counter_tracks(seen: Timeline) -> dict[str, npt.NDArray[Any]]:
    """What is drawn as a curve."""
    found = {f"free pages, {zone}": seen.samples["free_pages"][:, z] for z, zone in enumerate(seen.zones)}
    found["withheld pages"] = seen.samples["withheld"]
    for name in ("pgsteal_kswapd", "pgsteal_direct", "stolen_pages", "captured_pages"):
        found[name] = seen.vmstat(name)
    return found


class Trace:
    """The few packets a trace like ours is made of."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def packet(self, time: int = 0) -> Any:
        """A packet of our sequence."""
        packet = self.builder.add_packet()
        packet.timestamp = time
        packet.trusted_packet_sequence_id = SEQUENCE
        return packet

    def process(self, track: int, name: str) -> None:
        """The track all others belong to."""
        descriptor = self.packet().track_descriptor
        descriptor.uuid = track
        descriptor.process.pid = MACHINE
        descriptor.process.process_name = name

    def thread(self, track: int, name: str, tid: int) -> None:
        """A task's track."""
        descriptor = self.packet().track_descriptor
        descriptor.uuid = track
        descriptor.parent_uuid = MACHINE
        descriptor.thread.pid = MACHINE
        descriptor.thread.tid = MACHINE + tid
        descriptor.thread.thread_name = name

    def event(self, track: int, time: int, kind: str, name: str = "") -> Any:
        """One event of a track."""
        packet = self.packet(time)
        event = packet.track_event
        event.track_uuid = track
        event.type = event.Type.Value(kind)
        if name:
            event.name = name
        return event

    def begin(self, track: int, time: int, name: str) -> None:
        """Something begins that lasts."""
        self.event(track, time, "TYPE_SLICE_BEGIN", name)

    def end(self, track: int, time: int) -> None:
        """The innermost of what lasts is over."""
        self.event(track, time, "TYPE_SLICE_END")

    def instant(self, track: int, time: int, name: str) -> None:
        """Something that does not."""
        self.event(track, time, "TYPE_INSTANT", name)

    def counter(self, track: int, name: str, times: npt.NDArray[Any], values: npt.NDArray[Any]) -> None:
        """A curve."""
        descriptor = self.packet().track_descriptor
        descriptor.uuid = track
        descriptor.parent_uuid = MACHINE
        descriptor.name = name
        descriptor.counter.SetInParent()
        for time, value in zip(times.tolist(), values.tolist(), strict=True):
            self.event(track, time, "TYPE_COUNTER").counter_value = value

    def bytes(self) -> bytes:
        """The whole."""
        return bytes(self.builder.serialize())
