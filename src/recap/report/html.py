"""A kept comparison as one HTML file that needs nothing else: no network, no library, light and dark, on paper too."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from html import escape
from importlib.resources import files

import numpy as np

from recap import __version__
from recap.lab.kept import KeptComparison
from recap.lab.results import KERNEL, METRICS, Column, Comparison
from recap.report import charts, distributions, pictures, timelines
from recap.report.comparison import METRIC, OUTSIDE, difference_legend, head, judgement, sections
from recap.report.conclusions import OUTCOME, STOLEN, conclusions
from recap.report.numbers import NO_FIGURE, beside
from recap.sim.timeline import Timeline

# No request at all, and no script but the page's own, known by its hash.
ONLY_THIS_FILE = "default-src 'none'; script-src 'sha256-{}'; style-src 'unsafe-inline'; img-src data:"
JUDGED = {"green": "better", "red": "worse", "bold": "apart"}
PARTS = (
    ("idea", "The idea"),
    ("findings", "What it says"),
    ("memory", "Memory, page by page"),
    ("time", "What happened when"),
    ("spread", "How it spreads"),
    ("figures", "All figures"),
    ("trust", "How far to trust it"),
)
STEPS = (
    (
        "A block is wanted, memory is full",
        """The kernel hands out memory in pages of 4 KiB. Some requests need many in one row, at an aligned place: a
        huge page is 512 of them. When memory is full of files and programs, there is no such row.""",
        "ffaffaffkaffaffa",
    ),
    (
        "Reclaim frees pages, others take them",
        """The task that asked goes and frees pages itself: <i>direct reclaim</i>. What it frees goes to the common
        lists, where anybody may take it. By the time the row is nearly free, pieces of it are gone: <i>stolen</i>.""",
        "gsggsgggkggsgggg",
    ),
    (
        "Capture keeps them together",
        """<i>Reclaim page capture</i> puts what a reclaimer frees on a list of its own, where neighbours join into
        larger blocks. Nobody takes the pieces; but while they are held back, <i>withheld</i>, others go short.""",
        "cccccccckccccccc",
    ),
)
SPREAD = (
    (OUTCOME, "High-order requests served, percent"),
    (STOLEN, "Pages stolen from reclaimers"),
    ("stall_ms", "Milliseconds waited in all"),
)
STEP_USES = {"f": 3, "a": 2, "k": 1, "g": 9, "s": 10, "c": 8}


def html(kept: KeptComparison) -> str:
    """The whole page."""
    seen = {policy: kept.timeline(kept.first_run(policy)) for policy in kept.policies()}
    title = f"recap: {kept.comparison.source}"
    body = "\n".join(
        [
            opening(kept.comparison),
            idea(),
            findings(kept.comparison),
            memory(seen),
            time(seen),
            spread(kept),
            all_figures(kept.comparison),
            trust(kept.comparison),
        ]
    )
    script = f"\n{asset('report.js')}"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{ONLY_THIS_FILE.format(sha256(script))}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>\n{asset('report.css')}</style>\n</head>\n<body>\n<main>\n{body}\n"
        f'</main>\n<script type="application/json" id="album">{album(seen)}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def sha256(script: str) -> str:
    """A script's hash as a Content-Security-Policy has it."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def asset(name: str) -> str:
    """A file of the package."""
    return files("recap.report").joinpath("assets", name).read_text()


def part(name: str, *content: str) -> str:
    """A section under its heading."""
    return f'<section id="{name}">\n<h2>{dict(PARTS)[name]}</h2>\n{"".join(content)}\n</section>'


def opening(result: Comparison) -> str:
    """Title, what was compared, where to go."""
    names = [column.name for column in result.columns if column.name != KERNEL]
    seeds = max((column.seeds for column in result.columns), default=1)
    links = "".join(f'<a href="#{name}">{words}</a>' for name, words in PARTS)
    return (
        "<h1>What would a different rule for handing out freed pages have done?</h1>\n"
        f'<p class="lede">{workload(result)}, in a model of the '
        f"Linux page allocator under {len(names)} {'rule' if len(names) == 1 else 'rules'} "
        f"({escape(', '.join(names))}), {seeds} {'time' if seeds == 1 else 'times'} each.</p>\n<nav>{links}</nav>"
    )


def workload(result: Comparison) -> str:
    """What was run: the first column tells whether a kernel was recorded."""
    kind = "The workload recorded in" if result.column(KERNEL) else "The synthetic workload"
    return f"{kind} <code>{escape(result.source)}</code>"


def idea() -> str:
    """Three small pictures for somebody who has never heard of capture."""
    shown = "".join(
        f"<figure>{row_of_pages(uses)}<figcaption><strong>{i}. {title}</strong> {words}</figcaption></figure>"
        for i, (title, words, uses) in enumerate(STEPS, 1)
    )
    key = "".join(
        f'<span><i style="background:var(--use-{use})"></i>{name}</span>'
        for use, name in (
            (3, "page cache"),
            (2, "anonymous"),
            (1, "kernel"),
            (9, "freed"),
            (10, "stolen"),
            (8, "captured"),
        )
    )
    return part("idea", f'<div class="idea">{shown}</div><p class="key">{key}</p>')


def row_of_pages(uses: str) -> str:
    """Sixteen pages in a row."""
    cells = "".join(
        f'<rect x="{1 + 20 * (i % 16)}" y="1" width="18" height="30" rx="3" style="fill:var(--use-{STEP_USES[use]})"/>'
        for i, use in enumerate(uses)
    )
    return f'<svg viewBox="0 0 322 32" aria-hidden="true">{cells}</svg>'


def findings(result: Comparison) -> str:
    """The sentences the figures allow."""
    found = conclusions(result) or [f"Nothing is concluded without {OUTCOME} and a policy to hold the others against."]
    items = "".join(f"<li>{sentence(text)}</li>" for text in found)
    named = "A difference is named only where it is certain: p &lt; 0.05, by Holm over all figures of the policy."
    return part("findings", f'<ul class="findings">{items}</ul><p class="note-line">{named}</p>')


def sentence(text: str) -> str:
    """A conclusion with its first words in bold."""
    lead, colon, rest = text.partition(":")
    return f"<b>{escape(lead)}{colon}</b>{escape(rest)}"


def memory(seen: dict[str, Timeline]) -> str:
    """The page maps and what steers them."""
    maps = "".join(
        f"<figure><figcaption><b>{escape(policy)}</b><span></span></figcaption>"
        f'<div class="frame"><canvas role="img" aria-label="page map under {escape(policy)}"></canvas></div></figure>'
        for policy in seen
    )
    legend = "".join(
        f'<li><i style="background:var(--use-{entry["use"]})"></i>{entry["name"]} '
        f"<span>– {entry['meaning']}</span></li>"
        for entry in pictures.legend()
    )
    zooms = "".join(f'<option value="{times}">{times} ×</option>' for times in (1, 2, 4, 8))
    return part(
        "memory",
        "<p>Every dot is a page of memory. Each square of 32 × 32 is the largest block the kernel knows; inside it, "
        "neighbours that merge always form a rectangle, so wholeness shows as area. Pictures are taken when most "
        "pages were withheld since the one before. Step through time with the slider or the arrow keys; a click on "
        "any time line below leads here too.</p>",
        '<div class="controls"><button id="back" aria-label="one picture back">◀</button>'
        '<button id="play">Play</button><button id="on" aria-label="one picture on">▶</button>'
        '<input id="moment" type="range" min="0" max="0" value="0" aria-label="moment"><span id="clock" class="mono">'
        '</span><button id="best">Most telling moment</button>'
        f'<label>Zoom <select id="zoom">{zooms}</select></label></div>',
        f'<div class="maps">{maps}</div><p id="about" class="note-line">Point at a page to read what it is.</p>'
        f'<ul class="legend">{legend}</ul>',
    )


def album(seen: dict[str, Timeline]) -> str:
    """What the script needs, as JSON that cannot end the element it is in."""
    data = {
        "albums": [pictures.album(policy, timeline) for policy, timeline in seen.items()],
        "legend": pictures.legend(),
        "best": pictures.best_moment(list(seen.values())),
        "span": common_span(seen)[1],
        "left": charts.LEFT,
        "right": charts.RIGHT,
    }
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def common_span(seen: dict[str, Timeline]) -> tuple[float, float]:
    """From the start to the end of the longest run, in seconds."""
    return 0.0, max(timelines.seconds(timeline)[1] for timeline in seen.values())


def time(seen: dict[str, Timeline]) -> str:
    """The timed charts, each question asked of one policy after the other, on one scale."""
    span = common_span(seen)
    free = 1.05 * max(float(timeline.samples["free_pages"].max()) for timeline in seen.values())
    held = 1.05 * max(float(timelines.mean_withheld(timeline).max(initial=0)) for timeline in seen.values()) or 1.0
    longest = max((float(ms.max()) for ms in map(timelines.waited_ms, seen.values()) if len(ms)), default=1.0)
    freed = 1.05 * max(float(timeline.vmstat("pgsteal_direct")[-1]) for timeline in seen.values()) or 1.0
    first = next(iter(seen.values()))
    zone = escape(first.zones[timelines.largest_zone(first)])
    pieces = "".join(
        f'<span><i style="color:var(--piece-{i})"></i>{name}</span>'
        for i, (_, _, name, _) in enumerate(timelines.PIECES)
    )
    return part(
        "time",
        '<p class="note-line">Seconds of virtual time, seed 0. The dashed cursor is the moment shown above.</p>',
        question("Free memory", f"Free pages of zone {zone} against its watermarks: below <i>low</i> kswapd wakes, "
                 "below <i>min</i> tasks must reclaim for themselves."),
        *panels(seen, lambda one: timelines.free_memory(one, span, free)),
        question("Who was at work", "When pages were reclaimed or moved together, by the kernel's threads and by the "
                 "tasks that wait (directly). A red line is an OOM kill."),
        *panels(seen, lambda one: timelines.episodes(one, span)),
        question("Fragmentation", "What free memory consists of, in percent. A huge page can be had at once only from "
                 "blocks at least as large."),
        f'<p class="key">{pieces}</p>',
        *panels(seen, lambda one: timelines.fragmentation(one, span)),
        question("Withheld", "Pages on capture lists, averaged between two samples: lists come "
            "and go within a sample, so the average is far below the peak in the table."),
        *panels(seen, lambda one: timelines.withheld(one, span, held)),
        question("Stalls", "Requests that could not be served at once: when they came, and for how many milliseconds "
                 "they waited."),
        '<p class="key"><span style="color:var(--good)"><i></i>served</span>'
        '<span style="color:var(--bad)"><i></i>failed</span></p>',
        *panels(seen, lambda one: timelines.stalls(one, span, longest)),
        question("Direct reclaim", "Pages that tasks have reclaimed so far, and pages stolen from them meanwhile."),
        '<p class="key"><span style="color:var(--accent)"><i></i>reclaimed</span>'
        '<span style="color:var(--use-10)"><i></i>stolen</span></p>',
        *panels(seen, lambda one: timelines.reclaim(one, span, freed)),
    )  # fmt: skip


def question(title: str, words: str) -> str:
    """A heading of the timed charts."""
    return f"<h3>{title}</h3><p>{words}</p>"


def panels(seen: dict[str, Timeline], draw: Callable[[Timeline], charts.Chart]) -> Iterator[str]:
    """The same chart for each policy, its name in the corner."""
    for policy, timeline in seen.items():
        chart = draw(timeline)
        chart.name(policy)
        yield chart.svg(timed=True)


def spread(kept: KeptComparison) -> str:
    """Over seeds, and over requests."""
    figures_of = {
        policy: [kept.metrics(run) for run in kept.runs if run.policy == policy] for policy in kept.policies()
    }
    charted = [
        f"<div><h3>{words}</h3><p class='note-line'><code>{metric}</code>: a dot for each seed; the thick bar is the "
        "95 % interval of their mean, the thin one where 95 % of further runs are to be expected</p>"
        + distributions.spread(
            kept.comparison, metric, {policy: [run[metric] for run in runs] for policy, runs in figures_of.items()}
        )
        + "</div>"
        for metric, words in SPREAD
        if all(metric in run for runs in figures_of.values() for run in runs)
    ]
    stalls = {
        policy: np.concatenate([timelines.waited_ms(kept.timeline(run)) for run in kept.runs if run.policy == policy])
        for policy in kept.policies()
    }
    key = "".join(
        f'<span style="color:var(--s{i % 6})"><i></i>{escape(policy)} ({len(ms):,} waits)</span>'
        for i, (policy, ms) in enumerate(stalls.items())
    )
    waiting = (
        "<div><h3>How long a request waits</h3><p class='note-line'>percent of the requests the fast path refused that "
        f"waited longer than so many milliseconds, all seeds; both in powers of ten</p><p class='key'>{key}</p>"
        f"{distributions.waits(stalls)}</div>"
    )
    return part("spread", f'<div class="pair">{"".join(charted)}{waiting}</div>')


def all_figures(result: Comparison) -> str:
    """The table of `recap compare`."""
    first = " The first column is the recorded kernel itself." if result.column(KERNEL) else ""
    heads = "".join(f"<th>{head_cell(column)}</th>" for column in result.columns)
    rows = []
    for heading, names in sections(result, result.metrics()):
        rows.append(f'<tr><th colspan="{len(result.columns) + 1}">{heading}</th></tr>')
        for name in names:
            cells = "".join(cell(name, column) for column in result.columns)
            meaning = escape(METRIC[name].meaning) if name in METRIC else ""
            rows.append(f'<tr class="figure" title="{meaning}"><td><code>{escape(name)}</code></td>{cells}</tr>')
    words = "".join(
        f"<li><code>{metric.name}</code>: {metric.meaning}</li>"
        for metric in METRICS
        if metric.meaning and any(metric.name in column.metrics for column in result.columns)
    )
    return part(
        "figures",
        f'<p class="note-line">{escape(difference_legend(result.baseline))}; coloured: '
        f"better (green) or worse (red). {OUTSIDE} where the recorded kernel is not where 95 % of the model's runs "
        f"are to be expected.{first}</p>",
        f'<div class="wide"><table><thead><tr><th></th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>",
        f'<ul class="caveats">{words}</ul>',
    )


def head_cell(column: Column) -> str:
    """The column's name, and its seeds below."""
    name, _, seeds = head(column).partition("\n")
    return f"{escape(name)}<small>{seeds or '&nbsp;'}</small>"


def cell(name: str, column: Column) -> str:
    """A figure, coloured where it certainly differs from the baseline's; the kernel's marked as in `recap compare`."""
    value = column.metrics.get(name)
    if value is None:
        return f"<td>{NO_FIGURE}</td>"
    if value.unlike_model:
        return f"<td>{value}{OUTSIDE}</td>"
    if value.difference is None or not value.differs:
        return f"<td>{beside(value)}</td>"
    return f'<td class="{JUDGED[judgement(name, value.difference)]}">{beside(value)}</td>'


def trust(result: Comparison) -> str:
    """What was assumed, what the model lacks, and how to get the same figures again."""
    compared = (
        "The first column of the table is what the recorded kernel did, the second the model of it unchanged: how "
        "far they agree is how far the others can be trusted."
        if result.column(KERNEL)
        else f"No kernel was recorded under this workload. Read the policies against "
        f"<code>{escape(result.baseline)}</code>."
    )
    return part(
        "trust",
        f"<p>{compared} What the model lacks:</p>",
        bullets(result.missing),
        "<p>What the source leaves open, and what was assumed instead:</p>",
        bullets(result.assumptions),
        f"<footer>recap {__version__} · digest of the figures {escape(result.digest)} · equal inputs and seeds give "
        "equal digests on every machine</footer>",
    )


def bullets(lines: Sequence[str]) -> str:
    """A list."""
    return f'<ul class="caveats">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>'
