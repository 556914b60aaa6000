"""Where runs are made: what threads of this process and workers of a cluster have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple, Protocol

from recap.errors import InputError
from recap.lab.kept import Run, Store
from recap.policy.policy import Policy
from recap.sim.closed_loop import Simulation
from recap.sim.observe import Observer
from recap.sim.run import Setup, Synthetic, simulate
from recap.sim.timeline import Timeline


def jobs_or_all(jobs: int | None) -> int:
    """How many runs at the same time: as many as are wanted, or one for each CPU of this machine.

    Errors:
        InputError: fewer than one.
    """
    if jobs is not None and jobs < 1:
        raise InputError("--jobs", str(jobs), "runs nothing", "take 1 or more")
    return jobs or os.cpu_count() or 1


class Finished(NamedTuple):
    """What a run leaves: its figures by name, and what an observer saw, if there was one."""

    metrics: dict[str, float]
    timeline: Timeline | None = None


class Executor(Protocol):
    """Makes runs, in any order."""

    def finished(self, todo: Sequence[Run], store: Store | None) -> Generator[tuple[Run, dict[str, float]], None, None]:
        """Each run as it ends, kept already where there is a store.

        A run that fails raises here, and ends the rest; so does closing the iterator.
        """


def perform(
    setup: Setup | Synthetic,
    policy: Policy,
    seed: int,
    *,
    watched: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Finished:
    """One run, which an observer watches if `watched`; page maps are kept of seed 0."""
    observers: list[Observer] = []

    def watch(simulation: Simulation) -> Observer:
        observers.append(Observer(simulation, pictures=seed == 0))
        return observers[0]

    found = simulate(setup, policy, seed, progress, watch=watch if watched else None)
    return Finished(found, observers[0].timeline() if observers else None)
