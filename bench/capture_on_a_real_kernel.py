"""What page capture gains: measured on a kernel that has it, beside what is foreseen from a recording of it without.

python bench/capture_on_a_real_kernel.py [--seeds N] [--keep FOLDER] [--page PAGE.md] kernel/runs.jsonl RECORDING...

A row for each recording (kernel/record.py, mode 0): its load's runs in RUNS.jsonl (kernel/run.py), and the model's of
the recorded demand. Changes are taken within each seed, on both sides. With --page the tables of a page are replaced:
each is between a comment with its name and one that says end. With --keep finished runs of the model are not made
again.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from recap.lab.kept import Run, Store, fingerprint
from recap.lab.results import Interval
from recap.lab.runs import prepare, run_all
from recap.lab.statistics import interval, prediction
from recap.policy import candidate
from recap.policy.catalogue import KERNEL_MODES
from recap.trace import Recording

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "kernel"))

import question
from guests import LOADS
from tables import Runs as KernelRuns
from tables import measured

POLICIES = ("none", "own-pages", "whitcroft", "kosaki", "kosaki-map", "placebo")
SERVED = "served, %"
OTHERS = [name for name in POLICIES if name != "none"]
COSTLY = ("whitcroft", "kosaki", "kosaki-map")
COSTS = {  # by the kernel's name (kernel/tables.py), the model's
    "handed": "capture_handed_over",
    "withheld, page·ms": "withheld_page_ms",
    "peak": "withheld_peak_pages",
    "looked": "capture_looked_at",
}
Figures = dict[tuple[str, int], dict[str, float]]  # by policy and seed


@dataclass(frozen=True)
class Row:
    """A load, as the kernel ran it and as the model foresees it."""

    load: str
    compact: bool
    kernel: Figures
    model: Figures
    recorded: float  # served in the recorded run, %

    @property
    def name(self) -> str:
        """The load, as its row begins."""
        return f"{self.load}, {'on' if self.compact else 'off'}"


def cell_of(recording: Recording) -> tuple[str, bool]:
    """Which load was recorded, and whether that kernel compacted."""
    line = recording.beside("cmdline")
    cpus = recording.events.cpus
    load = re.search(r"kc_load=(\S+)", line.read_text()) if line else None
    found = [
        name
        for name, (_, command) in LOADS.items()
        if load and name.endswith(f"-{cpus}cpu") and re.fullmatch(command.replace("{seed}", r"\d+"), load[1])
    ]
    if not found:
        sys.exit(f"{recording.folder}: its cmdline names no load of kernel/guests.py for {cpus} CPUs")
    return found[0], recording.sysctl.get("vm.page_capture_compact") == "1"


def foreseen(recording: Recording, seeds: int, keep: Path | None) -> tuple[Figures, float]:
    """The model's runs of a recorded demand under each policy, and what the recorded kernel served."""
    setup = prepare(recording, {})
    store = Store(keep, fingerprint(recording, setup)) if keep else None
    todo = [Run(setup, candidate(name), seed, name) for seed in range(seeds) for name in POLICIES]
    runs = {key: {**run, SERVED: run["success_percent"]} for key, run in run_all(todo, None, store).items()}
    recorded = setup.demand.recorded
    return runs, 100 * recorded["high_order_successes"] / recorded["high_order_attempts"]


def by_policy(runs: KernelRuns) -> Figures:
    """The kernel's runs under the policies' names."""
    return {(KERNEL_MODES[mode], seed): found for (mode, seed), found in runs.items()}


def values(runs: Figures, policy: str, name: str) -> list[float]:
    """A figure of each run under a policy."""
    return [run[name] for (of, _), run in runs.items() if of == policy and name in run]


def mean(runs: Figures, policy: str, name: str) -> Interval | None:
    """Its mean; one run alone has no interval."""
    found = values(runs, policy, name)
    return interval(found) if len(found) > 1 else None


def runs_of(runs: Figures, policy: str) -> int:
    """How many there are."""
    return sum(of == policy for of, _ in runs)


def change(runs: Figures, policy: str, name: str) -> Interval | None:
    """What a policy's figure is above that of none, seed by seed."""
    pairs = [
        run[name] - runs["none", seed][name]
        for (of, seed), run in runs.items()
        if of == policy and ("none", seed) in runs
    ]
    return interval(pairs) if len(pairs) > 1 else None


def text(value: Interval | None, sign: str = "") -> str:
    """A mean and half its interval."""
    if value is None:
        return "–"
    digits = 0 if abs(value.mean) >= 1000 else 1
    return f"{value.mean:{sign},.{digits}f} ±{value.spread:,.{digits}f}"


def meets(real: Interval | None, ours: Interval | None) -> str:
    """Is the foreseen mean within the interval that was measured?"""
    return " ✓" if real and ours and real.low <= ours.mean <= real.high else ""


def gains(rows: list[Row]) -> Iterator[str]:
    """Requests served: kernel / model."""
    yield "| load, compaction | runs | none | recorded | " + " | ".join(OTHERS) + " |"
    yield "|---" * (len(OTHERS) + 4) + "|"
    for row in rows:
        served, model = mean(row.kernel, "none", SERVED), mean(row.model, "none", SERVED)
        inside = " ✓" if row.recorded in prediction(values(row.model, "none", SERVED)) else ""
        changes = [(change(row.kernel, name, SERVED), change(row.model, name, SERVED)) for name in OTHERS]
        cells = [f"{text(real, '+')} / {text(ours, '+')}{meets(real, ours)}" for real, ours in changes]
        start = f"| {row.name} | {runs_of(row.kernel, 'none')} | {text(served)} / {text(model)} "
        yield f"{start}| {row.recorded:.1f}{inside} | {' | '.join(cells)} |"


def summary(rows: list[Row]) -> Iterator[str]:
    """How many changes are foreseen, apart for those that the kernel's runs can tell from nothing."""
    pairs = [(change(row.kernel, name, SERVED), change(row.model, name, SERVED)) for row in rows for name in OTHERS]
    told = [(real, ours) for real, ours in pairs if real and ours]
    yield "| changes measured | how many | foreseen within | with the same sign |"
    yield "|---|---|---|---|"
    for what, apart in (("apart from nothing", True), ("not apart from nothing", False)):
        these = [(real, ours) for real, ours in told if (real.low > 0 or real.high < 0) == apart]
        within = sum(bool(meets(real, ours)) for real, ours in these)
        alike = sum(real.mean * ours.mean > 0 for real, ours in these)
        yield f"| {what} | {len(these)} | {within} | {alike if apart else '–'} |"


def costs(rows: list[Row]) -> Iterator[str]:
    """What capture hands over, withholds and looks at, where the kernel was run: kernel / model."""
    yield "| load, compaction | figure | " + " | ".join(COSTLY) + " |"
    yield "|---" * (len(COSTLY) + 2) + "|"
    for row in (row for row in rows if row.kernel):
        for name, ours in COSTS.items():
            cells = [f"{text(mean(row.kernel, of, name))} / {text(mean(row.model, of, ours))}" for of in COSTLY]
            yield f"| {row.name} | {name} | {' | '.join(cells)} |"


TABLES = {"gains": gains, "summary": summary, "costs": costs}


def replaced(page: str, tables: Mapping[str, str]) -> str:
    """A page with its tables written again."""
    for name, table in tables.items():
        mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page, found = mark.subn(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", page)
        if found != 1:
            sys.exit(f"the page has {found} places for the table {name}: write <!-- {name} --> and <!-- end -->")
    return page


def main() -> None:
    """Each load, then the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("recordings", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--page", type=Path)
    args = parser.parse_args()
    cells = measured(args.runs)
    rows = []
    for path in args.recordings:
        recording = Recording(path)
        load, compact = cell_of(recording)
        model, recorded = foreseen(recording, args.seeds, args.keep)
        rows.append(Row(load, compact, by_policy(cells[load, int(compact), 0]), model, recorded))
        print(f"{rows[-1].name}: done", file=sys.stderr)
    rows.sort(key=lambda row: row.name)
    tables = {name: "\n".join(table(rows)) for name, table in TABLES.items()}
    tables["question"] = "\n".join(question.table(args.runs))
    if args.page:
        args.page.write_text(replaced(args.page.read_text(), tables))
    else:
        print("\n\n".join(tables.values()))


if __name__ == "__main__":
    main()
