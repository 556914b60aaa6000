"""What is run: one demand under each policy and seed, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing

from recap.demand.from_trace import from_trace
from recap.demand.starts import StartName, start_of
from recap.errors import InputError
from recap.kernel import PAGE_SIZE
from recap.lab.executor import Executor
from recap.lab.kept import Run, Store
from recap.lab.kernels import recorded_kernel
from recap.lab.threads import Threads
from recap.mm import sysctl
from recap.sim.run import Setup
from recap.trace import Recording

Progress = Callable[[int, int, str], None]  # (runs done, runs in all, what ended last; before: what is read)
Results = dict[tuple[str, int], dict[str, float]]  # by Run.key


def prepare(recording: Recording, wanted: dict[str, str], start: StartName | None = None) -> Setup:
    """Read the recording once, for all runs.

    Errors:
        InputError: it is of a machine that cannot be modelled.
    """
    check_page_size(recording)
    values = sysctl.settings(recording.sysctl, wanted)
    origin = start_of(recording, start)
    demand = from_trace(recording, origin)
    swap_pages = recording.meminfo(0).get("SwapFree", 0) // 4
    own = recorded_kernel(origin.snapshot)
    return Setup(demand, origin.with_cpus(demand.cpus), swap_pages, values, wanted, profile=own)


def check_page_size(recording: Recording) -> None:
    """Refuse other pages than the model's, where /proc tells."""
    kib = recording.page_kib()
    if kib not in (None, PAGE_SIZE >> 10):
        problem = f"its pages are {kib} KiB, the model's {PAGE_SIZE >> 10} KiB"
        raise InputError(
            recording.path, "meminfo.0", problem, "record a machine with pages of that size; `recap info` reads any"
        )


def before_runs(progress: Progress | None) -> Callable[[float, str], None] | None:
    """What to tell of the time before the first run, as no run has ended yet."""
    if progress is None:
        return None
    return lambda share, what: progress(0, 1, f"{what}: {share:.0%}")


def run_all(
    todo: Sequence[Run], progress: Progress | None, store: Store | None, executor: Executor | None = None
) -> Results:
    """All runs, on every core if nothing else is asked for; those that the store has are not made again.

    Ctrl-C ends it at once and loses only unfinished runs.
    """
    results: Results = {}
    if store:
        results.update({run.key: kept for run in todo if (kept := store.read(run)) is not None})
    lacking = [run for run in todo if run.key not in results]
    try:
        with closing((executor or Threads()).finished(lacking, store)) as ended:
            for run, found in ended:
                results[run.key] = found
                if progress:
                    progress(len(results), len(todo), f"{run.key[0]}, seed {run.seed}")
    except KeyboardInterrupt:
        lost = "finished runs are kept, the same command resumes" if store else "--out DIR would keep finished runs"
        raise KeyboardInterrupt(lost) from None
    return {run.key: results[run.key] for run in todo}
