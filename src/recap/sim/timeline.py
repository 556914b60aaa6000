"""What an observed run leaves behind: samples, events and pictures, and the file they are kept in."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recap.errors import InputError
from recap.mm.buddyinfo import FreeBlocks
from recap.mm.vmstat import NAMES
from recap.pages import Array
from recap.sim.journal import NOTE
from recap.sim.note import Note
from recap.trace.npz import Header, Npz

SCHEMA = 1
SAMPLE = "samples."
KERNEL_THREADS = ("kswapd0", "flusher", "kcompactd0")  # numbered behind the last task
# Of each array the kinds of its numbers, and its shape: words are sizes, the same wherever they stand.
SHAPES: dict[str, tuple[str, tuple[int | str, ...]]] = {
    "meta": ("i", (3,)),
    "zones": ("U", ("zones",)),
    "tasks": ("U", ("tasks",)),
    "notes": ("V", ("notes",)),
    "picture_time": ("i", ("pictures",)),
    "pictures": ("u", ("pictures", "pixels")),
    "samples.time": ("iu", ("samples",)),
    "samples.vmstat": ("iu", ("samples", len(NAMES))),
    "samples.free_pages": ("iu", ("samples", "zones")),
    "samples.watermark": ("iu", ("samples", "zones", 3)),
    "samples.free": ("iu", ("samples", "zones", "types", "orders")),
    "samples.blocks": ("iu", ("samples", "zones", "types")),
    "samples.lru_size": ("iu", ("samples", "lists")),
    "samples.pcp": ("iu", ("samples",)),
    "samples.withheld": ("iu", ("samples",)),
    "samples.withheld_page_ns": ("iuf", ("samples",)),
}
AGAIN = "run recap compare --out again"


@dataclass(frozen=True, eq=False)
class Timeline:
    """One run, seen from the outside. Times are ns of virtual time since the start.

    `samples` holds arrays of one row a sample: `time`; `vmstat` (counters in the order of recap.mm.vmstat.NAMES);
    `free_pages` by zone; `watermark` by zone, min, low and high with the boost on top; `free` blocks by zone,
    migratetype and order; `blocks`, the pageblocks by zone and migratetype; `lru_size` by LRU list; `pcp` and
    `withheld` pages; `withheld_page_ns`, the integral of withheld pages over time. All in pages but where said.
    """

    zones: list[str]
    pageblock_order: int
    samples: Mapping[str, Array]
    notes: Array  # recap.sim.journal.NOTE
    picture_time: npt.NDArray[np.int64]
    pictures: npt.NDArray[np.uint8]  # (pictures, pixels) of recap.mm.page_map.Use; empty where none were taken
    tasks: list[str]  # names, by the task numbers of the notes; kswapd is the number behind the last
    frames_per_pixel: int = 1  # of a large memory only every so manieth frame is kept

    def vmstat(self, name: str) -> npt.NDArray[np.int64]:
        """A counter over the samples, by its /proc/vmstat name."""
        return np.asarray(self.samples["vmstat"][:, NAMES.index(name)])

    def sampled(self, name: str) -> npt.NDArray[np.int64]:
        """free_pages of all zones, withheld, or a counter over the samples."""
        if name == "free_pages":
            return np.asarray(self.samples[name].sum(axis=1))
        return self.samples[name] if name == "withheld" else self.vmstat(name)

    def notes_of(self, kind: int) -> Array:
        """The events of one kind (recap.sim.note.Note), in order."""
        return self.notes[self.notes["kind"] == kind]

    def free_blocks(self, time: int) -> FreeBlocks:
        """What /proc/buddyinfo and /proc/pagetypeinfo counted at the last sample up to a time."""
        i = max(0, int(np.searchsorted(self.samples["time"], time, side="right")) - 1)
        return FreeBlocks(self.zones, self.samples["free"][i], self.samples["blocks"][i], self.pageblock_order)

    def packed(self) -> bytes:
        """All of it as one file (.npz): each picture as its difference to the one before, which packs well."""
        arrays: dict[str, Any] = {f"samples.{name}": column for name, column in self.samples.items()}
        meta = np.array([SCHEMA, self.pageblock_order, self.frames_per_pixel], np.int64)
        file = io.BytesIO()
        np.savez_compressed(
            file,
            meta=meta,
            zones=np.array(self.zones),
            tasks=np.array(self.tasks, np.str_),
            notes=self.notes,
            picture_time=self.picture_time,
            pictures=differences(self.pictures),
            **arrays,
        )
        return file.getvalue()


def differences(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Each picture XOR the one before, the first as it is."""
    changed = pictures.copy()
    changed[1:] ^= pictures[:-1]
    return changed


def read_timeline(path: Path, packed: bytes) -> Timeline:
    """What `Timeline.packed` made.

    Args:
        path: where it was kept.
        packed: the content.

    Errors:
        InputError: it is something else.
    """
    try:
        with Npz(io.BytesIO(packed)) as archive:
            check(archive.headers)
            arrays = archive.read()
        schema, pageblock_order, frames_per_pixel = arrays["meta"].tolist()
        check_notes(arrays["notes"], len(arrays["tasks"]))
    except (KeyError, ValueError) as error:
        raise InputError(path, "", f"is not the timeline of a run: {error}", AGAIN) from error
    if schema != SCHEMA:
        raise InputError(path, "schema", f"is {schema}, this recap reads {SCHEMA}", AGAIN)
    return Timeline(
        arrays["zones"].tolist(),
        pageblock_order,
        {name.removeprefix(SAMPLE): column for name, column in arrays.items() if name.startswith(SAMPLE)},
        arrays["notes"],
        arrays["picture_time"],
        np.bitwise_xor.accumulate(arrays["pictures"], axis=0),
        arrays["tasks"].tolist(),
        frames_per_pixel,
    )


def check(headers: Mapping[str, Header]) -> None:
    """All arrays are there and of one mould; ValueError where one is not."""
    sizes: dict[str, int] = {}
    for name, (kinds, shape) in SHAPES.items():
        header = headers[name]
        if header.dtype.kind not in kinds or len(header.shape) != len(shape):
            raise ValueError(f"{name} has the wrong type or number of dimensions")
        for wanted, size in zip(shape, header.shape, strict=True):
            if size != (wanted if isinstance(wanted, int) else sizes.setdefault(wanted, size)):
                raise ValueError(f"{name} has the shape {header.shape}")
    if not sizes["samples"] or not sizes["zones"] or headers["notes"].dtype != NOTE:
        raise ValueError("it has no samples, no zones, or notes of another format")


def check_notes(notes: Array, tasks: int) -> None:
    """Each is of a kind that is known, and of a task or a thread of the kernel."""
    threads = tasks + len(KERNEL_THREADS)
    if len(notes) and (
        notes["kind"].max() >= len(Note) or not 0 <= notes["task"].min() <= notes["task"].max() < threads
    ):
        raise ValueError("its notes refer to tasks or kinds that do not exist")
