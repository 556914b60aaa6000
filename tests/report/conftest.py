"""What the report tests share: rendering to plain text, and a kept comparison made by hand."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console, RenderableType

from recap.lab.results import Column, Comparison, Difference, Figure, Range, RunRecord
from recap.mm.page_map import Use
from recap.mm.vmstat import NAMES
from recap.sim.journal import NOTE
from recap.sim.note import Note
from recap.sim.timeline import Timeline


@pytest.fixture
def printed() -> Callable[[RenderableType], str]:
    """What a file would get."""

    def render(renderable: RenderableType) -> str:
        console = Console(width=240, highlight=False)
        with console.capture() as capture:
            console.print(renderable)
        return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())

    return render


KERNEL_FIGURE = Figure(70, 70, 70, percentile=100, prediction=Range(30, 69))
FEWER = Difference(-100, -100, -100, p=0.0, adjusted=0.0, paired=True)
FRAMES = 2048
MOMENTS = 5


def timeline(captured: int) -> Timeline:
    """A run made by hand: five pictures of two largest blocks, and one event of each kind."""
    pictures = np.full((MOMENTS, FRAMES), Use.FILE, np.uint8)
    pictures[1:, 512:1024] = Use.FREE_HUGE
    pictures[2, 16 : 16 + captured] = Use.CAPTURED
    pictures[3, 7] = Use.STOLEN
    free = np.zeros((MOMENTS, 1, 5, 11), np.int64)
    free[1:, 0, 1, 9] = 1
    vmstat = np.zeros((MOMENTS, len(NAMES)), np.int64)
    vmstat[:, NAMES.index("pgsteal_direct")] = np.arange(MOMENTS) * 10
    notes = np.zeros(5, NOTE)
    notes["kind"] = [Note.STALL, Note.STALL, Note.KSWAPD, Note.STOLEN, Note.OOM_KILL]
    notes["time"] = [1_000_000, 2_000_000, 1_500_000, 2_500_000, 3_000_000]
    notes["until"] = [1_300_000, 2_900_000, 2_100_000, 2_500_000, 3_000_000]
    notes["task"] = [0, 1, 2, 1, 0]
    notes["order"] = [9, 4, 0, 0, 0]
    notes["served"] = [1, 0, 0, 1, 0]
    return Timeline(
        zones=["DMA32"],
        pageblock_order=9,
        samples={
            "time": np.arange(MOMENTS) * 1_000_000,
            "vmstat": vmstat,
            "free_pages": (free << np.arange(11)).sum(axis=(2, 3)),
            "watermark": np.tile([10, 20, 30], (MOMENTS, 1, 1)),
            "free": free,
            "blocks": np.tile([0, 4, 0, 0, 0], (MOMENTS, 1, 1)),
            "lru_size": np.tile([0, 0, 1500, 0], (MOMENTS, 1)),
            "pcp": np.full(MOMENTS, 3),
            "withheld": np.array([0, 0, captured, 0, 0]),
            "withheld_page_ns": np.array([0, 0, 0, captured * 1000, captured * 1000]),
        },
        notes=notes,
        picture_time=np.arange(MOMENTS) * 1_000_000,
        pictures=pictures,
        tasks=["alpha", "beta"],
    )


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder of a comparison made by hand."""
    write_kept(tmp_path)
    return tmp_path


def write_kept(folder: Path) -> None:
    """The recorded kernel, and two policies with two seeds each, without checksums."""
    (folder / "runs").mkdir(parents=True)
    records = []
    for policy, captured in (("none", 0), ("whitcroft", 100)):
        for seed in (0, 1):
            record = RunRecord(policy, seed, f"runs/{policy}-{seed}.json", f"runs/{policy}-{seed}.npz")
            figures = {
                "success_percent": 50.0 + seed,
                "stolen_pages": 200.0 - captured,
                "stall_ms": 1.2,
                "oom_kills": 1,
            }
            (folder / record.metrics).write_bytes(msgspec.json.encode(figures))
            (folder / record.timeline).write_bytes(timeline(captured).packed())
            records.append(record)
    columns = [
        Column("kernel", "kernel", 1, {"success_percent": KERNEL_FIGURE, "oom_kills": Figure(0, 0, 0)}),
        *(
            Column(
                policy,
                policy,
                2,
                {
                    "success_percent": Figure(50.5, 44.1, 56.9),
                    "stolen_pages": Figure(stolen, stolen, stolen, difference=difference),
                    "stall_ms": Figure(1.2, 1.2, 1.2),
                    "oom_kills": Figure(1, 1, 1),
                },
            )
            for policy, stolen, difference in (("none", 200, None), ("whitcroft", 100, FEWER))
        ),
    ]
    result = Comparison("a <recording>", columns, ["an assumption"], ["a mechanism"], "0" * 64, model="none")
    (folder / "comparison.json").write_bytes(msgspec.json.encode(result))
    (folder / "runs.json").write_bytes(msgspec.json.encode(records))
