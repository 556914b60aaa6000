"""`recap convert`: a trace in another form."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from recap.cli.console import Readable, progress
from recap.cli.streams import say
from recap.errors import InputError
from recap.trace.container import RawFolder
from recap.trace.finishing import pack_raw
from recap.trace.opening import open_flow
from recap.trace.parquet import write_parquet
from recap.trace.raw import is_raw
from recap.trace.recording import Recording

FORMS = (".parquet", ".dat")


Compact = Annotated[bool, Parameter(negative=(), show_default=False)]


def verb(source: Readable, target: Path, /, *, compact: Compact = False) -> None:
    """Bring a trace into another form; the target's name says which.

    To Parquet, from any trace that recap reads: one row for each event, for DuckDB, pandas and polars; recap reads it
    back without loss. A trace of any size is converted piece by piece. To trace.dat, from a folder of raw ring-buffer
    pages, which a recorder that was killed leaves behind.

    Parameters
    ----------
    source
        A recording's folder, or a trace by itself; - is standard input.
    target
        A name that ends in .parquet or .dat, of a file that does not exist yet.
    compact
        Parquet at most 2 bytes an event: the column `since` has the time since the last event of that kind on that CPU,
        instead of `time`.
    """
    if target.suffix not in FORMS:
        raise InputError(
            target, "", "is not a format that recap writes", f"give a name that ends in {' or '.join(FORMS)}"
        )
    if target.exists():
        raise InputError(target, "", "already exists", "choose another name, or move it")
    path, notes = Recording(source).path, list[str]()
    with progress() as update:
        if target.suffix == ".parquet":
            flow = open_flow(path)
            write_parquet(flow, target, lambda: update(flow.share, "converting"), compact=compact)
            notes = list(flow.unread.notes())
        elif is_raw(path):
            pack_raw(RawFolder(path), target, lambda share: update(share, "packing"))
        else:
            problem = "holds no ring-buffer pages as they come"
            raise InputError(source, "", problem, "only a folder with per_cpu/cpuN/trace_pipe_raw makes a trace.dat")
    for note in notes:
        say(note)
