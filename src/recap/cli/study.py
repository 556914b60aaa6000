"""`recap study`: a question of the literature, answered by one command."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from recap.cli.console import Json, Out, progress_of_runs, show, write_plots
from recap.cli.executor import Jobs, On, executor
from recap.cli.streams import say
from recap.lab import effects
from recap.lab.capture_2008 import FULL, QUICK, Study, capture_2008
from recap.lab.executor import Executor
from recap.report.effect import effect, markdown
from recap.report.study import study_tables
from recap.report.study_page import study_markdown, study_plots

Seeds = Annotated[int | None, Parameter(validator=Number(gte=2), show_default=False)]
Quick = Annotated[bool, Parameter(negative=(), show_default=False)]


def verb(
    name: Literal["capture-2008", "lumpy-2012", "compaction-capture-2019", "defrag-mode-2025", "defrag-mode-mend-2025"],
    /,
    *,
    quick: Quick = False,
    seeds: Seeds = None,
    out: Out = None,
    jobs: Jobs = None,
    on: On = None,
    json: Json = False,
) -> None:
    """Reproduce a published result, and answer what its authors left open.

    Parameters
    ----------
    name
        capture-2008: page capture on Linux 2.6.27 under mmtests' stress-highalloc, with every position of its thread.
        The others: what a change of the kernel was reported to do, beside what it does in the model.
    quick
        Fewer seeds, one rate, one pass: minutes instead of an hour, and wide intervals.
    seeds
        How many runs of each, with different random seeds, instead of 10 (quick: 3).
    out
        A folder in which finished runs are kept, so that an interrupted study resumes.
    """
    with executor(jobs, on) as where:
        if name == "capture-2008":
            study = study_of_2008(quick, seeds, out, where)
            show(study, study_tables, as_json=json)
        else:
            found = study_of_effect(name, quick, seeds, out, where)
            show(found, effect, as_json=json)


def study_of_2008(quick: bool, seeds: int | None, out: Path | None, where: Executor) -> Study:
    """The whole thread of 2008."""
    plan = QUICK if quick else FULL
    with progress_of_runs() as update:
        result = capture_2008(replace(plan, seeds=seeds or plan.seeds), progress=update, out=out, executor=where)
    if out is not None:
        (out / "figures.md").write_text(study_markdown(result))
        write_plots(out, lambda: study_plots(result))
        say(f"study.json and figures.md are in {out}")
    return result


def study_of_effect(
    name: str, quick: bool, seeds: int | None, out: Path | None, where: Executor
) -> effects.EffectFound:
    """One published effect."""
    plan = effects.QUICK if quick else effects.FULL
    with progress_of_runs() as update:
        found = effects.measure_effect(
            name, replace(plan, seeds=seeds or plan.seeds), progress=update, out=out, executor=where
        )
    if out is not None:
        (out / "figures.md").write_text(markdown(found))
        say(f"effect.json and figures.md are in {out}")
    return found
