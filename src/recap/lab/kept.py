"""What is kept with `--out`: finished runs by what they depend on, and the comparison made of them."""

from __future__ import annotations

import hashlib
import os
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from recap.errors import InputError, RecapWarning
from recap.lab import durable
from recap.lab.durable import AGAIN
from recap.lab.results import KERNEL, SCHEMA, Comparison, RunRecord, listed
from recap.policy import Candidate
from recap.sim.run import Setup, Synthetic
from recap.sim.timeline import Timeline, read_timeline
from recap.trace import Recording
from recap.trace.arrow import stream_of_table

MAKE = "make one with `recap compare RECORDING -p none -p whitcroft --out DIR`"
RUNS = "runs"
SUCCESS, KILLS = "success_percent", "oom_kills"  # in every comparison
LONGEST_STEM = 100  # of a policy's name in a file's
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
    """A folder of finished runs, so that an interrupted comparison resumes; several processes may share one.

    Errors:
        InputError: it is no folder that can be written.
    """

    def __init__(self, folder: str | os.PathLike[str], identity: str) -> None:
        if not os.fspath(folder):
            raise InputError("--out", "", "is empty", "name a folder")
        self.folder = Path(folder)
        self.identity = identity
        try:
            durable.make_folder(self.folder / RUNS)
            self.occupied = durable.Occupied(self.folder)
        except OSError as error:
            raise InputError(folder, "--out", str(error.strerror), "name a folder that can be written") from error

    def record(self, run: Run) -> RunRecord:
        """Where a run is kept: its files' names tell the inputs apart."""
        key = hashlib.sha256(f"{self.identity} {run.series} {run.policy.identity} {run.seed}".encode()).hexdigest()[:16]
        stem = f"{RUNS}/{Path(run.key[0]).stem[:LONGEST_STEM]}-{run.seed}-{key}"
        return RunRecord(run.policy.name, run.seed, f"{stem}.json", f"{stem}.npz" if run.watched else "")

    def read(self, run: Run) -> dict[str, float] | None:
        """A finished run of the same inputs, if there is one; one that is damaged is as good as none."""
        record = self.record(run)
        if not (self.folder / record.sums).is_file():
            return None
        try:
            kept = durable.read(self.folder, record.sums, record.files)
            return decode(self.folder / record.metrics, kept[record.metrics], dict[str, float])
        except InputError as damaged:
            self.warn(damaged, record)
            return None

    def warn(self, damaged: InputError, record: RunRecord) -> None:
        """Say once that a run is lost."""
        warnings.warn(f"{damaged.path}: {damaged.problem}; this run is repeated", RecapWarning, stacklevel=2)
        with suppress(OSError):
            (self.folder / record.sums).unlink()

    def keep(self, run: Run, metrics: dict[str, float], timeline: Timeline | None) -> None:
        """Write a finished run, whole or not at all."""
        record = self.record(run)
        files = {record.metrics: json_of(metrics)}
        if timeline:
            files[record.timeline] = timeline.packed()
        durable.put(self.folder, record.sums, files)

    def write(self, name: str, value: Any) -> None:
        """Write a result as JSON."""
        write_result(self.folder, name, value)


def write_result(folder: Path, name: str, value: Any) -> None:
    """Write JSON and its checksum."""
    durable.put(folder, f"{Path(name).stem}.sha256", {name: json_of(value)})


def json_of(value: Any) -> bytes:
    """JSON that can be read by people too."""
    return msgspec.json.format(msgspec.json.encode(value))


def decode(path: Path, content: bytes, kind: type[Kind]) -> Kind:
    """What recap wrote as JSON."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(path, "", f"is not what recap wrote: {error}", MAKE) from error


def fingerprint(recording: Recording, setup: Setup) -> str:
    """What a run depends on besides its policy and seed: the model, all that was read of the recording, and the
    parameters. Where files are and when they were written does not matter.
    """
    folder = recording.folder or recording.path.parent
    contents = [(str(path.relative_to(folder)), content(path)) for path in sorted(recording.files)]
    settings = f"{sorted(setup.values.items())} {sorted(setup.wanted.items())}"
    return f"{model_identity()} {contents} {setup.origin.name} {settings}"


def content(path: Path) -> str:
    """A digest of a file, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, hashlib.blake2b).hexdigest()


@cache
def model_identity() -> str:
    """SHA-256 over all that a run is made of, sources and what was compiled of them, and over NumPy's version, whose
    dice it throws: what was kept by another model is run again.
    """
    package = Path(__file__).parents[1]
    parts = sorted(path for path in package.rglob("*") if path.suffix in (".py", ".pxd", ".so"))
    digest = hashlib.sha256(np.__version__.encode())
    for path in parts:
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
        self.refuse_several()
        self.refuse_none()
        self.comparison = self.read("comparison.json", Comparison)
        if self.comparison.schema != SCHEMA:
            problem = f"is {self.comparison.schema}, this recap reads {SCHEMA}"
            raise InputError(self.folder / "comparison.json", "schema", problem, MAKE)
        self.runs = self.read("runs.json", list[RunRecord])
        self.check()
        self.timeline = cache(self._timeline)

    def check(self) -> None:
        """The two files are of one comparison, and what every report tells is in it."""
        columns = [column for column in self.comparison.columns if column.name != KERNEL]
        if {run.policy for run in self.runs} != {column.name for column in columns}:
            problem = "names other policies than comparison.json: two comparisons were kept here at the same time"
            raise InputError(self.folder / "runs.json", "", problem, AGAIN)
        for column in columns:
            for name in (SUCCESS, KILLS):
                if name not in column.metrics:
                    raise InputError(self.folder / "comparison.json", f"column {column.name}", f"lacks {name}", MAKE)

    def refuse_several(self) -> None:
        """The folder of several sources has no comparison of its own, but one of each."""
        if (self.folder / "suite.json").is_file() and not (self.folder / "comparison.json").is_file():
            inside = sorted(str(path.parent) for path in self.folder.glob("*/comparison.json"))
            raise InputError(self.folder, "", "holds several comparisons", f"take one of {', '.join(inside)}")

    def refuse_none(self) -> None:
        """The folder of something else, or of a comparison that was interrupted."""
        if not (self.folder / "comparison.json").is_file():
            remedy = AGAIN if (self.folder / RUNS).is_dir() else MAKE
            raise InputError(self.folder, "", "has no comparison.json in it", remedy)

    def read(self, name: str, kind: type[Kind], sums: str = "") -> Kind:
        """One JSON file of the folder."""
        return decode(self.folder / name, self.content(name, sums or f"{Path(name).stem}.sha256"), kind)

    def content(self, name: str, sums: str) -> bytes:
        """A file of the folder, held against its checksum; folders of older versions have none."""
        if not (self.folder / name).resolve().is_relative_to(self.folder.resolve()):
            raise InputError(self.folder, name, "lies outside of the folder", MAKE)
        if not (self.folder / sums).is_file():
            return durable.content_of(self.folder / name)
        return durable.read(self.folder, sums, [name])[name]

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
        return self.read(run.metrics, dict[str, float], run.sums)

    def figures(self) -> dict[str, list[Any]]:
        """Every metric of every run, as columns of equal length: policy, seed, metric, value."""
        rows = [
            (run.policy, run.seed, metric, value) for run in self.runs for metric, value in self.metrics(run).items()
        ]
        return {name: [row[i] for row in rows] for i, name in enumerate(("policy", "seed", "metric", "value"))}

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The figures for polars, pandas, DuckDB and others; needs pyarrow."""
        return stream_of_table(self.figures(), requested_schema)

    def plot(self, name: str = "free_pages") -> Any:
        """A chart of what was sampled over time, by altair: free_pages, withheld or a counter of /proc/vmstat.

        Errors:
            MissingExtraError: altair is not installed.
        """
        from recap.lab.plot import of_timelines  # noqa: PLC0415 (altair is an extra)

        return of_timelines({policy: self.timeline(self.first_run(policy)) for policy in self.policies()}, name)

    def __repr__(self) -> str:
        policies = listed(self.policies())
        return f"<KeptComparison of {self.comparison.source}: {len(self.runs)} runs of {policies}, in {self.folder}>"

    def _repr_html_(self) -> str:
        """The comparison's table, for notebooks."""
        return self.comparison._repr_html_()

    def _timeline(self, run: RunRecord) -> Timeline:
        """What an observer saw of a run."""
        return read_timeline(self.folder / run.timeline, self.content(run.timeline, run.sums))
