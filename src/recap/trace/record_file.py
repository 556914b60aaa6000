"""record.json: what a recording says of itself. It is there from the first event on, and complete when all is done."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from recap.errors import InputError
from recap.trace import on_disk, surroundings
from recap.trace.bounded import bounded_content
from recap.trace.snapshot import Taken

RECORD = "record.json"
LARGEST = 1 << 20  # bytes
UNFINISHED = "unfinished"  # what ended it while it has not ended


class Start(msgspec.Struct, frozen=True):
    """From which memory a model of the recording can start."""

    name: Literal["live", "flags"] | None
    why_not_live: str = ""
    taken: Taken | None = None


class RecordFile(msgspec.Struct, frozen=True):
    """What record.json says of a recording."""

    kernel: str
    command: list[str]
    status: int | None  # the command's exit status; None if there was none, or it was ended with the recording
    events: int  # recorded
    lost: int  # that found no room; `recap info` shows where
    seconds: float  # from START to END
    bytes: int  # of trace.dat
    event_set: str
    enabled: list[str]
    buffer_kb: int
    cpus: int
    recorder: list[int]  # recap's own threads: their work is in the trace too
    ended_by: str | None  # the signal that ended it, "duration", or "unfinished"
    list_order: str = surroundings.LIST_ORDER
    pids: list[int] = []  # recorded as long as these processes lived, but as all else: the whole machine
    cgroup: str | None = None
    start: Start | None = None
    schema: int = 1


def read_record(folder: Path) -> RecordFile | None:
    """What a recording's record.json says; None where there is none of ours."""
    try:
        return msgspec.json.decode(bounded_content(folder / RECORD, LARGEST, ""), type=RecordFile)
    except (InputError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def write_record(folder: Path, record: RecordFile) -> None:
    """Write it, in place of what was there."""
    on_disk.replace(folder / RECORD, msgspec.json.format(msgspec.json.encode(record)) + b"\n")
