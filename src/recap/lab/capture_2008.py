"""The study capture-2008: what the thread on reclaim page capture could only argue about, measured.

Every policy of the thread runs the same workloads with the same seeds on the kernel the series was made against; gains
are differences between runs of the same seed and rate, so that chance of the load cancels out. The load was calibrated
on the unchanged kernel alone (docs/studies/capture-2008.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path

import msgspec

from recap import policy as policies
from recap.demand.highalloc import PASSES, Highalloc
from recap.demand.reclaimers import Reclaimers
from recap.kernel import LINUX_2_6_27_MM, PAGE_SIZE, powerpc
from recap.lab import workloads
from recap.lab.executor import Executor
from recap.lab.kept import Run, Store, digest, model_identity
from recap.lab.results import BASELINE, Interval
from recap.lab.runs import Progress, Results, run_all
from recap.lab.statistics import interval

LATER = ("kosaki-map", "placebo")
HEADLINE = "whitcroft"
CROWD_POLICIES = ("none", "own-pages", "whitcroft", "kosaki", "bounded")
PUBLISHED = {"x86-64": (2.48, 4.58), "powerpc": (5.55, 25.22)}  # absolute points, effective percent (v2 to v4)
UNIT_POINTS = "points"
Metric = Callable[[dict[str, float]], float]


class Answer(msgspec.Struct, frozen=True):
    """One number with its 95 % interval over seeds."""

    name: str
    question: str
    value: Interval
    unit: str
    apart_from_zero: bool


class Row(msgspec.Struct, frozen=True):
    """One policy on one architecture; success in percent, averaged over rates."""

    architecture: str
    policy: str
    success: dict[str, Interval]  # by pass
    absolute: Interval  # points over the baseline, first pass
    effective: Interval  # percent of the baseline's success
    withheld_page_seconds: Interval
    stolen_pages: Interval  # freed by a reclaimer who still waited, taken by others
    longest_stall_ms: Interval  # of any request; it is a huge page's
    order0_stall_us: Interval  # mean over all order-0 requests
    order0_longest_stall_ms: Interval
    oom_kills: Interval


class CrowdRow(msgspec.Struct, frozen=True):
    """Very many reclaimers at once."""

    tasks: int
    policy: str
    oom_kills: Interval
    withheld_peak_percent: Interval  # of memory
    success_percent: Interval
    order0_longest_stall_ms: Interval


class Study(msgspec.Struct, frozen=True):
    """The result: answers first, then what they are taken from."""

    answers: list[Answer]
    rows: list[Row]
    crowd: list[CrowdRow]
    seeds: int
    missing: list[str]
    digest: str
    schema: int = 1


@dataclass(frozen=True)
class StudyPlan:
    """What is run: sizes of the test, rates in MiB/s, seeds, and how many reclaimers at once."""

    size: Highalloc
    rates: dict[str, tuple[int, ...]]
    seeds: int
    crowds: tuple[int, ...]
    crowd_seeds: int
    crowd: Reclaimers

    def sizes(self, architecture: str) -> dict[int, Highalloc]:
        """The test on an architecture, by rate."""
        order = 9 if architecture == "x86-64" else 12
        return {rate: replace(self.size, rate=rate, order=order) for rate in self.rates[architecture]}


FULL = StudyPlan(
    Highalloc(),
    {"x86-64": (8, 16, 32), "powerpc": (16, 32, 64)},
    10,
    (1, 4, 16, 64, 256, 1024, 4096),
    3,
    Reclaimers(1),
)
QUICK = StudyPlan(
    replace(Highalloc(), warm_seconds=200, cool_seconds=0, passes=1),
    {"x86-64": (32,), "powerpc": (64,)},
    3,
    (64, 256),
    2,
    Reclaimers(1),
)


def capture_2008(
    plan: StudyPlan, progress: Progress | None = None, out: Path | None = None, executor: Executor | None = None
) -> Study:
    """Run the study.

    Args:
        plan: FULL, QUICK, or one of your own.
        progress: called with (runs done, runs in all, what ended last).
        out: a folder: finished runs are kept there and not run again; the result is study.json.
        executor: where to run; on every CPU of this machine if not given.

    Errors:
        InputError: the folder cannot be written.
    """
    store = Store(out, f"{model_identity()} {plan.size} {plan.crowd}") if out is not None else None
    results = run_all(runs(plan), progress, store, executor)
    rows = [row(plan, results, arch, name) for arch in plan.rates for name in names()]
    crowd = [crowd_row(plan, results, tasks, name) for tasks in plan.crowds for name in CROWD_POLICIES]
    answers = [*success_answers(plan, results), *crowd_answers(crowd)]
    study = Study(answers, rows, crowd, plan.seeds, workloads.MISSING, digest([answers, rows, crowd]))
    if store:
        store.write("study.json", study)
    return study


def names() -> list[str]:
    """Every shipped policy but those that change rules of other kernels, and what only `kernel/` made a question."""
    shipped = (info.name for info in policies.catalogue() if info.name not in LATER)
    return [name for name in shipped if not policies.changes_kernel(name)]


def key(architecture: str, rate: int, name: str) -> str:
    """What a run is kept under, besides its seed."""
    return f"{architecture}-{rate}-{name}"


def crowd_key(plan: StudyPlan, tasks: int, name: str) -> str:
    """The same for very many reclaimers."""
    return f"crowd-{plan.crowd.mebibytes}-{plan.crowd.seconds}-{tasks}-{name}"


def runs(plan: StudyPlan) -> list[Run]:
    """All runs of the study, seed by seed, so that an early end leaves whole seeds."""
    made = []
    for seed in range(plan.seeds):
        for architecture in plan.rates:
            kernel = LINUX_2_6_27_MM if architecture == "x86-64" else powerpc(LINUX_2_6_27_MM)
            for rate, size in plan.sizes(architecture).items():
                setup = workloads.stress_highalloc(kernel, size, {})
                made += [Run(setup, policies.candidate(name), seed, key(architecture, rate, name)) for name in names()]
    for seed in range(plan.crowd_seeds):
        for tasks in plan.crowds:
            setup = workloads.crowd(replace(plan.crowd, tasks=tasks))
            made += [
                Run(setup, policies.candidate(name), seed, crowd_key(plan, tasks, name)) for name in CROWD_POLICIES
            ]
    return made


def by_seed(plan: StudyPlan, results: Results, architecture: str, name: str, metric: Metric) -> list[float]:
    """A metric of each seed, averaged over the rates."""
    rates = plan.rates[architecture]
    return [
        sum(metric(results[key(architecture, rate, name), seed]) for rate in rates) / len(rates)
        for seed in range(plan.seeds)
    ]


def success(run: dict[str, float]) -> float:
    """Success of the first pass, under load."""
    return run["pass 1 success_percent"]


def withheld(run: dict[str, float]) -> float:
    """Page-seconds out of everybody's reach."""
    return run["withheld_page_ms"] / 1000


stolen = itemgetter("stolen_pages")
longest = itemgetter("longest_stall_ms")


def stall(run: dict[str, float]) -> float:
    """Mean wait of an order-0 request in µs, those that did not wait included."""
    return 1000 * run["order0_stall_ms"] / run["order0_requests"]


def beside(
    plan: StudyPlan, results: Results, architecture: str, name: str, other: str, metric: Metric
) -> list[tuple[float, float]]:
    """A metric of two policies, seed by seed."""
    mine, theirs = (by_seed(plan, results, architecture, policy, metric) for policy in (name, other))
    return list(zip(mine, theirs, strict=True))


def gains(plan: StudyPlan, results: Results, architecture: str, name: str, other: str = BASELINE) -> list[float]:
    """Success of a policy minus that of another, seed by seed."""
    return [mine - theirs for mine, theirs in beside(plan, results, architecture, name, other, success)]


def saved(pairs: list[tuple[float, float]]) -> list[float]:
    """By how many percent the first is less than the second."""
    return [100 * (1 - mine / theirs) if theirs else 0.0 for mine, theirs in pairs]


def row(plan: StudyPlan, results: Results, architecture: str, name: str) -> Row:
    """One policy on one architecture."""

    def over_seeds(metric: Metric) -> Interval:
        return interval(by_seed(plan, results, architecture, name, metric))

    passes = PASSES[: plan.size.passes]
    base = by_seed(plan, results, architecture, BASELINE, success)
    gain = gains(plan, results, architecture, name)
    return Row(
        architecture,
        name,
        {label: over_seeds(itemgetter(f"{label} success_percent")) for label in passes},
        interval(gain),
        interval([100 * a / b for a, b in zip(gain, base, strict=True)]),
        over_seeds(withheld),
        over_seeds(stolen),
        over_seeds(longest),
        over_seeds(stall),
        over_seeds(itemgetter("order0_longest_stall_ms")),
        over_seeds(itemgetter("oom_kills")),
    )


def crowd_row(plan: StudyPlan, results: Results, tasks: int, name: str) -> CrowdRow:
    """One policy with this number of reclaimers."""
    pages = plan.crowd.mebibytes * (1 << 20) // PAGE_SIZE
    runs = [results[crowd_key(plan, tasks, name), seed] for seed in range(plan.crowd_seeds)]
    return CrowdRow(
        tasks,
        name,
        interval([run["oom_kills"] for run in runs]),
        interval([100 * run["withheld_peak_pages"] / pages for run in runs]),
        interval([run["success_percent"] for run in runs]),
        interval([run["order0_longest_stall_ms"] for run in runs]),
    )


def answer(name: str, question: str, values: list[float], unit: str = UNIT_POINTS) -> Answer:
    """A number over seeds, and whether it can be told from zero."""
    value = interval(values)
    return Answer(name, question, value, unit, len(values) > 1 and not value.low <= 0 <= value.high)


def success_answers(plan: StudyPlan, results: Results) -> list[Answer]:
    """What the thread asked about success and its price, on each architecture."""
    found = []
    for arch in plan.rates:
        base = by_seed(plan, results, arch, BASELINE, success)
        found.append(answer(f"{arch} baseline", "success of the unchanged kernel under load", base, "percent"))
        for name, other, question in GAINS:
            found.append(answer(f"{arch} {name} over {other}", question, gains(plan, results, arch, name, other)))
        found += price_answers(plan, results, arch)
    return found


def price_answers(plan: StudyPlan, results: Results, arch: str) -> list[Answer]:
    """What policies save and cost besides success: withheld and stolen pages, waits."""

    def pairs(name: str, other: str, metric: Metric) -> list[tuple[float, float]]:
        return beside(plan, results, arch, name, other, metric)

    held = saved(pairs("kosaki", HEADLINE, withheld))
    waits = [mine - plain for mine, plain in pairs(HEADLINE, BASELINE, stall)]
    found = [
        answer(f"{arch} kosaki saves", "withheld page-seconds saved by early release", held, "percent"),
        answer(f"{arch} order-0 cost", "longer mean wait of an order-0 request", waits, "µs"),
    ]
    for name in RIVALS:
        less = saved(pairs(name, BASELINE, stolen))
        sooner = [(plain - mine) / 1000 for mine, plain in pairs(name, BASELINE, longest)]
        found += [
            answer(f"{arch} {name} keeps", "how much less others take of what a waiting task freed", less, "percent"),
            answer(f"{arch} {name} longest", "by how much the longest wait for a huge page is shorter", sooner, "s"),
        ]
    return found


RIVALS = ("own-pages", HEADLINE, "kosaki", "piggin", "lameter", "kamezawa")
GAINS = (
    ("whitcroft", BASELINE, "does capture help?"),
    ("own-pages", BASELINE, "does own-page capture alone help?"),
    ("neighbours", "own-pages", "how much comes from free neighbours?"),
    ("whitcroft", "neighbours", "how much comes from what outsiders free?"),
    ("order0-mark", BASELINE, "how much does the order-0 watermark test give without capture?"),
    ("whitcroft", "whitcroft-v1", "what did the watermark bug of v1 cost?"),
    ("kosaki", "whitcroft", "does early release cost success?"),
    ("bounded", "kosaki", "does the cap cost success?"),
    ("piggin", "whitcroft", "does Piggin's queue do as well as capture?"),
    ("lameter", "whitcroft", "do closed per-cpu lists do as well as capture?"),
    ("kamezawa", "whitcroft", "does isolating the pageblock do as well as capture?"),
)


def crowd_answers(rows: list[CrowdRow]) -> list[Answer]:
    """How many reclaimers it takes until somebody is killed, and what is withheld then."""
    found = []
    for name in CROWD_POLICIES:
        mine = [row for row in rows if row.policy == name]
        fatal = [row.tasks for row in mine if row.oom_kills.mean > 0]
        fewest = float(min(fatal)) if fatal else 0.0
        found.append(
            Answer(
                f"tasks to OOM {name}",
                "fewest concurrent reclaimers with an OOM kill (0: none of those tried)",
                Interval(fewest, fewest, fewest),
                "tasks",
                bool(fatal),
            )
        )
        worst = max(mine, key=lambda row: row.withheld_peak_percent.mean)
        found.append(
            Answer(
                f"withheld at most {name}",
                f"peak of withheld memory, at {worst.tasks} reclaimers",
                worst.withheld_peak_percent,
                "percent of memory",
                worst.withheld_peak_percent.low > 0,
            )
        )
    return found
