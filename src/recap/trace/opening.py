"""A trace of any kind, recognised by its content, as the one table."""

import os
from pathlib import Path

from recap.errors import InputError
from recap.trace.cursor import map_file
from recap.trace.ingest import open_tracedat
from recap.trace.llfree import is_llfree, read_llfree
from recap.trace.parquet import PARQUET, read_parquet
from recap.trace.raw import is_raw, read_raw
from recap.trace.table import Events
from recap.trace.text import read_text
from recap.trace.tracedat import MAGIC

HEAD = 4096
PERF_DATA = b"PERFILE2"


def open_trace(path: str | os.PathLike[str]) -> Events:
    """The events of a trace, all CPUs and instances merged in time order.

    Args:
        path: a trace.dat (6 or 7), a folder of raw ring-buffer pages, text of ftrace, `trace-cmd report` or
            `perf script`, a file for LLFree's replay, or Parquet of recap's own. The content tells which.

    Errors:
        InputError: it is none of them, or damaged.

    Example:
        >>> events = recap.open_trace("recordings/hugetlb-1cpu/trace.dat")
        >>> len(events.time) == len(events), bool((events.time[1:] >= events.time[:-1]).all())
        (True, True)
    """
    given = Path(path)
    if is_raw(given):
        return read_raw(given)
    if given.is_dir():
        raise InputError(given, "", "is a folder without a trace in it", "name a trace, or a folder with trace.dat")
    data = map_file(given)
    head, size = bytes(data[:HEAD]), len(data)
    if head.startswith(MAGIC):
        return open_tracedat(given)
    if head.startswith(PARQUET):
        return read_parquet(given)
    if head.startswith(PERF_DATA):
        raise InputError(given, "offset 0x0", "is perf's own file", "give the output of `perf script` instead")
    if is_llfree(head, size):
        return read_llfree(given)
    if b"\0" in head:
        raise InputError(given, "offset 0x0", "this is no trace that recap knows", "give a trace.dat, or a text")
    return read_text(given)
