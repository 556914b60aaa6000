"""The album of page maps as the page's script reads it: packed pictures, and what each colour means."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from recap.mm.page_map import Use
from recap.sim.timeline import Timeline, differences

LARGEST = 1_200_000  # characters of all pictures of a page: the whole page is to stay below 2 MB
WORDS = {  # in the order of the legend: what a reader should look at comes first
    Use.CAPTURED: ("captured", "withheld on a reclaimer's private list while a block is put together"),
    Use.STOLEN: ("stolen", "freed by a task in direct reclaim, allocated by another before the first was served"),
    Use.RECLAIMED: ("up for grabs", "freed by direct reclaim since the last picture, and free for any task"),
    Use.HIGH_ORDER: ("high-order block", "in use as part of a large contiguous block: what the requests were for"),
    Use.FREE_HUGE: ("free, whole", "free in a block at least as large as a huge page"),
    Use.FREE: ("free, fragmented", "free, in a block smaller than a huge page"),
    Use.PCP: ("on a per-cpu list", "free, kept by one CPU for its next request"),
    Use.FILE: ("page cache", "contents of files: can be reclaimed"),
    Use.ANON: ("anonymous", "memory of programs: can be reclaimed where there is swap"),
    Use.KERNEL: ("kernel", "in use by the kernel, or as a huge page since before the recording"),
    Use.RESERVED: ("not managed", "the kernel's own image, and holes"),
}
TOGETHER = (Use.CAPTURED, Use.STOLEN, Use.RECLAIMED)  # what makes a picture worth opening with


def legend() -> list[dict[str, Any]]:
    """Colour number, name and meaning, for the script."""
    return [{"use": int(use), "name": name, "meaning": meaning} for use, (name, meaning) in WORDS.items()]


def albums(seen: Mapping[str, Timeline]) -> list[dict[str, Any]]:
    """The pictures of all policies; only every second, fourth ... if all of them would make the page too large."""
    every = 1
    while True:
        made = [album(policy, timeline, every) for policy, timeline in seen.items()]
        if sum(len(one["packed"]) for one in made) <= LARGEST or all(len(one["times"]) <= 2 for one in made):
            return made
        every *= 2


def album(name: str, seen: Timeline, every: int = 1) -> dict[str, Any]:
    """One policy's pictures: gzip of each picture XOR the one before, in base64."""
    kept = shown(seen, every)
    packed = gzip.compress(differences(seen.pictures[kept]).tobytes(), 9, mtime=0)
    return {
        "name": name,
        "times": (seen.picture_time[kept] / 1e9).round(6).tolist(),
        "frames": int(seen.pictures.shape[1]),
        "framesPerPixel": seen.frames_per_pixel,
        "packed": base64.b64encode(packed).decode(),
    }


def shown(seen: Timeline, every: int) -> npt.NDArray[np.int64]:
    """Every n-th picture, and the most interesting one."""
    return np.union1d(np.arange(0, len(seen.pictures), every), [int(np.argmax(interest(seen)))])


def interest(seen: Timeline) -> npt.NDArray[np.int64]:
    """What each picture is worth looking at for: captured pages count most, then those stolen or up for grabs."""
    captured = (seen.pictures == Use.CAPTURED).sum(axis=1)
    return np.asarray(captured * len(WORDS) + np.isin(seen.pictures, TOGETHER).sum(axis=1))


def best_moment(seen: Mapping[str, Timeline]) -> float:
    """The time to open with, in seconds: where the pictures of all policies are most worth looking at."""
    times = np.unique(np.concatenate([one.picture_time for one in seen.values()]))
    total = np.zeros(len(times), np.int64)
    for one in seen.values():
        total += interest(one)[np.maximum(np.searchsorted(one.picture_time, times, side="right") - 1, 0)]
    return float(times[np.argmax(total)] / 1e9)
