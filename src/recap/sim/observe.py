"""An observer of one run: samples of every counter, the journal, and pictures of memory at telling moments.

The span of the demand is cut into equal intervals. Each ends with a sample; each has one picture, taken when most
pages were withheld in it, or at its end when none were. Looking changes nothing: a run observed has the same digest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from recap.kernel import WMARK_HIGH, WMARK_LOW, WMARK_MIN
from recap.mm.buddyinfo import free_blocks
from recap.mm.page_map import Use, page_map
from recap.mm.vmstat import NAMES
from recap.pages import Array
from recap.sim.closed_loop import Simulation
from recap.sim.journal import NOTE, ROOM
from recap.sim.note import Note
from recap.sim.timeline import Timeline

SAMPLES = 240  # at most twice as many: a run that lasts longer is sampled half as often from then on
SAMPLES_PER_PICTURE = 2  # at least
LARGEST_PICTURE = 1 << 20  # pixels: 4 GiB with one for each frame
LARGEST_ALBUM = 1 << 25  # pixels of all pictures of a run that is not longer than its demand says
GROWTH = 1.25  # how much more must be withheld before another picture is taken


class Observer:
    """Watches a simulation from the outside, whenever it pauses.

    Args:
        simulation: not yet begun.
        pictures: take pictures of memory too.
    """

    def __init__(self, simulation: Simulation, pictures: bool = True) -> None:
        self.simulation = simulation
        self.pictures = pictures
        self.interval = max(1, simulation.span_ns // SAMPLES)
        self.rows: list[dict[str, Any]] = []
        self.notes: list[Array] = []
        self.maps: list[tuple[int, Array]] = []
        self.best: tuple[int, Array] | None = None
        self.requests_before = 0
        self.frames_per_pixel = max(1, int(simulation.m.nr_frames) // LARGEST_PICTURE)
        pixels = int(simulation.m.nr_frames) // self.frames_per_pixel
        self.samples_per_picture = max(SAMPLES_PER_PICTURE, SAMPLES * pixels // LARGEST_ALBUM)
        simulation.watched = True
        simulation.journal.open(ROOM)
        self.sample()
        if pictures:
            self.take_picture()
            self.keep_picture()

    def look(self) -> None:
        """Called at every pause: do what is due, and say when to pause next."""
        simulation = self.simulation
        self.notes.append(simulation.journal.empty())
        if self.pictures and simulation.m.withheld > simulation.pause_withheld:
            self.take_picture()
            simulation.pause_withheld = int(simulation.m.withheld * GROWTH)
        if simulation.clock >= simulation.pause_at:
            self.sample()

    def sample(self) -> None:
        """Note every counter; keep the picture of an interval of pictures that is over."""
        if self.pictures and self.rows and len(self.rows) % self.samples_per_picture == 0:
            self.keep_picture()
        self.rows.append(sample_of(self.simulation))
        if len(self.rows) > 2 * SAMPLES:
            self.rows = self.rows[::2]
            self.maps = self.maps[::2]
            self.interval *= 2
        self.simulation.pause_at = (self.simulation.clock // self.interval + 1) * self.interval

    def take_picture(self) -> None:
        """Memory now; what direct reclaim has freed since the last picture is shown as such."""
        m = self.simulation.m
        use = page_map(m)
        free = np.isin(use, (Use.PCP, Use.FREE, Use.FREE_HUGE))
        use[free & self.simulation.freed_after(self.requests_before)] = Use.RECLAIMED
        self.best = (int(self.simulation.clock), use[:: self.frames_per_pixel])

    def keep_picture(self) -> None:
        """The interval's picture goes into the album, with the pages stolen since the one before."""
        if self.best is None:
            self.take_picture()
        assert self.best is not None
        clock, use = self.best
        use[self.stolen_since(self.maps[-1][0] if self.maps else -1, clock) // self.frames_per_pixel] = Use.STOLEN
        self.maps.append((clock, use))
        self.best = None
        self.requests_before = int(self.simulation.requests.issued)
        self.simulation.pause_withheld = 0

    def stolen_since(self, before: int, until: int) -> Array:
        """Frames stolen after one time and up to another."""
        self.notes = [np.concatenate([*self.notes, self.simulation.journal.empty()])] if self.notes else []
        notes = self.notes[0] if self.notes else np.zeros(0, NOTE)
        chosen = (notes["kind"] == Note.STOLEN) & (notes["time"] > before) & (notes["time"] <= until)
        return np.asarray(notes["pfn"][chosen])

    def timeline(self) -> Timeline:
        """All that was seen, once the run is over."""
        self.notes.append(self.simulation.journal.empty())
        self.rows.append(sample_of(self.simulation))
        if self.pictures:
            self.keep_picture()
        columns = {name: np.array([row[name] for row in self.rows]) for name in self.rows[0]}
        counts = free_blocks(self.simulation.m)
        return Timeline(
            zones=list(counts.zones),
            pageblock_order=counts.pageblock_order,
            samples=columns,
            notes=np.concatenate(self.notes),
            picture_time=np.array([clock for clock, _ in self.maps], np.int64),
            pictures=np.array([use for _, use in self.maps], np.uint8) if self.maps else np.zeros((0, 0), np.uint8),
            tasks=list(self.simulation.names),
            frames_per_pixel=self.frames_per_pixel,
        )


def sample_of(simulation: Simulation) -> dict[str, Any]:
    """One sample; recap.sim.timeline.Timeline says what each is."""
    m = simulation.m
    zone = m.array("zone")
    counts = free_blocks(m)
    boost = zone["watermark_boost"][:, None]
    return {
        "time": int(simulation.clock),
        "vmstat": m.array("vmstat")[: len(NAMES)].copy(),
        "free_pages": zone["free_pages"].copy(),
        "watermark": zone["watermark"][:, [WMARK_MIN, WMARK_LOW, WMARK_HIGH]] + boost,
        "free": counts.free,
        "blocks": counts.blocks,
        "lru_size": m.array("node")["lru_size"].sum(axis=0),
        "pcp": int(m.array("pcp")["count"].sum()),
        "withheld": int(m.withheld),
        "withheld_page_ns": int(simulation.withheld_page_ns),
    }
