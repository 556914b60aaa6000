"""What a real kernel said: its trace, the memory state before and after, and its /proc files."""

from recap.trace.event import NO_PFN, Event
from recap.trace.opening import open_trace
from recap.trace.procfs import PageTypes, ZoneInfo
from recap.trace.recording import END, START, Recording
from recap.trace.snapshot import PcpState, Snapshot, ZoneState, read_snapshot
from recap.trace.table import SCHEMA, Events, Flow, Lost

__all__ = [
    "END",
    "NO_PFN",
    "SCHEMA",
    "START",
    "Event",
    "Events",
    "Flow",
    "Lost",
    "PageTypes",
    "PcpState",
    "Recording",
    "Snapshot",
    "ZoneInfo",
    "ZoneState",
    "open_trace",
    "read_snapshot",
]
