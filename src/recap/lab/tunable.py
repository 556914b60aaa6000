"""A workload whose kernel parameters can be changed: read once, run at many settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from recap.demand.starts import StartName
from recap.lab import workloads
from recap.lab.kept import fingerprint, model_identity
from recap.lab.runs import Progress, before_runs, prepare
from recap.mm import sysctl
from recap.sim.run import Setup, Synthetic
from recap.trace import Recording


@dataclass(frozen=True)
class Tunable:
    """A recording, or a synthetic workload.

    `identity` is all that a run depends on besides its policy, its seed and what is changed; `values` are its
    parameters; `at` is the same workload with some of them changed.
    """

    name: str
    identity: str
    values: Mapping[str, int]
    at: Callable[[Mapping[str, str]], Setup | Synthetic]

    def own(self, parameter: str) -> int | None:
        """The machine's value; what the kernel works out from the size of memory is not known of a synthetic one."""
        value = self.values.get(parameter, -1)
        return None if value < 0 else value


def tunable(
    source: str | os.PathLike[str],
    wanted: Mapping[str, str],
    start: StartName | None = None,
    progress: Progress | None = None,
) -> Tunable:
    """Read it; `wanted` are parameters that are the same at all settings.

    Errors:
        InputError: as for `compare`.
    """
    name = str(source)
    if workloads.is_workload(name):
        identity = f"{model_identity()} {name} {sorted(wanted.items())}"
        values = workloads.workload(name, dict(wanted)).values
        return Tunable(name, identity, values, lambda changed: workloads.workload(name, {**wanted, **changed}))
    recording = Recording(source, before_runs(progress))
    setup = prepare(recording, dict(wanted), start)

    def at(changed: Mapping[str, str]) -> Setup:
        settings = {**wanted, **changed}
        return replace(setup, values=sysctl.settings(recording.sysctl, settings), wanted=settings)

    return Tunable(name, fingerprint(recording, setup), setup.values, at)
