"""How a number is written: counts whole, small means to a tenth, the spread beside the mean."""

from recap.lab.results import decimals

NO_FIGURE = "–"


def count(value: float) -> str:
    """A whole number with its thousands apart, or a small mean to a tenth."""
    return f"{value:,.{decimals(value)}f}"


def percent(share: float) -> str:
    """A share in percent, never rounded up to a whole it does not reach."""
    shown = f"{100 * share:.3f}"
    return "99.999" if shown == "100.000" and share < 1 else shown
