"""The end of a recording: raw pages become a trace.dat, and record.json is complete.

In an order that a power cut may interrupt anywhere: what was recorded is always there as raw pages or as a trace.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from recap.errors import RecapError
from recap.trace import on_disk
from recap.trace.addresses import Addresses, blank_pages
from recap.trace.container import RawFolder, pack
from recap.trace.formats import parse_fields, parse_format
from recap.trace.opening import RAW, TRACE
from recap.trace.record_file import RecordFile, write_record
from recap.trace.tracedat import page_header

NO_ADDRESS = f"{0:016x} t tracing_mark_write\n"  # what marks are from; where it lies is kept nowhere
Packing = Callable[[float], None]


def finish(place: Path, folder: Path, record: RecordFile, packing: Packing | None = None) -> RecordFile:
    """Pack a recording's raw pages, and say in record.json what it has become.

    Args:
        place: where the recording is.
        folder: how it is named in what is said.
        record: all of record.json but for the size.
        packing: told the share of the trace that is packed, 0 to 1.

    Errors:
        RecapError: it was interrupted, or the disk does not take it; all that was recorded is there.
    """
    try:
        return finished(place, record, packing)
    except (OSError, KeyboardInterrupt) as error:
        reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error.strerror)
        remedy = f"nothing is lost: `recap record --resume {folder}`"
        raise RecapError(f"{folder} was not finished ({reason}); {remedy}") from None


def finished(place: Path, record: RecordFile, packing: Packing | None) -> RecordFile:
    """The same; raw pages go when all else is on the disk."""
    write_record(place, record)
    if not (place / TRACE).is_file():
        pack_raw(RawFolder(place / RAW), place / TRACE, packing)
    on_disk.sync_each(path for path in place.iterdir() if path.is_file())
    on_disk.sync_folder(place)
    found = msgspec.structs.replace(record, bytes=(place / TRACE).stat().st_size)
    write_record(place, found)
    shutil.rmtree(place / RAW)
    return found


def pack_raw(raw: RawFolder, target: Path, packing: Packing | None = None) -> None:
    """Make a trace.dat; of pages that a recorder left, without the addresses of the recorded kernel."""
    if raw.text("kallsyms", "") != NO_ADDRESS:
        pack(raw, target, packing)
        return
    header = page_header(parse_fields(raw.text("events/header_page")))
    formats = (parse_format(system, text) for system, texts in raw.formats() for text in texts)
    fields = Addresses(described for described in formats if described)
    size = raw.page_size()
    pack(raw, target, packing, lambda pages: blank_pages(pages, fields, size, header.commit, header.payload))
