"""What is kept with `--out`: finished runs by what they depend on, and the comparison made of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from recap.errors import InputError
from recap.lab.results import SCHEMA, Comparison, RunRecord
from recap.policy import Candidate
from recap.sim.run import Setup, Synthetic
from recap.sim.timeline import Timeline, read_timeline
from recap.trace import Recording

MAKE = "make one with `recap compare RECORDING -p none -p whitcroft --out DIR`"
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Run:
    """One run, of one policy with one seed; `series` tells apart what is run on several machines."""

    setup: Setup | Synthetic
    policy: Candidate
    seed: int
    series: str = ""

    @property
    def key(self) -> tuple[str, int]:
        """What its results are found by."""
        return self.series or self.policy.name, self.seed

    @property
    def watched(self) -> bool:
        """Is it observed, where its results are kept? A study's runs are too many."""
        return not self.series


class Store:
    """A folder of finished runs, so that an interrupted comparison resumes."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        self.identity = identity
        try:
            (folder / "runs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(folder, "--out", str(error.strerror), "name a folder that can be written") from error

    def record(self, run: Run) -> RunRecord:
        """Where a run is kept: its files' names tell the inputs apart."""
        key = hashlib.sha256(f"{self.identity} {run.series} {run.policy.identity} {run.seed}".encode()).hexdigest()[:16]
        stem = f"runs/{Path(run.key[0]).stem}-{run.seed}-{key}"
        return RunRecord(run.policy.name, run.seed, f"{stem}.json", f"{stem}.npz" if run.watched else "")

    def read(self, run: Run) -> dict[str, float] | None:
        """A finished run of the same inputs, if there is one."""
        record = self.record(run)
        needed = [record.metrics, record.timeline] if run.watched else [record.metrics]
        if not all((self.folder / name).is_file() for name in needed):
            return None
        return msgspec.json.decode((self.folder / record.metrics).read_bytes(), type=dict[str, float])

    def keep(self, run: Run, metrics: dict[str, float], timeline: Timeline | None) -> None:
        """Write a finished run, whole or not at all: its metrics come last and tell that it is there."""
        record = self.record(run)
        if timeline:
            path = self.folder / record.timeline
            scratch = path.with_suffix(".npz.tmp")
            timeline.write(scratch)
            scratch.replace(path)
        self.write(record.metrics, metrics)

    def write(self, name: str, value: Any) -> None:
        """Write JSON beside its place, then move it there."""
        path = self.folder / name
        scratch = path.with_suffix(".tmp")
        scratch.write_bytes(msgspec.json.format(msgspec.json.encode(value)))
        scratch.replace(path)


def fingerprint(recording: Recording, setup: Setup) -> str:
    """What a run depends on besides its policy and seed: the model, all that was read of the recording, and the
    parameters. Where files are and when they were written does not matter.
    """
    folder = recording.folder or recording.path.parent
    contents = [(str(path.relative_to(folder)), content(path)) for path in sorted(recording.files)]
    return f"{model_identity()} {contents} {sorted(setup.values.items())} {sorted(setup.wanted.items())}"


def content(path: Path) -> str:
    """A digest of a file, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, hashlib.blake2b).hexdigest()


@cache
def model_identity() -> str:
    """SHA-256 over the sources of all that a run is made of: a changed model runs again what was kept."""
    package = Path(__file__).parents[1]
    sources = sorted(path for path in package.rglob("*.p[yx]*") if path.suffix in (".py", ".pxd"))
    digest = hashlib.sha256()
    for path in sources:
        if path.relative_to(package).parts[0] not in ("cli", "report"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def digest(figures: list[Any]) -> str:
    """SHA-256 over all figures of an experiment."""
    return hashlib.sha256(msgspec.json.encode(figures)).hexdigest()


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
