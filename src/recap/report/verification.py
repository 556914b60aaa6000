"""The result of `verify` for a reader: what was predicted, what was inferred, where it first went wrong."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recap.lab.results import Deviation, EndState, ExplainedDeviation, Steps, VerifyResult
from recap.report.layout import named_figures
from recap.report.numbers import NO_FIGURE, count, percent
from recap.sim.open_loop import INFERENCES


def verification(result: VerifyResult) -> RenderableType:
    """The figures, then the end state, what was inferred, the first deviation and the notes, if any."""
    parts: list[RenderableType] = [verify_table(result)]
    if result.end:
        parts += [Text(), Text("At the second snapshot, of what the kernel has:", style="bold"), ending(result.end)]
    if result.captured:
        parts += [Text(), Text("Page capture, by step:", style="bold"), captured(result.captured)]
    if any(result.inferred.values()):
        parts += [Text(), Text("Inferred, because no event reports it:", style="bold"), inferred(result.inferred)]
    if result.first_mismatch:
        others = ", ".join(f"{number:,} {kind}" for kind, number in result.deviations.items())
        parts += [Text(), Text(f"Deviations: {others}. The first:", style="yellow"), first(result.first_mismatch)]
        parts.append(Text("`recap verify RECORDING --explain 1` shows its surroundings.", style="dim"))
    if result.notes:
        parts += [Text(), *(Text(f"Note: {note}") for note in result.notes)]
    return Group(*parts)


def verify_table(result: VerifyResult) -> Table:
    """One line for each figure."""
    table = named_figures()
    kernel_free = NO_FIGURE if result.free_pages_kernel is None else count(result.free_pages_kernel)
    same_lists = NO_FIGURE if result.free_lists_exact is None else f"{percent(result.free_lists_exact)} %"
    decoded = f"events a second: {result.seconds:.2f} s in the engine, after {result.decode_seconds:.2f} s of decoding"
    for row in (
        ("events", count(result.events), "of the recording, replayed"),
        ("allocations", count(result.allocations), "the kernel made"),
        ("exact", count(result.exact), "predicted to the page frame"),
        ("", f"{percent(result.exact_ratio)} %", ""),
        ("mismatched", count(result.mismatched), "predicted another frame"),
        ("untraced", count(result.untraced), "reported by no tracepoint, inferred"),
        ("refills", f"{percent(result.refills_exact)} %", f"of {count(result.refills)} blocks taken from free lists"),
        ("drains", f"{percent(result.drains_exact)} %", f"of {count(result.drains)} blocks given back"),
        *capture_row(result),
        ("free pages", count(result.free_pages_model), f"at the end; the kernel has {kernel_free}"),
        ("free lists", same_lists, "of the kernel's free blocks: same frame, order and type"),
        ("speed", count(result.events_per_second), decoded),
    ):
        table.add_row(*row)
    return table


def capture_row(result: VerifyResult) -> list[tuple[str, str, str]]:
    """A line for the steps of page capture, if there were any."""
    steps = f"of {count(result.captures)} steps of page capture: the same step, on the same block"
    return [("capture", f"{percent(result.captures_exact)} %", steps)] if result.captures else []


def ending(end: EndState) -> Table:
    """The end state: lists, and the counters that differ."""
    table = named_figures()
    rows = [
        (
            "free blocks",
            end.free_lists_exact,
            f"{percent(end.free_lists_in_place)} % with the same block ahead on the list",
        ),
        ("per-cpu lists", end.pcp_lists_exact, f"{percent(end.pcp_lists_in_place)} % with the same block ahead"),
        ("pageblocks", end.pageblocks_exact, "of the same type"),
    ]
    for name, part, says in rows:
        table.add_row(name, f"{percent(part)} %", says)
    differing = [counter for counter in end.counters if counter.model != counter.kernel]
    table.add_row("counters", f"{len(end.counters) - len(differing)} of {len(end.counters)}", "equal")
    for counter in differing:
        table.add_row("", count(counter.model), f"{counter.name}; the kernel has {count(counter.kernel)}")
    return table


CAPTURED = {
    "opened": "direct reclaims that capture",
    "own": "pages captured where their reclaimer freed them",
    "neighbour": "free blocks drawn in",
    "stolen": "blocks drawn in from another capture list",
    "outsider": "blocks that others freed and that joined",
    "trimmed": "blocks cut down to the order wanted",
    "returned": "blocks given to the free lists",
    "handed": "blocks handed over to their request",
    "refused": "blocks that the watermark refused",
}


def captured(steps: dict[str, Steps]) -> Table:
    """Each kind of step: how many there were, and the share predicted with the same block."""
    table = named_figures()
    for name, number in steps.items():
        either = number.kernel + number.only_model
        table.add_row(name, count(number.kernel), f"{CAPTURED[name]}: {percent(number.exact / either)} % exact")
    return table


def inferred(inferences: dict[str, int]) -> Table:
    """Each kind of inference that was made, and how often."""
    table = named_figures()
    for name, number in inferences.items():
        if number:
            table.add_row(name, count(number), INFERENCES[name])
    return table


def first(deviation: Deviation) -> Text:
    """One deviation in a line."""
    return Text(
        f"{deviation.number}. {deviation.kind} at event {deviation.event:,}, {deviation.seconds:.6f} s, "
        f"cpu {deviation.cpu}, {deviation.task}: {deviation.what}"
    )


def surroundings(explained: ExplainedDeviation) -> RenderableType:
    """One deviation with all that is known around it."""
    parts: list[RenderableType] = [first(explained.deviation)]
    for title, lines in (
        ("Where the model has these frames, just before", explained.where),
        ("The trace around it", explained.events),
        ("The model's lists, head first", explained.model_lists),
        ("What the kernel takes from its free lists next", explained.kernel_takes),
    ):
        if lines:
            parts += [Text(), Text(title, style="bold"), *(Text(line) for line in lines)]
    return Group(*parts)
