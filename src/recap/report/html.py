"""A kept comparison as one HTML file: no network, no library; light and dark; readable on paper.

The page is assets/report.jinja; what it shows is gathered here.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from recap import __version__
from recap.lab.kept import KeptComparison
from recap.lab.results import KERNEL, METRICS, Column, Comparison
from recap.report import charts, distributions, pictures, timelines, waits
from recap.report.comparison import METRIC, OUTSIDE, difference_legend, head, judgement, sections
from recap.report.conclusions import OUTCOME, STOLEN, conclusions
from recap.report.numbers import NO_FIGURE, beside
from recap.report.templates import asset, render
from recap.sim.timeline import Timeline

# No request at all, and no script but the page's own, identified by its hash.
ONLY_THIS_FILE = "default-src 'none'; script-src 'sha256-{}'; style-src 'unsafe-inline'; img-src data:"
JUDGED = {"green": "better", "red": "worse", "bold": "apart"}
PARTS = {
    "idea": "The idea",
    "findings": "What it says",
    "memory": "Memory, page by page",
    "time": "What happened when",
    "waits": "Who waits",
    "spread": "How it spreads",
    "figures": "All figures",
    "trust": "How far to trust it",
}
SPREAD = (
    (OUTCOME, "High-order requests served, percent"),
    (STOLEN, "Pages stolen from reclaimers"),
    ("stall_ms", "Milliseconds waited in all"),
)
ZOOMS = (1, 2, 4, 8, 16)


def html(kept: KeptComparison) -> str:
    """The whole page."""
    result = kept.comparison
    seen = {policy: kept.timeline(kept.first_run(policy)) for policy in kept.policies()}
    script = f"\n{asset('report.js')}"
    page = render(
        "report.jinja",
        security=ONLY_THIS_FILE.format(sha256(script)),
        style=Markup(asset("report.css")),
        script=Markup(script),
        data=script_data(seen),
        result=result,
        parts=PARTS,
        policies=list(seen),
        seeds=max((column.seeds for column in result.columns), default=1),
        recorded=result.column(KERNEL) is not None,
        findings=[conclusion.partition(":") for conclusion in conclusions(result)],
        outcome=OUTCOME,
        legend=pictures.legend(),
        zooms=ZOOMS,
        pieces=[name for *_, name, _ in timelines.PIECES],
        timed=timed(seen),
        zone=largest_zone(seen),
        waiters=[(policy, waits.waiters(one)) for policy, one in seen.items()],
        spreads=list(spreads(kept)),
        waiting=waiting(kept),
        rows=list(rows(result)),
        heads=[head(column).partition("\n") for column in result.columns],
        meanings=[metric for metric in METRICS if metric.meaning and metric.name in result.metrics()],
        difference_legend=difference_legend(result.baseline),
        outside=OUTSIDE,
        version=__version__,
    )
    return f"{page}\n"


def sha256(script: str) -> str:
    """A script's hash as a Content-Security-Policy has it."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def script_data(seen: Mapping[str, Timeline]) -> Markup:
    """What the script needs, as JSON that cannot end the element it is in."""
    data = {
        "albums": pictures.albums(seen),
        "waits": [waits.packed(policy, timeline) for policy, timeline in seen.items()],
        "legend": pictures.legend(),
        "best": pictures.best_moment(seen),
        "span": common_span(seen)[1],
        "width": charts.WIDTH,
    }
    return Markup(json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"))


def common_span(seen: Mapping[str, Timeline]) -> tuple[float, float]:
    """From the start to the end of the longest run, in seconds."""
    return 0.0, max(timelines.seconds(timeline)[1] for timeline in seen.values())


def largest_zone(seen: Mapping[str, Timeline]) -> str:
    """The zone whose free memory is drawn."""
    first = next(iter(seen.values()))
    return first.zones[timelines.largest_zone(first)]


def timed(seen: Mapping[str, Timeline]) -> dict[str, list[Markup]]:
    """The charts over time by their subject, one for each policy, all policies on one scale."""
    span, runs = common_span(seen), seen.values()
    free = 1.05 * max(float(one.samples["free_pages"].max()) for one in runs)
    held = 1.05 * max(float(timelines.mean_withheld(one).max(initial=0)) for one in runs) or 1.0
    longest = max((float(ms.max()) for ms in map(timelines.waited_ms, runs) if len(ms)), default=1.0)
    freed = 1.05 * max(float(one.vmstat("pgsteal_direct")[-1]) for one in runs) or 1.0
    draw: dict[str, Callable[[Timeline], charts.Chart]] = {
        "free": lambda one: timelines.free_memory(one, span, free),
        "episodes": lambda one: timelines.episodes(one, span),
        "fragmentation": lambda one: timelines.fragmentation(one, span),
        "withheld": lambda one: timelines.withheld(one, span, held),
        "stalls": lambda one: timelines.stalls(one, span, longest),
        "reclaim": lambda one: timelines.reclaim(one, span, freed),
        "slices": lambda _: timelines.slices(span),
    }
    return {
        kind: [
            one(timeline).html(policy, timed=True, kind=kind, policy=i)
            for i, (policy, timeline) in enumerate(seen.items())
        ]
        for kind, one in draw.items()
    }


def spreads(kept: KeptComparison) -> Iterator[tuple[str, str, Markup]]:
    """How metrics spread over seeds: the metric, what it is, and a chart."""
    figures = {policy: [kept.metrics(run) for run in kept.runs if run.policy == policy] for policy in kept.policies()}
    for metric, words in SPREAD:
        if all(metric in run for runs in figures.values() for run in runs):
            values = {policy: [run[metric] for run in runs] for policy, runs in figures.items()}
            yield metric, words, distributions.spread(kept.comparison, metric, values)


def waiting(kept: KeptComparison) -> dict[str, Any]:
    """How long requests wait, over all seeds: a chart, and how many waits each policy has."""
    stalls = {
        policy: np.concatenate([timelines.waited_ms(kept.timeline(run)) for run in kept.runs if run.policy == policy])
        for policy in kept.policies()
    }
    return {
        "chart": distributions.waits(stalls),
        "policies": [(policy, f"{len(ms):,}") for policy, ms in stalls.items()],
    }


def rows(result: Comparison) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The table of `recap compare`: each heading with its metrics."""
    for heading, names in sections(result, result.metrics()):
        yield (
            heading,
            [
                {
                    "name": name,
                    "meaning": METRIC[name].meaning if name in METRIC else "",
                    "cells": [cell(name, column) for column in result.columns],
                }
                for name in names
            ],
        )


def cell(name: str, column: Column) -> tuple[str, str]:
    """A figure and its class: coloured where it certainly differs from the baseline's, as in `recap compare`."""
    value = column.metrics.get(name)
    if value is None:
        return NO_FIGURE, ""
    if value.unlike_model:
        return f"{value}{OUTSIDE}", ""
    if value.difference is None or not value.differs:
        return beside(value), ""
    return beside(value), JUDGED[judgement(name, value.difference)]
