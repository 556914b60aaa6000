"""The album of page maps as the page's script reads it: packed pictures, and what each colour means."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import numpy as np

from recap.mm.page_map import Use
from recap.sim.timeline import Timeline, differences

WORDS = {  # in the order of the legend: what a reader should look at comes first
    Use.CAPTURED: ("captured", "withheld on a reclaimer's private list while it pieces a block together"),
    Use.STOLEN: ("stolen", "freed by a task in direct reclaim, taken by another one before it was served"),
    Use.RECLAIMED: ("up for grabs", "freed by direct reclaim since the last picture, and free for anybody"),
    Use.HIGH_ORDER: ("high-order block", "in use as part of a large contiguous block: what the requests were for"),
    Use.FREE_HUGE: ("free, whole", "free in a block at least as large as a huge page"),
    Use.FREE: ("free, in pieces", "free, in a block smaller than a huge page"),
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


def album(name: str, seen: Timeline) -> dict[str, Any]:
    """One policy's pictures: gzip of each picture XOR the one before, in base64."""
    packed = gzip.compress(differences(seen.pictures).tobytes(), 9, mtime=0)
    return {
        "name": name,
        "times": (seen.picture_time / 1e9).round(6).tolist(),
        "frames": int(seen.pictures.shape[1]),
        "framesPerPixel": seen.frames_per_pixel,
        "packed": base64.b64encode(packed).decode(),
    }


def best_moment(albums: list[Timeline]) -> int:
    """The number of the picture to open with: where most is captured, stolen or up for grabs, over all policies."""
    shortest = min(len(seen.pictures) for seen in albums)
    interest = sum(np.isin(seen.pictures[:shortest], TOGETHER).sum(axis=1) for seen in albums)
    captured = sum((seen.pictures[:shortest] == Use.CAPTURED).sum(axis=1) for seen in albums)
    return int(np.argmax(np.asarray(captured) * len(WORDS) + np.asarray(interest)))
