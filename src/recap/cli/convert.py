"""`recap convert`: a trace in another form."""

from pathlib import Path

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


def verb(source: Readable, target: Path, /) -> None:
    """Bring a trace into another form; the target's name says which.

    To Parquet, from any trace recap reads: one row an event, for DuckDB, pandas, polars; recap reads it back without
    loss. A trace of any size is converted piece by piece. To trace.dat, from a folder of raw ring-buffer pages, such as
    a recorder leaves that was killed.

    Parameters
    ----------
    source
        A recording's folder, or a trace by itself; - is standard input.
    target
        A name that ends in .parquet or .dat, of a file that is not there yet.
    """
    if target.suffix not in FORMS:
        raise InputError(target, "", "is no form recap writes", f"give a name that ends in {' or '.join(FORMS)}")
    if target.exists():
        raise InputError(target, "", "is there already", "give another name, or move it away")
    path, notes = Recording(source).path, list[str]()
    with progress() as update:
        if target.suffix == ".parquet":
            flow = open_flow(path)
            write_parquet(flow, target, lambda: update(flow.share, "converting"))
            notes = list(flow.unread.notes())
        elif is_raw(path):
            pack_raw(RawFolder(path), target, lambda share: update(share, "packing"))
        else:
            problem = "holds no ring-buffer pages as they come"
            raise InputError(source, "", problem, "only a folder with per_cpu/cpuN/trace_pipe_raw makes a trace.dat")
    for note in notes:
        say(note)
