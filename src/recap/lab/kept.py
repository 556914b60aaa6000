"""A comparison that was kept with `--out`: its result, and every run with its figures and its timeline."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec

from recap.errors import InputError
from recap.lab.results import SCHEMA, Comparison, RunRecord
from recap.sim.timeline import Timeline, read_timeline

MAKE = "make one with `recap compare RECORDING -p none -p whitcroft --out DIR`"
Kind = TypeVar("Kind")


class KeptComparison:
    """The folder of a comparison, each part read when first asked for.

    Args:
        folder: what `recap compare --out` was given.

    Errors:
        InputError: the folder does not hold a comparison, or one of another schema.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> _ = recap.compare("recordings/hugetlb-1cpu", ["none"], seeds=1, out=folder)
        >>> kept = recap.KeptComparison(folder)
        >>> seen = kept.timeline(kept.first_run("none"))
        >>> seen.samples["free_pages"].shape[1], seen.zones
        (2, ['DMA', 'DMA32'])
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.comparison = self.read("comparison.json", Comparison)
        if self.comparison.schema != SCHEMA:
            problem = f"is {self.comparison.schema}, this recap reads {SCHEMA}"
            raise InputError(self.folder / "comparison.json", "schema", problem, MAKE)
        self.runs = self.read("runs.json", list[RunRecord])
        self.timeline = cache(self._timeline)

    def read(self, name: str, kind: type[Kind]) -> Kind:
        """One JSON file of the folder."""
        path = self.folder / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except OSError as error:
            raise InputError(path, "", f"cannot be read: {error.strerror}", MAKE) from error
        except msgspec.DecodeError as error:
            raise InputError(path, "", f"is not what recap wrote: {error}", MAKE) from error

    def policies(self) -> list[str]:
        """The columns that were run, in order; the recorded kernel is none of them."""
        return list(dict.fromkeys(run.policy for run in self.runs))

    def first_run(self, policy: str) -> RunRecord:
        """The run of a policy that has pictures: its first seed."""
        for run in self.runs:
            if run.policy == policy:
                return run
        raise InputError(self.folder, policy, "was not compared", f"it has {', '.join(self.policies())}")

    def metrics(self, run: RunRecord) -> dict[str, float]:
        """A run's figures by name."""
        return self.read(run.metrics, dict[str, float])

    def _timeline(self, run: RunRecord) -> Timeline:
        """What an observer saw of a run."""
        return read_timeline(self.folder / run.timeline)
