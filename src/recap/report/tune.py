"""A search for a better setting, for a reader: the parameters, what the found setting does, and one plain last line."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from recap.lab.figures import PERCENT
from recap.lab.results import CHANCE, Figure, listed
from recap.lab.tune import Knob, Tuning
from recap.report.comparison import PROSE_WIDTH
from recap.report.layout import ruled
from recap.report.numbers import NO_FIGURE, beside, count

SHOWN = ("success_percent", "stall_ms", "longest_stall_ms", "oom_kills", "pgscan_direct", "pgscan_kswapd", "pswpout")
COST = "stall_ms"
NEAR_END = 0.02  # of the range: the best may lie beyond


def tuning(result: Tuning) -> RenderableType:
    """All of it."""
    return Group(knobs(result), outcome(result), *(Constrain(Text(line), PROSE_WIDTH) for line in notes(result)))


def knobs(result: Tuning) -> Table:
    """The parameters, the ranges, what was found."""
    table = ruled("", ("parameter", "now", "searched", "found"), words=("parameter",))
    for knob in result.knobs:
        found = result.found.get(knob.name)
        table.add_row(
            knob.name,
            own(knob),
            f"{knob.low:,} to {knob.high:,}",
            f"{found:,}" if found is not None else "as it is",
        )
    return table


def own(knob: Knob) -> str:
    """The machine's value."""
    return NO_FIGURE if knob.own is None else f"{knob.own:,}"


def outcome(result: Tuning) -> Table:
    """What the setting changes, with seeds that did not choose it."""
    table = ruled(f"{' and '.join(result.sources)}, {result.policy}", ("", "now", "found"), words=("",))
    for name in dict.fromkeys((result.goal, *(limit.split()[0] for limit in result.limits), *SHOWN)):
        if name in result.before:
            table.add_row(name, str(result.before[name]), beside(result.after[name]) if result.found else "as it is")
    return table


def notes(result: Tuning) -> Iterator[str]:
    """How it was searched, what to beware of, and last what to do."""
    within = sum(one.within for one in result.tried)
    limits = f", {within} of them within {listed(result.limits)}" if result.limits else ""
    yield (
        f"{len(result.tried)} settings were tried{limits}. The figures are of {result.seeds} seeds that the search did "
        "not see."
    )
    for knob in result.knobs:
        end = end_of(knob, result.found.get(knob.name))
        if end:
            yield f"{knob.name} is at the {end} of its range: the best may lie beyond."
    for limit in result.broken:
        yield f"With these seeds {limit} does not hold."
    yield ""
    yield verdict(result)


def end_of(knob: Knob, found: int | None) -> str:
    """Which end of its range a value is at, if any."""
    if found is None:
        return ""
    near = NEAR_END * (knob.high - knob.low)
    return "upper end" if found >= knob.high - near else "lower end" if found <= knob.low + near else ""


def verdict(result: Tuning) -> str:
    """One line."""
    if not result.found:
        limits = f" within {listed(result.limits)}" if result.limits else ""
        return f"Nothing in these ranges gives certainly {result.better} {result.goal}{limits}: leave it as it is."
    by_name = {knob.name: knob for knob in result.knobs}
    settings = listed([f"{name} {own(by_name[name])} -> {value:,}" for name, value in result.found.items()])
    if not helps(result.after[result.goal]):
        return f"The best found, {settings}, may be chance: {goal(result)}. Leave it as it is, or run more seeds."
    idle = f"; {listed(result.idle)} made no difference that can be told" if result.idle else ""
    return f"{settings}: {goal(result)}{cost(result)}{idle}."


def helps(after: Figure) -> bool:
    """Certainly? The goal was named beforehand, so the other metrics do not count."""
    return after.difference is not None and after.difference.p < CHANCE


def goal(result: Tuning) -> str:
    """The goal before and after, with the difference."""
    before, after = result.before[result.goal], result.after[result.goal]
    percent = " %" if result.goal.endswith(PERCENT) else ""
    return f"{result.goal} {count(before.mean)} -> {count(after.mean)}{percent} (difference {after.difference})"


def cost(result: Tuning) -> str:
    """What requests wait for it."""
    before, after = result.before[COST].mean, result.after[COST].mean
    if result.goal == COST or not before:
        return ""
    return f", {COST} {100 * (after / before - 1):+.0f} %"
