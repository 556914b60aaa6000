"""How a number is written: counts whole, small means to a tenth, the spread beside the mean."""

from recap.lab.results import Difference, Figure, decimals

NO_FIGURE = "–"
ENDINGS = {1: "st", 2: "nd", 3: "rd"}


def count(value: float) -> str:
    """A whole number with its thousands apart, or a small mean to a tenth."""
    return f"{value:,.{decimals(value)}f}"


def percent(share: float) -> str:
    """A share in percent, never rounded up to a whole it does not reach."""
    shown = f"{100 * share:.3f}"
    return "99.999" if shown == "100.000" and share < 1 else shown


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th."""
    last = number % 10 if number % 100 not in (11, 12, 13) else 0
    return f"{number}{ENDINGS.get(last, 'th')}"


def changed(change: Difference) -> str:
    """A difference without its sign: `1.4 ±0.3`."""
    return str(change).lstrip("+-")


def beside(value: Figure) -> str:
    """A figure and its difference to the baseline, `94.0 +1.4 ±0.3`; only its own interval where that says it all."""
    change = value.difference
    if change is None or change.mean == value.mean:
        return str(value)
    if not change.mean and not change.spread:
        return count(value.mean)
    return f"{count(value.mean)} {change}"
