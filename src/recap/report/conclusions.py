"""What a comparison says in three sentences: how far to trust it, what the policies gain, what they cost.

Every word is chosen by the figures: a difference is named only where the 95 % intervals share no point.
"""

from collections.abc import Sequence

from recap.lab.results import BASELINE, KERNEL, Column, Comparison, listed
from recap.report.numbers import count

OUTCOME = "success_percent"
WITHHELD = "withheld_peak_pages"
STOLEN = "stolen_pages"
OOM = "oom_kills"


def conclusions(result: Comparison) -> list[str]:
    """The sentences the figures allow; one whose columns are absent is left out."""
    baseline = result.column(BASELINE)
    if baseline is None or OUTCOME not in baseline.metrics:
        return []
    kernel = result.column(KERNEL)
    rivals = [column for column in result.columns if column.name not in (KERNEL, BASELINE)]
    sentences = [trust(kernel, baseline)] if kernel and OUTCOME in kernel.metrics else []
    return [*sentences, gain(rivals, baseline), cost(rivals, baseline)] if rivals else sentences


def trust(kernel: Column, baseline: Column) -> str:
    """The recorded kernel beside the model of it."""
    real, model = kernel.metrics[OUTCOME], baseline.metrics[OUTCOME]
    where = "outside" if real.apart_from(model) else "inside"
    verdict = (
        f"the kernel's figure lies {where} the model's 95 % interval"
        if baseline.seeds > 1
        else "one seed gives no interval"
    )
    return (
        f"How far to trust it: the recorded kernel served {real.mean:.1f} % of its high-order requests, "
        f"the model of it {model.mean:.1f} %; {verdict}."
    )


def gain(rivals: Sequence[Column], baseline: Column) -> str:
    """Who serves more high-order requests than the unchanged model, who fewer, who neither."""
    reference = baseline.metrics[OUTCOME]
    apart = [column for column in rivals if column.metrics[OUTCOME].apart_from(reference)]
    changes = {column.name: column.metrics[OUTCOME].mean - reference.mean for column in apart}
    level = [column.name for column in rivals if column not in apart]
    parts = [f"{name} serves {change:.1f} points more" for name, change in changes.items() if change > 0]
    parts += [f"{name} serves {-change:.1f} points fewer" for name, change in changes.items() if change < 0]
    if level:
        parts.append(f"{listed(level)} cannot be told from it")
    return f"What it gains: against {reference.mean:.1f} % for the unchanged model, {'; '.join(parts)}."


def cost(rivals: Sequence[Column], baseline: Column) -> str:
    """What is held back while others want memory, what is still stolen, and whether anybody dies of it."""
    parts = []
    if all(WITHHELD in column.metrics for column in rivals):
        parts.append(f"at the worst moment {means(rivals, WITHHELD)} pages are withheld")
    if all(STOLEN in column.metrics for column in (baseline, *rivals)):
        parts.append(f"reclaimers lose {means((baseline, *rivals), STOLEN)} pages to others")
    parts.append(deaths(rivals, baseline))
    return f"What it costs: {'; '.join(parts)}."


def deaths(rivals: Sequence[Column], baseline: Column) -> str:
    """Where OOM kills differ from the unchanged model's."""
    reference = baseline.metrics[OOM]
    changed = [column for column in rivals if column.metrics[OOM].apart_from(reference)]
    if not changed:
        return "no policy changes the number of OOM kills"
    return f"OOM kills are {count(reference.mean)} for {BASELINE}, {means(changed, OOM)}"


def means(columns: Sequence[Column], metric: str) -> str:
    """The metric's mean for each column: `12 (whitcroft), 3 (kosaki)`."""
    return listed([f"{count(column.metrics[metric].mean)} ({column.name})" for column in columns])
