"""`recap snapshot`: the memory state of a kernel that stands still, from a dump."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from recap.cli.console import Json, Readable, named, show
from recap.errors import InputError
from recap.report.recorder import snapshot_taken
from recap.trace.snapshot import TAKE_AGAIN
from recap.trace.state.btf import UnknownTypeError
from recap.trace.state.dump import DumpedKernel
from recap.trace.state.memory import UnreadableError
from recap.trace.state.take import take_dump

Target = Annotated[Path, Parameter(name=["--out", "-o"], converter=named)]
Symbols = Annotated[Path | None, Parameter(show_default=False)]


def verb(core: Readable, /, *, out: Target, symbols: Symbols = None, json: Json = False) -> None:
    """Write the memory state in a dump as snap0.npz or snap1.npz: every free list, per-cpu list and LRU list in order,
    the flags of all pages, each pageblock's type, watermarks and counters. No page's content is read and no address
    kept. It needs drgn (`pip install recap-mm[snapshot]`).

    Parameters
    ----------
    core
        The memory of a paused guest, by QEMU's dump-guest-memory, or a kdump.
    out
        The file to write, such as recording/snap0.npz.
    symbols
        The kernel's vmlinux, for a kernel before 6.0, or without CONFIG_KALLSYMS_ALL.
    """
    if out.exists():
        raise InputError(out, "", "is there already", "give another name, or move it away")
    try:
        taken = take_dump(DumpedKernel(core, symbols), out)
    except (UnreadableError, UnknownTypeError) as error:
        out.unlink(missing_ok=True)
        raise InputError(core, "", str(error), TAKE_AGAIN) from None
    show(taken, lambda found: snapshot_taken(found, out), as_json=json)
