"""A trace of any kind, recognised by its content, as the one table."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from recap.errors import InputError
from recap.trace.container import RawFolder
from recap.trace.cursor import map_file
from recap.trace.example import located
from recap.trace.ingest import open_tracedat, tracedat_flow
from recap.trace.llfree import is_llfree, llfree_flow
from recap.trace.parquet import PARQUET, parquet_flow, read_parquet
from recap.trace.raw import is_raw, raw_flow, read_raw
from recap.trace.standard_input import seekable
from recap.trace.table import Events, Flow
from recap.trace.text import text_flow
from recap.trace.tracedat import MAGIC

TRACE = "trace.dat"
PARQUET_TRACE = "trace.parquet"
RAW = "raw"
HEAD = 4096
PERF_DATA = b"PERFILE2"

Kind = Literal["trace.dat", "parquet", "llfree", "text"]
FLOWS: dict[Kind, Callable[[Path], Flow]] = {
    "trace.dat": tracedat_flow,
    "parquet": parquet_flow,
    "llfree": llfree_flow,
    "text": text_flow,
}
# What is read as a whole in another way than piece by piece.
TABLES: dict[Kind, Callable[[Path], Events]] = {"parquet": read_parquet}


def open_trace(path: str | os.PathLike[str], progress: Callable[[float], None] | None = None) -> Events:
    """The events of a trace, all CPUs and instances merged in time order.

    Args:
        path: a recording's folder, or a trace: a trace.dat (6 or 7), a folder of raw ring-buffer pages, text of ftrace,
            `trace-cmd report` or `perf script`, a file for LLFree's replay, or Parquet of recap's own. The content
            tells which.
        progress: called with the share done, 0 to 1, where the trace is a long one.

    Errors:
        InputError: it is none of them, or damaged.

    Example:
        >>> events = recap.open_trace("recordings/hugetlb-1cpu")
        >>> len(events.time) == len(events), bool((events.time[1:] >= events.time[:-1]).all())
        (True, True)
    """
    given = trace_in(located(seekable(Path(path))))
    try:
        return table_of(given, progress)
    except MemoryError:
        problem = "holds more than there is memory for"
        raise InputError(given, "", problem, "record for a shorter time") from None


def trace_in(path: Path) -> Path:
    """The trace of a recording's folder: packed, or as raw pages, which a recorder leaves that was killed. What is no
    folder is a trace by itself.
    """
    if not path.is_dir():
        return path
    packed = (file for file in (path / TRACE, path / PARQUET_TRACE) if file.is_file())
    raw = (folder for folder in (path / RAW, path) if is_raw(folder))
    found = next(packed, None) or next(raw, None)
    if found is None:
        raise InputError(path, "", "is a folder without a trace in it", f"name a trace, or a folder with a {TRACE}")
    return found


def trace_files(path: Path) -> list[Path]:
    """The files that a trace is read from."""
    return RawFolder(path).files() if is_raw(path) else [path]


def table_of(path: Path, progress: Callable[[float], None] | None = None) -> Events:
    """All events of a trace."""
    if is_raw(path):
        return read_raw(path, progress)
    kind = kind_of(path)
    if kind == "trace.dat":
        return open_tracedat(path, progress)
    return TABLES[kind](path) if kind in TABLES else FLOWS[kind](path).whole()


def open_flow(path: Path) -> Flow:
    """The events of a trace piece by piece: no more of it is in memory at a time."""
    return raw_flow(path) if is_raw(path) else FLOWS[kind_of(path)](path)


def kind_of(path: Path) -> Kind:
    """What a file is, by its first bytes."""
    data = map_file(path)
    head, size = bytes(data[:HEAD]), len(data)
    if head.startswith(MAGIC):
        return "trace.dat"
    if head.startswith(PARQUET):
        return "parquet"
    if head.startswith(PERF_DATA):
        raise InputError(path, "offset 0x0", "is a perf.data file", "give the output of `perf script` instead")
    if is_llfree(head, size):
        return "llfree"
    if b"\0" in head:
        raise InputError(path, "offset 0x0", "this is not a trace that recap can read", "give a trace.dat, or a text")
    return "text"
