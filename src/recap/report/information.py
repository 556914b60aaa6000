"""What is in a trace, for a reader: a few tables, and curves over time drawn with blocks."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from recap.lab.information import Info, Matching, Share
from recap.report.numbers import count, percent

BARS = "▁▂▃▄▅▆▇█"
WIDTH, NARROWEST = 60, 20  # columns of a curve
UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns"))
LONGEST_NAME = 60
MOST_LOST = 8
FLAGS = "gfp flags"  # the one column that is wrapped where the terminal is narrow
NAMES = (FLAGS, "task", "wanted", "taken from", "result", "of pages", "type")


def information(result: Info) -> RenderableType:
    """Everything, the summary first; what is empty is left out."""
    return Group(*sections(result))


def sections(result: Info) -> Iterator[RenderableType]:
    """The tables, each below its heading."""
    yield summary(result)
    yield from titled("over time", curves(result))
    orders = [(str(row.order), count(row.requests), count(row.failed) if row.failed else "") for row in result.orders]
    yield from titled("requests", table(("order", "requests", "failed"), orders))
    yield from titled("frees", table(("frees", "of pages"), matched(result.matching)))
    yield from titled("who", shares("task", result.comms, result.pages_allocated))
    yield from titled("what for", shares(FLAGS, result.gfp_flags, result.pages_allocated))
    yield from titled("migratetypes", shares("type", result.migratetypes, result.pages_allocated))
    lived = [
        (str(row.order), count(row.count), duration(row.p50_ns), duration(row.p90_ns), duration(row.p99_ns))
        for row in result.lifetimes
    ]
    yield from titled("lifetimes", table(("order", "blocks", "p50", "p90", "p99"), lived))
    yield from pressure(result)
    failed = [(str(row.order), count(row.count), row.comm, row.gfp_flags) for row in result.failures]
    yield from titled("failures", table(("order", "requests", "task", FLAGS), failed))
    taken = [(row.wanted, row.taken_from, count(row.count)) for row in result.fallbacks]
    yield from titled("fallbacks", table(("wanted", "taken from", "requests"), taken))
    yield from titled("zones", zones(result))
    counted = [(name, count(value)) for name, value in result.vmstat.items()]
    since = "change" if any(zone.when for zone in result.zones) else "since boot"
    yield from titled("counted by the kernel", table(("vmstat", since), counted, left=1))
    yield from lost(result)
    yield from (Text(f"Note: {note}") for note in result.notes)
    if result.finding is not None:
        yield Text(f"{result.finding.says}. Next: {result.finding.next}", style="bold")


def titled(title: str, body: Table | None) -> Iterator[RenderableType]:
    """A table under its heading, if it has rows."""
    if body is not None and body.row_count:
        yield Text(title, style="bold")
        yield body
        yield Text()


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 0) -> Table:
    """Plain columns; figures to the right, the names of the columns up to `left` to the left."""
    made = Table(box=None, pad_edge=True, padding=(0, 2, 0, 0), header_style="dim")
    for number, head in enumerate(heads):
        name = number < left or head in NAMES
        made.add_column(head, justify="left" if name else "right", no_wrap=head != FLAGS, overflow="fold")
    for row in rows:
        made.add_row(*(cell if head == FLAGS else cell[:LONGEST_NAME] for head, cell in zip(heads, row, strict=True)))
    return made


def summary(result: Info) -> Table:
    """What it is, how much of it."""
    made = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    made.add_row("source", result.source)
    for name, value in about_trace(result) if result.events else ():
        made.add_row(name, value)
    made.add_row()
    return made


def about_trace(result: Info) -> Iterator[tuple[str, str]]:
    """What the summary says of the trace."""
    matching = result.matching
    spans = len(result.lost)
    yield from (
        ("events", f"{count(result.events)} in {result.seconds:.2f} s, {count(round(result.events_per_second))}/s"),
        ("machine", f"{result.cpus} CPU{'s' if result.cpus > 1 else ''}, clock {result.clock}"),
        ("allocations", f"{count(result.allocations)} requests, {count(result.pages_allocated)} pages"),
        ("failed", f"{count(result.failed)} of the requests" if result.failed else "none"),
        ("frees", f"{count(matching.frees)}, {percent(matching.matched_ratio)} % explained"),
        ("lost", f"at {spans} places" if spans else "nothing"),
    )


def matched(found: Matching) -> list[tuple[str, str]]:
    """Frees by what the freed pages were held by."""
    kinds = (
        (found.matched, "allocated in the trace"),
        (found.held_at_start, "held at the start"),
        (found.told_by_use, "told by their use"),
        (found.given_back, "taken by compaction and given back"),
        (found.kernel_stacks, "of kernel stacks, allocated in bulk"),
        (found.never_told, "unknown until then"),
        (found.unmatched, "unexplained"),
    )
    return [(count(number), kind) for number, kind in kinds if number]


def curves(result: Info) -> Table:
    """Rates and fragmentation as lines of blocks, with the least and the greatest value."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    made.add_column("", no_wrap=True)
    made.add_column(f"{result.seconds:.1f} s from left to right")
    made.add_column("least", justify="right", no_wrap=True)
    made.add_column("most", justify="right", no_wrap=True)
    rates = result.rates
    for name, values in (
        ("events/s", rates.events),
        ("pages allocated/s", rates.pages_allocated),
        ("pages freed/s", rates.pages_freed),
        ("pages scanned/s", rates.pages_scanned),
        ("pages reclaimed/s", rates.pages_reclaimed),
        ("stalls/s", rates.stalls),
        ("compactions/s", rates.compactions),
    ):
        if any(values):
            made.add_row(name, Curve(values), count(round(min(values))), count(round(max(values))))
    if result.fragmentation is not None:
        free, whole = result.fragmentation.free_pages, result.fragmentation.in_whole_blocks
        made.add_row("free pages", Curve(free), count(min(free)), count(max(free)))
        made.add_row("in free blocks, %", Curve(whole), percent(min(whole)), percent(max(whole)))
    return made


class Curve:
    """A curve as wide as there is room for."""

    def __init__(self, values: Sequence[float]) -> None:
        self.values = values

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(sparkline(self.values, min(WIDTH, options.max_width)), no_wrap=True)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(NARROWEST, WIDTH)


def sparkline(values: Sequence[float], width: int = WIDTH) -> str:
    """A curve of at most `width` blocks, each the mean of its part, scaled from the least value to the greatest."""
    if not values:
        return ""
    width = min(width, len(values))
    cuts = [len(values) * column // width for column in range(width + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(cuts)]
    least, most = min(means), max(means)
    scale = (len(BARS) - 1) / (most - least) if most > least else 0
    return "".join(BARS[round((value - least) * scale)] for value in means)


def shares(head: str, rows: Sequence[Share], pages: int) -> Table:
    """Names with their requests and pages; flags stand behind them, as they are long."""
    figures = [
        (count(row.requests), count(row.pages), f"{100 * row.pages / pages if pages else 0:.1f} %") for row in rows
    ]
    heads = ("requests", "pages", "share")
    if head == FLAGS:
        return table((*heads, head), [(*line, row.name) for line, row in zip(figures, rows, strict=True)])
    return table((head, *heads), [(row.name, *line) for line, row in zip(figures, rows, strict=True)])


def pressure(result: Info) -> Iterator[RenderableType]:
    """Reclaim, compaction, and how long they took."""
    rows = [
        (
            row.name,
            count(row.count),
            duration(row.total_ns),
            duration(row.p50_ns),
            duration(row.p90_ns),
            duration(row.p99_ns),
            duration(row.max_ns),
        )
        for row in result.stalls
        if row.count
    ]
    yield from titled("stalls", table(("", "times", "in all", "p50", "p90", "p99", "longest"), rows, left=1))
    found = result.reclaim
    scans = [
        ("direct", count(found.scanned_direct), count(found.stolen_direct)),
        ("kswapd", count(found.scanned_kswapd), count(found.stolen_kswapd)),
    ]
    if found.scanned_direct + found.scanned_kswapd:
        yield from titled("reclaim", table(("", "pages scanned", "reclaimed"), scans, left=1))
    ended = [(name, count(times)) for name, times in result.compaction.results.items()]
    moved = result.compaction.pages_migrated, result.compaction.pages_failed
    if ended:
        ended += [("pages migrated", count(moved[0])), ("pages that would not move", count(moved[1]))]
    yield from titled("compaction", table(("result", "runs"), ended))


def zones(result: Info) -> Table:
    """Free memory before and after, as /proc tells it."""
    rows = [
        (
            ("before", "after")[zone.when],
            f"{zone.node} {zone.zone}",
            count(zone.free_pages),
            " ".join(map(count, zone.watermarks)),
            "" if zone.unusable_percent is None else f"{zone.unusable_percent:.1f}",
        )
        for zone in result.zones
    ]
    return table(("", "zone", "free pages", "min low high", "free below order 9, %"), rows, left=2)


def lost(result: Info) -> Iterator[RenderableType]:
    """The spans in which events were lost."""
    rows = [
        (str(span.cpu), f"{span.begin:.6f}", f"{span.end:.6f}", "?" if span.count is None else count(span.count))
        for span in result.lost[:MOST_LOST]
    ]
    more = len(result.lost) - len(rows)
    if more:
        rows.append(("", "", f"{count(more)} more", ""))
    yield from titled("lost", table(("CPU", "from, s", "to, s", "events"), rows))


def duration(nanoseconds: int) -> str:
    """A time in the unit that suits it."""
    for size, unit in UNITS:
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return "0"
