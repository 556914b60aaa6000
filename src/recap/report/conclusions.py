"""What a comparison says in three sentences: how far to trust it, what the policies gain, what they cost.

Every word is chosen by the figures: a difference is named only where it is certain (recap.lab.results.Difference).
"""

from collections.abc import Sequence

from recap.lab.results import BASELINE, KERNEL, Column, Comparison, Figure, listed
from recap.report.numbers import changed, count, ordinal

OUTCOME = "success_percent"
WITHHELD = "withheld_peak_pages"
STOLEN = "stolen_pages"
OOM = "oom_kills"
NO_VERDICT = "What it gains: one seed cannot tell a difference from chance; run more seeds."


def conclusions(result: Comparison) -> list[str]:
    """The sentences the figures allow; one whose columns are absent is left out."""
    baseline = result.column(result.baseline)
    if baseline is None or OUTCOME not in baseline.metrics:
        return []
    kernel = result.column(KERNEL)
    sentences = [trust(kernel, result)] if kernel and OUTCOME in kernel.metrics else []
    rivals = [column for column in result.columns if column.name not in (KERNEL, result.baseline)]
    if not rivals:
        return sentences
    if baseline.seeds < 2:
        return [*sentences, NO_VERDICT]
    return [*sentences, gain(rivals, baseline), cost(rivals, baseline)]


def trust(kernel: Column, result: Comparison) -> str:
    """The recorded kernel beside the model of it."""
    real, model = kernel.metrics[OUTCOME], result.column(result.model)
    served = f"How far to trust it: the recorded kernel served {real.mean:.1f} % of its high-order requests"
    if model is None:
        why = "with other settings" if result.sysctls else "by the rules of another policy"
        return f"{served}; it ran {why}, so no column here is a model of it."
    return f"{served}, the model of it {model.metrics[OUTCOME].mean:.1f} %. {standing(real, model.seeds)}."


def standing(real: Figure, seeds: int) -> str:
    """Where the recorded kernel's figure stands among the runs of its model."""
    if real.prediction is None or real.percentile is None:
        return "One seed does not show where other runs would be"
    low, high = real.prediction.low, real.prediction.high
    where = "outside" if real.unlike_model else "inside"
    return (
        f"One more run of the model would be from {low:.1f} to {high:.1f} % (95 % prediction interval): "
        f"the kernel is {where}, {among(real.percentile, seeds)}"
    )


def among(percentile: float, runs: int) -> str:
    """A percentile in words."""
    if percentile in (0, 100):
        return f"{'above' if percentile else 'below'} all {runs} runs"
    return f"at the {ordinal(round(percentile))} percentile of {runs} runs"


def gain(rivals: Sequence[Column], baseline: Column) -> str:
    """Which policies serve more high-order requests than the baseline, which fewer, which neither."""
    who = "the unchanged model" if baseline.name == BASELINE else baseline.name
    parts = [more_or_fewer(column) for column in rivals if column.metrics[OUTCOME].differs]
    level = [column.name for column in rivals if not column.metrics[OUTCOME].differs]
    if level:
        parts.append(no_difference(level))
    return f"What it gains: against {baseline.metrics[OUTCOME].mean:.1f} % for {who}, {'; '.join(parts)}."


def no_difference(names: Sequence[str]) -> str:
    """`whitcroft and kosaki show no certain difference`."""
    return f"{listed(names)} {'show' if len(names) > 1 else 'shows'} no certain difference"


def more_or_fewer(column: Column) -> str:
    """`kosaki serves 1.4 ±0.3 points more`."""
    change = column.metrics[OUTCOME].difference
    assert change is not None  # it differs
    return f"{column.name} serves {changed(change)} points {'more' if change.mean > 0 else 'fewer'}"


def cost(rivals: Sequence[Column], baseline: Column) -> str:
    """What is held back while others want memory, what is still stolen, and whether tasks are killed for it."""
    parts = []
    if all(WITHHELD in column.metrics for column in rivals):
        parts.append(f"at the worst moment {means(rivals, WITHHELD)} pages are withheld")
    if all(STOLEN in column.metrics for column in (baseline, *rivals)):
        parts.append(f"reclaimers lose {means((baseline, *rivals), STOLEN)} pages to others")
    parts.append(deaths(rivals, baseline))
    return f"What it costs: {'; '.join(parts)}."


def deaths(rivals: Sequence[Column], baseline: Column) -> str:
    """Where OOM kills differ from the baseline's."""
    changed = [column for column in rivals if column.metrics[OOM].differs]
    if not changed:
        return "no policy certainly changes the number of OOM kills"
    return f"OOM kills are {count(baseline.metrics[OOM].mean)} for {baseline.name}, {means(changed, OOM)}"


def means(columns: Sequence[Column], metric: str) -> str:
    """The metric's mean for each column: `12 (whitcroft), 3 (kosaki)`."""
    return listed([f"{count(column.metrics[metric].mean)} ({column.name})" for column in columns])
