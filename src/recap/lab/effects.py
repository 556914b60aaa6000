"""Published effects of changes of the kernel, on the model: compaction's capture, lumpy reclaim's removal, defrag mode
and its fix.

What is compared are the signs and rough sizes of changes. The machines and loads of the originals are not known well
enough to meet their figures; what each load was calibrated on is said in docs/studies/published-effects.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from recap.demand.highalloc import Highalloc
from recap.demand.kernel_build import KernelBuild
from recap.demand.thp_fio_scale import ThpFioScale
from recap.kernel import LINUX_2_6_27_MM
from recap.lab import workloads
from recap.lab.executor import Executor
from recap.lab.kept import Run, Store, digest, model_identity
from recap.lab.results import Interval
from recap.lab.runs import Progress, run_all
from recap.lab.statistics import interval
from recap.policy import candidate
from recap.sim.run import Synthetic


@dataclass(frozen=True)
class Published:
    """A metric, and what it was said to be before and after; shares change by points, the rest in percent."""

    metric: str
    before: float
    after: float
    points: bool = False

    @property
    def change(self) -> float:
        """The published change."""
        return self.after - self.before if self.points else 100 * (self.after / self.before - 1)


@dataclass(frozen=True)
class Effect:
    """One change of the kernel: from a policy to another, and what was published of it."""

    title: str
    before: str
    after: str
    published: tuple[Published, ...]


LUMPY_2012 = Effect(
    "lumpy reclaim removed (c53919adc045, 3.5): stress-highalloc on 3.3.0 and on lumpyremove",
    "none",
    "no-lumpy",
    (
        Published("pass 1 success_percent", 81, 24, points=True),
        Published("pass 2 success_percent", 82, 38, points=True),
        Published("at rest success_percent", 88, 88, points=True),
        Published("pgscan_kswapd", 6_271_173, 1_278_174),
        Published("pswpout", 98_179, 0),
    ),
)
CAPTURE_2019 = Effect(
    "compaction capture (5e1f0f098b46, 5.1): thpfioscale",
    "no-compaction-capture",
    "none",
    (
        Published("compact_migrate_scanned", 20_815_362, 19_573_286),
        Published("compact_free_scanned", 16_352_612, 11_510_663),
        Published("success_percent", 95.9, 97.4, points=True),
    ),
)
DEFRAG_MODE_2025 = Effect(
    "vm.defrag_mode as posted (e3aa7df331bc and others, 6.15): kernel build with bursts of huge pages",
    "none",
    "defrag-mode-v1",
    (
        Published("thp_fault_fallback", 21_910.60, 5_412.47),
        Published("thp_fault_alloc", 46_727.07, 63_223.67),
        Published("allocstall", 2_371.07, 638.87),
        Published("pgscan_kswapd", 2_160_926.73, 4_002_186.33),
        Published("pgsteal_direct", 94_441.73, 31_162.80),
        Published("pswpout", 47_959.53, 110_084.33),
    ),
)
DEFRAG_MODE_MEND_2025 = Effect(
    "kswapd in defrag mode leaves blocks to kcompactd (a1f0220f3319, 6.15): the same test",
    "defrag-mode-v1",
    "defrag-mode",
    (
        Published("thp_fault_fallback", 16_970.00, 15_951.87),
        Published("allocstall", 1_890.80, 6_297.60),
        Published("pgscan_kswapd", 9_043_558.80, 5_952_576.73),
        Published("pgsteal_kswapd", 1_891_708.67, 1_030_645.00),
        Published("pgsteal_direct", 92_682.60, 309_770.53),
        Published("pswpout", 884_585.73, 417_781.93),
    ),
)
EFFECTS = {
    "lumpy-2012": LUMPY_2012,
    "compaction-capture-2019": CAPTURE_2019,
    "defrag-mode-2025": DEFRAG_MODE_2025,
    "defrag-mode-mend-2025": DEFRAG_MODE_MEND_2025,
}


@dataclass(frozen=True)
class EffectPlan:
    """How often the runs are made, and whether small, for a first look."""

    seeds: int
    small: bool = False

    def setup(self, name: str) -> Synthetic:
        """The load an effect is measured under."""
        if name == "lumpy-2012":
            size = Highalloc(mebibytes=512, warm_seconds=100, cool_seconds=60) if self.small else Highalloc()
            return workloads.stress_highalloc(LINUX_2_6_27_MM, size, {})
        if name == "compaction-capture-2019":
            scale = ThpFioScale(mebibytes=256, rows=(3, 12, 32)) if self.small else ThpFioScale()
            return workloads.fio_and_huge_pages(scale)
        builds = KernelBuild(mebibytes=256, builds=2, seconds=60) if self.small else KernelBuild()
        return workloads.kernel_builds(builds)


LEAST = 5  # events a run: of fewer a percentage says nothing
FULL, QUICK = EffectPlan(10), EffectPlan(2, small=True)


class Measure(msgspec.Struct, frozen=True):
    """One metric before and after; `change` in `unit`, taken within each seed.

    `direction`: the change's interval lies on the published side of zero.
    """

    metric: str
    before: Interval
    after: Interval
    change: Interval
    published: float
    unit: str
    direction: bool


class EffectFound(msgspec.Struct, frozen=True):
    """What a study of one effect found."""

    name: str
    title: str
    before: str
    after: str
    measures: list[Measure]
    assumptions: list[str]
    missing: list[str]
    seeds: int
    digest: str
    schema: int = 1


def measure_effect(
    name: str,
    plan: EffectPlan,
    progress: Progress | None = None,
    out: Path | None = None,
    executor: Executor | None = None,
) -> EffectFound:
    """Run the load under both policies with the same seeds.

    Args:
        name: one of EFFECTS.
        plan: FULL, QUICK, or one of your own.
        progress: called with (runs done, runs in all, what ended last).
        out: a folder: finished runs are kept there and not run again; the result is effect.json.
        executor: where to run; on every CPU of this machine if not given.

    Errors:
        InputError: the folder cannot be written.
    """
    effect, setup = EFFECTS[name], plan.setup(name)
    pair = (effect.before, effect.after)
    todo = [Run(setup, candidate(policy), seed) for seed in range(plan.seeds) for policy in pair]
    store = Store(out, f"{model_identity()} {name} {plan.small}") if out is not None else None
    results = run_all(todo, progress, store, executor)
    before, after = ([derived(results[policy, seed]) for seed in range(plan.seeds)] for policy in pair)
    measures = [measure(one, before, after) for one in effect.published]
    assumptions = setup.demand(0).assumptions
    found = EffectFound(
        name, effect.title, *pair, measures, assumptions, workloads.MISSING, plan.seeds, digest(measures)
    )
    if store:
        store.write("effect.json", found)
    return found


def derived(run: Mapping[str, float]) -> dict[str, float]:
    """A run's metrics, and those that follow: every request of a high order is a huge page's here."""
    served, asked = run["high_order_successes"], run["high_order_attempts"]
    return {**run, "thp_fault_alloc": served, "thp_fault_fallback": asked - served}


def measure(one: Published, before: list[dict[str, float]], after: list[dict[str, float]]) -> Measure:
    """The change of one metric, seed by seed: in points, in percent of what was before, as it is where that is tiny."""
    old, new = ([run[one.metric] for run in runs] for runs in (before, after))
    number = interval(old).mean < LEAST
    whole = 100.0 if one.points or number else interval(old).mean
    change = interval([100 * (b - a) / whole for a, b in zip(old, new, strict=True)])
    least = min(change.low * one.change, change.high * one.change)
    unit = "points" if one.points else "count" if number else "percent"
    return Measure(one.metric, interval(old), interval(new), change, one.change, unit, least > 0)
